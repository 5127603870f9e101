package org.quern.backend;

import java.util.Arrays;
import java.util.List;
import org.quern.plan.Mask;
import org.quern.plan.Op;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * What C and the fused kernels are both told of a plan; each is told more behind it.
 *
 * @hidden
 */
public final class PlanWords {
    /** One more than an optimizer can have moments. */
    public static final int RULES = 4;

    private PlanWords() {}

    /** The words of the network, whose inputs are multiplied by {@code scale}. */
    public static Words net(Plan plan, float scale) {
        Op.Gather gather = plan.gather();
        float[] form = form(plan.optimizer());
        Words words =
                new Words()
                        .put("LAYERS", plan.dense().size())
                        .put("INPUTS", plan.inputSize())
                        .put("BATCH", plan.batch())
                        .put("LOSS", plan.loss().kind().ordinal())
                        .put("TARGETS: columns of the targets", plan.targetSize())
                        .put("RULE", rule(plan.optimizer()))
                        .put("M_ARENA: the moments' offsets in the arena, or 0", moment(plan, 0))
                        .put("V_ARENA", moment(plan, 1))
                        .putFloat("FORM_0: floats: the optimizer's", form[0])
                        .putFloat("FORM_1", form[1])
                        .putFloat("FORM_2", form[2])
                        .putFloat("LOSS_FORM: a float", plan.loss().constant())
                        .putFloat("SCALE: floats: an input is raw * scale + shift", scale)
                        .putFloat("SHIFT", gather.shift());
        return mask(words, "INPUT_", gather.mask());
    }

    public static Words layer(Plan.DenseSlices dense) {
        Words words =
                new Words()
                        .put("IN", dense.weights().rows())
                        .put("OUT", dense.weights().columns())
                        .put("ACTIVATION", dense.layer().activation().ordinal());
        return mask(words, "", dense.mask())
                .put("W_ARENA: offsets in the arena", dense.weights().offset())
                .put("B_ARENA", dense.bias().offset());
    }

    private static Words mask(Words words, String prefix, Mask mask) {
        return words.put(prefix + "STREAM: dropout", mask.stream())
                .put(prefix + "THRESHOLD", mask.threshold())
                .putFloat(prefix + "KEEP: a float", mask.scale());
    }

    private static long moment(Plan plan, int index) {
        List<Slice> moments = plan.update().moments();
        return moments.size() > index ? moments.get(index).offset() : 0;
    }

    /** The number of an optimizer's update rule: its own, and how many moments it has. */
    public static int rule(Optimizer optimizer) {
        return optimizer.kind().ordinal() * RULES + optimizer.moments();
    }

    /** The three numbers that a rule takes besides rate and decay. */
    public static float[] form(Optimizer optimizer) {
        return Arrays.copyOf(optimizer.constants(), 3);
    }
}
