package org.quern.backend.gpu;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.quern.model.Activation;
import org.quern.plan.Loss;
import org.quern.plan.Op;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/** The networks that {@code kernels/cuda/fused_shape.h} has a kernel of their own for. */
final class FusedShape {
    static final int BATCH = 32;
    static final int THREADS = 384;
    static final int MEMORY = 108 << 10; // bytes of a block
    static final int COLUMNS = 4; // of the first layer, of a block

    /** Inputs and units of each layer. */
    private static final List<List<Integer>> KNOWN =
            List.of(List.of(784, 48, 15, 10), List.of(784, 40, 10));

    private FusedShape() {}

    /** The blocks of a cluster that train a plan by its own kernel; null if it has none. */
    static BlockTeam team(Plan plan, boolean pixels, long memory) {
        List<Integer> widths = new ArrayList<>(List.of(plan.inputSize()));
        plan.dense().forEach(dense -> widths.add(dense.layer().units()));
        if (!KNOWN.contains(widths) || !isTaken(plan, pixels)) {
            return null;
        }
        String name = widths.stream().map(String::valueOf).collect(Collectors.joining("_"));
        String rule = plan.optimizer().kind() == Optimizer.Kind.ADAM ? "_adam" : "_sgd";
        BlockTeam.Kind kind = BlockTeam.Kind.CLUSTER;
        return new BlockTeam(kind, widths.get(1) / COLUMNS, memory, false, name + rule);
    }

    private static boolean isTaken(Plan plan, boolean pixels) {
        Op.Gather gather = plan.gather();
        int last = plan.dense().size() - 1;
        boolean layers = true;
        for (int l = 0; l <= last; l++) {
            Plan.DenseSlices dense = plan.dense().get(l);
            Activation activation = dense.layer().activation();
            layers &=
                    activation == Activation.LINEAR || (activation == Activation.RELU && l < last);
            layers &= l < last || !dense.mask().drops();
        }
        return layers
                && pixels
                && gather.shift() == 0
                && gather.scale() > 0
                && !gather.mask().drops()
                && plan.batch() == BATCH
                && plan.loss().kind() == Loss.Kind.CROSS_ENTROPY
                && plan.optimizer().kind() != Optimizer.Kind.LION;
    }
}
