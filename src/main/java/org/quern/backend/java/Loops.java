package org.quern.backend.java;

import java.util.Arrays;

/**
 * The inner loops, each a counted loop that C2 turns into vector instructions. It does so only if
 * all arrays are read and written at the same index: of two places in arrays, which might be one
 * array, it does not know that they do not overlap. So a matrix is given as arrays of its rows.
 * Longer sums than of four rows are too much for it.
 */
final class Loops {
    private Loops() {}

    /** y[j] += a · x[j] */
    static void add(float a, float[] x, float[] y, int n) {
        for (int j = 0; j < n; j++) {
            y[j] += a * x[j];
        }
    }

    private static void add2(float a, float[] p, float b, float[] q, float[] y, int n) {
        for (int j = 0; j < n; j++) {
            y[j] = y[j] + a * p[j] + b * q[j];
        }
    }

    private static void add4(
            float a,
            float[] p,
            float b,
            float[] q,
            float c,
            float[] r,
            float d,
            float[] s,
            float[] y,
            int n) {
        for (int j = 0; j < n; j++) {
            y[j] = y[j] + a * p[j] + b * q[j] + c * r[j] + d * s[j];
        }
    }

    /** y[j] = Σₑ values[e] · x[indices[e]][j] over entries [from, to), added in that order. */
    static void sumRows(
            float[] values, int[] indices, int from, int to, float[][] x, float[] y, int n) {
        Arrays.fill(y, 0, n, 0);
        int e = from;
        for (; e + 4 <= to; e += 4) {
            add4(
                    values[e],
                    x[indices[e]],
                    values[e + 1],
                    x[indices[e + 1]],
                    values[e + 2],
                    x[indices[e + 2]],
                    values[e + 3],
                    x[indices[e + 3]],
                    y,
                    n);
        }
        if (e + 2 <= to) {
            add2(values[e], x[indices[e]], values[e + 1], x[indices[e + 1]], y, n);
            e += 2;
        }
        if (e < to) {
            add(values[e], x[indices[e]], y, n);
        }
    }

    /** Adam on n parameters: see {@link org.quern.plan.Optimizer.Adam}. */
    static void adam(
            float[] w,
            float[] g,
            float[] m,
            float[] v,
            int n,
            float one,
            float two,
            float epsilon,
            float rate,
            float decay) {
        for (int i = 0; i < n; i++) {
            float mi = m[i] + (g[i] - m[i]) * one;
            float vi = v[i] + (g[i] * g[i] - v[i]) * two;
            m[i] = mi;
            v[i] = vi;
            w[i] = w[i] * decay - rate * mi / ((float) Math.sqrt(vi) + epsilon);
        }
    }

    /** SGD with momentum on n parameters: see {@link org.quern.plan.Optimizer.Sgd}. */
    static void momentum(
            float[] w, float[] g, float[] u, int n, float momentum, float rate, float decay) {
        for (int i = 0; i < n; i++) {
            float move = momentum * u[i] - rate * g[i];
            u[i] = move;
            w[i] = w[i] * decay + move;
        }
    }

    /** SGD without momentum. */
    static void sgd(float[] w, float[] g, int n, float rate, float decay) {
        for (int i = 0; i < n; i++) {
            w[i] = w[i] * decay - rate * g[i];
        }
    }
}
