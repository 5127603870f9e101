package org.quern.backend.java;

import org.quern.backend.StepContext;
import org.quern.plan.Op;

/** Losses with their gradients, and the step's entry in the log. */
final class Losses {
    private Losses() {}

    /** See {@link Op.CrossEntropy}; exponentials are summed in float64. */
    static void crossEntropy(Op.CrossEntropy op, Arena arena, int rows) {
        int n = op.logits().columns();
        float[] a = arena.array(op.logits());
        int targets = arena.at(op.targets());
        for (int b = 0; b < rows; b++) {
            int z = arena.at(op.logits()) + b * n;
            int g = arena.at(op.gradient()) + b * n;
            int target = (int) a[targets + b];
            int best = 0;
            for (int j = 1; j < n; j++) {
                best = a[z + j] > a[z + best] ? j : best;
            }
            double top = a[z + best];
            double sum = 0;
            for (int j = 0; j < n; j++) {
                double e = Math.exp(a[z + j] - top);
                a[g + j] = (float) e;
                sum += e;
            }
            float factor = (float) (1 / (sum * rows));
            for (int j = 0; j < n; j++) {
                a[g + j] *= factor;
            }
            a[g + target] -= 1f / rows;
            a[arena.at(op.loss()) + b] = (float) (Math.log(sum) + top - a[z + target]);
            a[arena.at(op.hits()) + b] = best == target ? 1 : 0;
        }
    }

    /** See {@link Op.SquaredError}. */
    static void squaredError(Op.SquaredError op, Arena arena, int rows) {
        int n = op.y().columns();
        float[] a = arena.array(op.y());
        float factor = 2f / ((float) rows * n);
        for (int b = 0; b < rows; b++) {
            float sum = 0;
            for (int j = 0; j < n; j++) {
                int k = b * n + j;
                float y = a[arena.at(op.y()) + k];
                float z = op.z() == null ? 0 : a[arena.at(op.z()) + k];
                float error = y - a[arena.at(op.targets()) + k];
                sum += error * error;
                a[arena.at(op.gradient()) + k] =
                        factor * error * Activations.derivative(op.activation(), y, z);
            }
            a[arena.at(op.loss()) + b] = sum / n;
            a[arena.at(op.hits()) + b] = 0;
        }
    }

    /** See {@link Op.Metrics}. */
    static void metrics(Op.Metrics op, Arena arena, StepContext pass) {
        float[] a = arena.array(op.loss());
        float loss = 0;
        int hits = 0;
        for (int b = 0; b < pass.rows(); b++) {
            loss += a[arena.at(op.loss()) + b];
            hits += (int) a[arena.at(op.hits()) + b];
        }
        pass.log(loss, hits);
    }
}
