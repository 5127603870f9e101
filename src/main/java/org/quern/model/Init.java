package org.quern.model;

/**
 * How a layer's weights start: uniform in [−limit, limit); biases start at 0. Weight i of layer l
 * is {@code (2 · unit(philox word i) − 1) · limit} in float32, the same bits on every backend.
 */
public enum Init {
    /** limit = √(6 / (in + out)), Keras' default (Glorot and Bengio, AISTATS 2010). */
    GLOROT,
    /** limit = √(6 / in), for deep ReLU networks (He et al., arXiv 1502.01852). */
    HE;

    /** The limit for a layer of {@code in} inputs and {@code out} units. */
    public float limit(int in, int out) {
        return (float) Math.sqrt(6.0 / (this == GLOROT ? (double) in + out : in));
    }
}
