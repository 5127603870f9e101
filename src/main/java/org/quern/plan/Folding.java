package org.quern.plan;

import java.util.List;
import org.quern.data.Columns;
import org.quern.model.Activation;

/**
 * Takes what {@link Columns} do to a table's numbers into the layers next to them, so that a
 * network that learned from standardized rows takes rows, and gives numbers, in the table's units.
 *
 * <p>With inputs {@code z = (x − m) f} the first layer's {@code z·W + b} is {@code x·W' + b'} for
 * {@code W' = f W} and {@code b' = b − m·W'}; with targets {@code t = (y − M) / D} the last layer's
 * is {@code D W} and {@code D b + M}. Computed in float64, rounded once.
 *
 * @hidden
 */
public final class Folding {
    private Folding() {}

    /**
     * Whether targets can be standardized for a plan's last layer: only a linear one can undo it.
     */
    public static boolean takesTargets(Plan plan) {
        return !plan.loss().takesLogits()
                && plan.dense().get(plan.dense().size() - 1).layer().activation()
                        == Activation.LINEAR;
    }

    /** The parameters for encoded rows, of those that were trained on standardized ones. */
    public static float[] fold(Plan plan, float[] parameters, Columns columns) {
        double[] means = columns.means();
        double[] factors = columns.factors();
        double[] folded = new double[parameters.length];
        for (int i = 0; i < folded.length; i++) {
            folded[i] = parameters[i];
        }
        Plan.DenseSlices first = plan.dense().get(0);
        int units = first.weights().columns();
        for (int i = 0; i < first.weights().rows(); i++) {
            for (int j = 0; j < units; j++) {
                int weight = (int) first.weights().offset() + i * units + j;
                folded[weight] *= factors[i];
                folded[(int) first.bias().offset() + j] -= means[i] * folded[weight];
            }
        }
        if (takesTargets(plan)) {
            List<Columns.Target> targets = columns.targets();
            Plan.DenseSlices last = plan.dense().get(plan.dense().size() - 1);
            int outputs = last.weights().columns();
            for (int i = 0; i <= last.weights().rows(); i++) {
                // the bias last
                boolean isBias = i == last.weights().rows();
                long row =
                        isBias
                                ? last.bias().offset()
                                : last.weights().offset() + (long) i * outputs;
                for (int j = 0; j < outputs; j++) {
                    Columns.Target target = targets.get(j);
                    folded[(int) row + j] *= target.deviation();
                    folded[(int) row + j] += isBias ? target.mean() : 0;
                }
            }
        }
        float[] rounded = new float[folded.length];
        for (int i = 0; i < rounded.length; i++) {
            rounded[i] = (float) folded[i];
        }
        return rounded;
    }
}
