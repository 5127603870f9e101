package org.quern.plan;

/** What training makes small; for each batch, the mean over its real rows. */
public enum Loss {
    /**
     * Softmax cross-entropy from logits z with a class index c as label, per row {@code log Σ
     * exp(zⱼ) − z_c}; Keras' SparseCategoricalCrossentropy(from_logits=True).
     */
    CROSS_ENTROPY,
    /** Mean squared error of a row, {@code Σ (yⱼ − tⱼ)² / columns}, as in Keras and PyTorch. */
    MEAN_SQUARED_ERROR
}
