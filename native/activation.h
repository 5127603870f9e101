/*
 * Activations and losses, a line each, for rows of a layer. Included by kernels.c.
 */

/*
 * Activations: name, value of z, gradient before it from the gradient d after it. `a` is the value, y what dropout made of
 * it; z may be used where the plan keeps it (Activation.needsPreactivation). NaN goes through each.
 */
#define ACTIVATIONS_HERE(A)                                 \
    A(LINEAR, z, d)                                         \
    A(RELU, z < 0 ? 0 : z, y > 0 ? d : 0)                   \
    A(TANH, tanh_f(z), d * (1.0f - a * a))                  \
    A(SIGMOID, sigmoid_f(z), d * (a * (1.0f - a)))          \
    A(GELU, gelu_f(z), d * gelu_slope(z))                   \
    A(SILU, z * sigmoid_f(z), d * (sigmoid_f(z) * (1.0f + z * (1.0f - sigmoid_f(z)))))

/*
 * Losses of single outputs: name, value and derivative for output y, target t and error e = y - t; `form` is the loss's
 * setting.
 */
#define ELEMENTWISE_LOSSES_HERE(L)            \
    L(MEAN_SQUARED_ERROR, e * e, 2.0f * e)    \
    L(HUBER, fabsf(e) <= form ? 0.5f * e * e : form * (fabsf(e) - 0.5f * form), \
      e > form ? form : e < -form ? -form : e) \
    L(BINARY_CROSS_ENTROPY, (y > 0 ? y : 0) - y * t + log1p_f(exp_f(-fabsf(y))), sigmoid_f(y) - t)

#define COUNT(...) +1
_Static_assert(0 ACTIVATIONS_HERE(COUNT) == ACTIVATIONS, "every activation is here");
_Static_assert(1 ELEMENTWISE_LOSSES_HERE(COUNT) == LOSSES, "every loss but cross-entropy is here");

#define CASE(name, value, derivative) case ACTIVATION_##name:
static int knows_activation(int activation) {
    switch (activation) {
        ACTIVATIONS_HERE(CASE)
        return 1;
    }
    return 0;
}
#undef CASE

#define CASE(name, value, derivative) case LOSS_##name:
static int knows_loss(int loss) {
    switch (loss) {
        case LOSS_CROSS_ENTROPY:
        ELEMENTWISE_LOSSES_HERE(CASE)
        return 1;
    }
    return 0;
}
#undef CASE

/* y = act(y + b) * keep over n values of a row; z keeps y + b where it is needed. */
INLINE void activate(const Layer *l, float *row, float *z_row, const float *bias, const float *kept, int n) {
    for (int j = 0; j < n; j++) {
        row[j] += bias[j];
    }
    if (z_row != NULL) {
        memcpy(z_row, row, (size_t)n * sizeof *row);
    }
    switch (l->activation) {
#define CASE(name, value, derivative)     \
    case ACTIVATION_##name:               \
        for (int j = 0; j < n; j++) {     \
            float z = row[j];             \
            row[j] = value;               \
        }                                 \
        break;
        ACTIVATIONS_HERE(CASE)
#undef CASE
    }
    if (kept != NULL) {
        for (int j = 0; j < n; j++) {
            row[j] = kept[j] == 0 ? 0 : row[j] * kept[j];
        }
    }
}

/* d *= keep * act' of the layer whose output is y, value before activation z (NULL where act' does not need it) */
INLINE void through_activation(const Layer *l, float *d_row, const float *y_row, const float *z_row, const float *kept,
                               int n) {
    float unscale = kept ? 1.0f / l->mask.scale : 1.0f;
    const float *zs = z_row != NULL ? z_row : y_row; /* something to read, which then nobody uses */
    switch (l->activation) {
#define CASE(name, value, gradient)                                  \
    case ACTIVATION_##name:                                          \
        for (int j = 0; j < n; j++) {                                \
            float d = d_row[j], y = y_row[j], a = y * unscale, z = zs[j]; \
            (void)y, (void)a, (void)z;                               \
            d_row[j] = gradient;                                     \
        }                                                            \
        break;
        ACTIVATIONS_HERE(CASE)
#undef CASE
    }
    if (kept != NULL) {
        for (int j = 0; j < n; j++) {
            d_row[j] = kept[j] == 0 ? 0 : d_row[j] * kept[j];
        }
    }
}

/* The loss of a row of n outputs, its gradient with respect to them times `factor`. */
INLINE float elementwise_row(int loss, float form, const float *output, const float *target, float *gradient,
                             float factor, int n) {
    float sum = 0;
    switch (loss) {
#define CASE(name, value, derivative)              \
    case LOSS_##name:                              \
        for (int j = 0; j < n; j++) {              \
            float y = output[j], t = target[j], e = y - t; \
            (void)y, (void)t, (void)e;             \
            sum += value;                          \
            gradient[j] = (derivative) * factor;   \
        }                                          \
        break;
        ELEMENTWISE_LOSSES_HERE(CASE)
#undef CASE
    }
    return sum;
}
