package org.quern.backend.cpu;

import java.util.ArrayList;
import java.util.List;
import org.quern.backend.PlanWords;
import org.quern.backend.Words;
import org.quern.plan.Op;
import org.quern.plan.Plan;

/**
 * A plan as {@code native/net.c} reads it.
 *
 * @param layers those of each layer
 */
record NetDescription(Words net, List<Words> layers) {

    /** Describes a plan for some threads. */
    static NetDescription of(Plan plan, int threads) {
        Op.Gather gather = PlanWords.gather(plan);
        Words net =
                PlanWords.net(plan, gather.scale())
                        .put("THREADS", threads)
                        .put("CAPACITY: most rows of an inference pass", plan.inferenceBatch())
                        .put("PARAMETERS: numbers, gaps included", plan.parameters().size())
                        .put("ARENA: numbers of the arena", plan.arena())
                        .put("X_ARENA: offsets in it", gather.x().offset())
                        .put("TARGETS_ARENA", gather.targets().offset());
        List<Words> layers = new ArrayList<>();
        for (Op op : plan.training()) {
            if (op instanceof Op.Metrics o) {
                net.put("LOSSES_ARENA", o.loss().offset()).put("HITS_ARENA", o.hits().offset());
            }
        }
        for (Plan.DenseSlices dense : plan.dense()) {
            layers.add(layer(plan, dense));
        }
        return new NetDescription(net, layers);
    }

    private static Words layer(Plan plan, Plan.DenseSlices dense) {
        Op.DenseForward forward = null;
        Op.DenseBackwardWeights backward = null;
        for (Op op : plan.training()) {
            if (op instanceof Op.DenseForward o && o.weights().equals(dense.weights())) {
                forward = o;
            } else if (op instanceof Op.DenseBackwardWeights o && o.x().equals(dense.x())) {
                backward = o;
            }
        }
        return PlanWords.layer(dense)
                .put("Z_ARENA: 0: z is not kept", forward.z() == null ? 0 : forward.z().offset())
                .put("Y_ARENA", forward.y().offset())
                .put("DY_ARENA", backward.dy().offset())
                .put("DW_ARENA", backward.dw().offset())
                .put("DB_ARENA", backward.db().offset());
    }

    /** The description as C reads it. */
    long[] words() {
        return net.followedBy(layers);
    }
}
