package org.quern.backend.cpu;

import java.util.List;
import org.quern.model.Scaling;
import org.quern.plan.Mask;
import org.quern.plan.Op;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/**
 * A plan as two arrays, read by {@code fill_in} in {@code native/jni.c}: numbers, and float values.
 *
 * @param numbers arena, batch, inference batch, layers, loss, optimizer, input, outputs, target
 *     width, parameters, offsets of moments (−1: none), input, targets, losses and hits, input mask
 *     (threshold, stream), threads; then for each layer in, out, activation, mask, offsets of W, b,
 *     dW, db, Z, Y, dY
 * @param values scale, shift, 1 − β₁, 1 − β₂, ε, momentum, the input mask's scale and each layer's
 */
record NetDescription(long[] numbers, float[] values) {
    private static final int HEAD = 19;
    private static final int PER_LAYER = 12;

    static NetDescription of(Plan plan, int threads) {
        List<Plan.DenseSlices> dense = plan.dense();
        long[] numbers = new long[HEAD + PER_LAYER * dense.size()];
        float[] values = new float[7 + dense.size()];
        Scaling scaling = plan.model().scaling();
        values[0] = scaling.scale();
        values[1] = scaling.shift();
        float[] constants = plan.optimizer().constants();
        boolean adam = plan.optimizer().kind() == Optimizer.Kind.ADAM;
        System.arraycopy(constants, 0, values, adam ? 2 : 5, constants.length);
        Op.Gather gather = (Op.Gather) plan.training().get(0);
        values[6] = gather.mask().scale();
        int moments = plan.optimizer().moments();
        Op.Metrics metrics = plan.metrics();
        long[] head = {
            plan.arena(),
            plan.batch(),
            plan.inferenceBatch(),
            dense.size(),
            plan.loss().kind().ordinal(),
            plan.optimizer().kind().ordinal(),
            plan.inputSize(),
            plan.outputSize(),
            plan.targetSize(),
            plan.parameters().size(),
            moments > 0 ? plan.moment(0).offset() : -1,
            moments > 1 ? plan.moment(1).offset() : -1,
            gather.x().offset(),
            gather.targets().offset(),
            metrics.loss().offset(),
            metrics.hits().offset(),
            gather.mask().threshold(),
            gather.mask().stream(),
            threads
        };
        System.arraycopy(head, 0, numbers, 0, HEAD);
        for (int i = 0; i < dense.size(); i++) {
            layer(plan, i, numbers, HEAD + PER_LAYER * i);
            values[7 + i] = dense.get(i).mask().scale();
        }
        return new NetDescription(numbers, values);
    }

    private static void layer(Plan plan, int index, long[] numbers, int at) {
        Plan.DenseSlices dense = plan.dense().get(index);
        Mask mask = dense.mask();
        long[] layer = new long[PER_LAYER];
        layer[0] = dense.weights().rows();
        layer[1] = dense.weights().columns();
        layer[2] = dense.layer().activation().ordinal();
        layer[3] = mask.threshold();
        layer[4] = mask.stream();
        layer[5] = dense.weights().offset();
        layer[6] = dense.bias().offset();
        for (Op op : plan.training()) {
            if (op instanceof Op.DenseForward o && o.weights().equals(dense.weights())) {
                layer[9] = o.z() == null ? -1 : o.z().offset();
                layer[10] = o.y().offset();
            } else if (op instanceof Op.DenseBackwardWeights o && o.x().equals(dense.x())) {
                layer[7] = o.dw().offset();
                layer[8] = o.db().offset();
                layer[11] = o.dy().offset();
            }
        }
        System.arraycopy(layer, 0, numbers, at, PER_LAYER);
    }
}
