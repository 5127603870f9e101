package org.quern.verify;

import static org.quern.verify.KernelCases.pixels;
import static org.quern.verify.KernelCases.probabilities;
import static org.quern.verify.KernelCases.targets;

import java.util.ArrayList;
import java.util.List;
import org.quern.data.Dataset;
import org.quern.model.Activation;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;

/** Every op of the plans of some networks with awkward sizes. */
public final class AwkwardCases {
    private static final Optimizer ADAM = Optimizer.Adam.DEFAULT;
    private static final Optimizer ADAMW = new Optimizer.Adam(0.8, 0.99, 1e-5, 0.1);
    private static final Optimizer SGD = new Optimizer.Sgd(0, 0);
    private static final Optimizer MOMENTUM = new Optimizer.Sgd(0.9, 0.01);
    private static final Optimizer LION = new Optimizer.Lion(0.9, 0.99, 0.1);

    private AwkwardCases() {}

    /** All cases. */
    public static List<KernelCase> all() {
        List<KernelCase> cases = new ArrayList<>();
        add(cases, "dense 2", pixels(3, 1), Loss.CROSS_ENTROPY, ADAM, 1, 0, 1);
        add(
                cases,
                "dense 31 relu, dropout 0.3, dense 33 tanh, dense 2",
                values(7, 2),
                Loss.CROSS_ENTROPY,
                SGD,
                2,
                5,
                1);
        add(
                cases,
                "dense 33 sigmoid, dropout 0.5, dense 31 gelu, dense 10",
                pixels(48, 257),
                Loss.CROSS_ENTROPY,
                MOMENTUM,
                31,
                3,
                1);
        add(
                cases,
                "dense 48 relu, dropout 0.3, dense 15, dropout 0.3, dense 10",
                pixels(70, 784),
                Loss.CROSS_ENTROPY,
                ADAM,
                32,
                100_000,
                1);
        add(
                cases,
                "dropout 0.2, dense 257 gelu, dropout 0.9, dense 1000",
                values(20, 33),
                Loss.CROSS_ENTROPY,
                ADAMW,
                7,
                2,
                3);
        add(
                cases,
                "dense 31 tanh, dropout 0.4, dense 17 sigmoid, dropout 0.1, dense 13",
                pixels(5, 31),
                Loss.CROSS_ENTROPY,
                ADAM,
                33,
                0,
                1e4f);
        add(
                cases,
                "dense 500 relu, dropout 0.5, dense 101 tanh, dense 67",
                values(200, 300),
                Loss.CROSS_ENTROPY,
                ADAM,
                130,
                1,
                1);
        add(cases, "dense 13 relu, dense 5", pixels(40, 30), Loss.CROSS_ENTROPY, LION, 8, 2, 1);
        // more rows than any kernel takes at once
        add(
                cases,
                "dense 5 relu, dropout 0.1, dense 3",
                pixels(2405, 12),
                Loss.CROSS_ENTROPY,
                ADAM,
                1200,
                1,
                1);
        add(
                cases,
                "dense 13 tanh, dense 5 gelu",
                values(34, 31).withTargets(targets(34, 5), 5),
                Loss.huber(0.75),
                MOMENTUM,
                33,
                1,
                2);
        Loss weighted = Loss.crossEntropy(List.of(0.3, 7.0, 1.0, 0.0, 2.0));
        add(cases, "dense 13 relu, dense 5", pixels(40, 30), weighted, ADAM, 33, 1, 1);
        List<Double> four = List.of(0.3, 7.0, 1.0, 2.0);
        add(cases, "dense 4", values(11, 5), Loss.crossEntropy(four), SGD, 4, 2, 1e4f);
        // several lanes a row; logits beyond every exponential
        add(
                cases,
                "dense 13 relu, dense 67",
                pixels(40, 31).withTargets(probabilities(40 * 67, 3, 67, 0), 67),
                Loss.BINARY_CROSS_ENTROPY,
                ADAM,
                33,
                1,
                1);
        add(
                cases,
                "dense 1",
                values(11, 5).withTargets(probabilities(11, 3, 1, 0), 1),
                Loss.BINARY_CROSS_ENTROPY,
                SGD,
                4,
                2,
                1e4f);
        for (Activation activation : Activation.values()) {
            add(
                    cases,
                    "dense 13 tanh, dense 5 " + activation.text(),
                    values(34, 31).withTargets(targets(34, 5), 5),
                    Loss.MEAN_SQUARED_ERROR,
                    MOMENTUM,
                    33,
                    1,
                    2);
            add(
                    cases,
                    "dense 7 " + activation.text() + ", dropout 0.25, dense 1",
                    pixels(11, 13).withTargets(targets(11, 1), 1),
                    Loss.MEAN_SQUARED_ERROR,
                    ADAM,
                    4,
                    2,
                    1);
        }
        return List.copyOf(cases);
    }

    private static Dataset values(int rows, int features) {
        return Dataset.ofValues("case values", new int[] {features}, targets(rows, features));
    }

    private static void add(
            List<KernelCase> cases,
            String layers,
            Dataset data,
            Loss loss,
            Optimizer optimizer,
            int batch,
            long step,
            float spread) {
        cases.addAll(KernelCases.of(layers, data, loss, optimizer, batch, step, spread));
    }
}
