package org.quern.backend.cpu;

import java.util.List;
import org.quern.backend.PlanWords;
import org.quern.backend.Words;
import org.quern.plan.Op;
import org.quern.plan.Plan;

/** A plan as {@code native/net.c} reads it: the words of the network and those of each layer. */
record NetDescription(Words net, List<Words> layers) {

    static NetDescription of(Plan plan, int threads) {
        Op.Gather gather = plan.gather();
        Words net =
                PlanWords.net(plan, gather.scale())
                        .put("THREADS", threads)
                        .put("CAPACITY: most rows of an inference pass", plan.inferenceBatch())
                        .put("PARAMETERS: numbers, gaps included", plan.parameters().size())
                        .put("ARENA: numbers of the arena", plan.arena())
                        .put("X_ARENA: offsets in it", gather.x().offset())
                        .put("TARGETS_ARENA", gather.targets().offset())
                        .put("LOSSES_ARENA", plan.metrics().loss().offset())
                        .put("HITS_ARENA", plan.metrics().hits().offset());
        return new NetDescription(net, plan.dense().stream().map(NetDescription::layer).toList());
    }

    private static Words layer(Plan.DenseSlices dense) {
        return PlanWords.layer(dense)
                .put("Z_ARENA: 0: z is not kept", dense.z() == null ? 0 : dense.z().offset())
                .put("Y_ARENA", dense.y().offset())
                .put("DY_ARENA", dense.dy().offset())
                .put("DW_ARENA", dense.dw().offset())
                .put("DB_ARENA", dense.db().offset());
    }

    long[] words() {
        return net.followedBy(layers);
    }
}
