package org.quern.backend;

import org.quern.data.Dataset;
import org.quern.plan.Plan;

/**
 * How far a network's float32 outputs may be from the exact ones: the bounds of {@code
 * org.quern.verify.Bounds}, carried through the layers. With u = 2⁻²⁴, X the exact input of a
 * layer, E the bound of its error and k inputs, the sum X·W + b is off by at most |E|·|W| + 4 √(k +
 * 1) u ((|X| + E)·|W| + |b|), and an activation adds 8 u of its value; no activation is steeper
 * than 1.13.
 */
final class ForwardBound {
    private static final double U = 0x1p-24;
    private static final double STEEPEST = 1.13;

    private ForwardBound() {}

    /** The bound of each output [rows × outputs]. */
    static double[] of(Plan plan, float[] state, Dataset set, int first, int rows) {
        double[] all = new double[rows * plan.outputSize()];
        var scaling = plan.model().scaling();
        for (int row = 0; row < rows; row++) {
            double[] size = new double[plan.inputSize()];
            double[] error = new double[size.length];
            for (int i = 0; i < size.length; i++) {
                double scaled = Math.abs(set.value(first + row, i) * (double) scaling.scale());
                size[i] = scaled + Math.abs(scaling.shift());
                error[i] = 8 * U * size[i];
            }
            for (Plan.DenseSlices dense : plan.dense()) {
                int units = dense.layer().units();
                double[] nextSize = new double[units];
                double[] nextError = new double[units];
                for (int j = 0; j < units; j++) {
                    double magnitude = Math.abs(state[(int) dense.bias().offset() + j]);
                    double carried = 0;
                    for (int i = 0; i < size.length; i++) {
                        double w = Math.abs(state[(int) dense.weights().offset() + i * units + j]);
                        magnitude += size[i] * w;
                        carried += error[i] * w;
                    }
                    double sum =
                            carried + 4 * Math.sqrt(size.length + 1) * U * (magnitude + carried);
                    nextSize[j] = magnitude;
                    nextError[j] = STEEPEST * sum + 8 * U * magnitude;
                }
                size = nextSize;
                error = nextError;
            }
            System.arraycopy(error, 0, all, row * error.length, error.length);
        }
        return all;
    }
}
