package org.quern.verify;

import java.util.ArrayList;
import java.util.List;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Plan;
import org.quern.train.TrainingConfig;

/**
 * The networks whose gradients are checked: every activation, loss and place of dropout, odd sizes.
 */
public final class GradientSuite {
    private GradientSuite() {}

    /** A network of the suite. */
    public record Network(String name, Plan plan) {
        @Override
        public String toString() {
            return name;
        }
    }

    /** All networks. */
    public static List<Network> networks() {
        List<Network> networks = new ArrayList<>();
        for (Activation activation : Activation.values()) {
            String a = activation.text();
            networks.add(of("dense 7 " + a + ", dense 3", 5, Loss.CROSS_ENTROPY, 4));
            networks.add(of("dense 5 tanh, dense 3 " + a, 7, Loss.MEAN_SQUARED_ERROR, 3));
            networks.add(
                    of(
                            "dense 6 "
                                    + a
                                    + ", dropout 0.4, dense 5 "
                                    + a
                                    + ", dropout 0.2, dense 2",
                            11,
                            Loss.CROSS_ENTROPY,
                            6));
        }
        networks.add(of("dense 1", 1, Loss.CROSS_ENTROPY, 1));
        networks.add(of("dense 1", 1, Loss.MEAN_SQUARED_ERROR, 1));
        networks.add(of("dense 5 tanh, dense 3 sigmoid", 7, Loss.huber(0.3), 3));
        networks.add(of("dropout 0.3, dense 4", 13, Loss.CROSS_ENTROPY, 5));
        networks.add(
                of(
                        "dropout 0.2, dense 17 relu, dropout 0.5, dense 13 gelu, dense 11 sigmoid,"
                                + " dropout 0.1, dense 10",
                        33,
                        Loss.CROSS_ENTROPY,
                        9));
        networks.add(of("dense 31 relu, dense 2", 257, Loss.CROSS_ENTROPY, 3));
        return networks;
    }

    /** The network of a configuration, for a user's own check. */
    public static Network of(TrainingConfig config) {
        String name = config.model().text() + ", " + config.loss().title();
        return new Network(name, config.plan());
    }

    private static Network of(String layers, int inputs, Loss loss, int batch) {
        Model model = ModelText.parse(Model.input(inputs).scaled(Scaling.UNIT), layers);
        Network network = of(TrainingConfig.of(model).withLoss(loss).withBatch(batch));
        return new Network(inputs + " inputs, " + network.name(), network.plan());
    }
}
