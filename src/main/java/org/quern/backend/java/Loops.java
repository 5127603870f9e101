package org.quern.backend.java;

/**
 * The inner loops, each a counted loop over whole arrays that C2 turns into vector instructions.
 */
final class Loops {
    private Loops() {}

    /** y[j] += a · x[xAt + j] */
    static void add(float a, float[] x, int xAt, float[] y, int yAt, int n) {
        for (int j = 0; j < n; j++) {
            y[yAt + j] += a * x[xAt + j];
        }
    }

    /** y[j] += a·x[p + j] + b·x[q + j] + c·x[r + j] + d·x[s + j], added in that order. */
    static void add4(
            float a,
            int p,
            float b,
            int q,
            float c,
            int r,
            float d,
            int s,
            float[] x,
            float[] y,
            int yAt,
            int n) {
        for (int j = 0; j < n; j++) {
            y[yAt + j] = y[yAt + j] + a * x[p + j] + b * x[q + j] + c * x[r + j] + d * x[s + j];
        }
    }

    /**
     * y[j] += Σₑ values[e] · x[indices[e] · stride + xAt + j] over entries [from, to), four at a
     * time: a sum of rows of a matrix.
     */
    static void addRows(
            float[] values,
            int[] indices,
            int from,
            int to,
            float[] x,
            int xAt,
            int stride,
            float[] y,
            int yAt,
            int n) {
        int e = from;
        for (; e + 4 <= to; e += 4) {
            add4(
                    values[e],
                    indices[e] * stride + xAt,
                    values[e + 1],
                    indices[e + 1] * stride + xAt,
                    values[e + 2],
                    indices[e + 2] * stride + xAt,
                    values[e + 3],
                    indices[e + 3] * stride + xAt,
                    x,
                    y,
                    yAt,
                    n);
        }
        for (; e < to; e++) {
            add(values[e], x, indices[e] * stride + xAt, y, yAt, n);
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
