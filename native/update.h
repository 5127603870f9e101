/*
 * The optimizers on runs of parameters.
 *
 * Included by kernels.c.
 */

/* What an update needs, by value, so that compilers see that no store changes it. */
typedef struct {
    float *w, *m, *v;
    float form[3], rate, decay;
} Update;

INLINE Update update_of(const Net *net, const Pass *pass) {
    return (Update){net->arena, net->m, net->v, {net->form[0], net->form[1], net->form[2]}, pass->rate, pass->decay};
}

/* The rules: a vector of parameters w with gradients g and moments m and v, as far as the rule has them, to the new w. */

INLINE vfloat adam(Update u, vfloat w, vfloat g, vfloat *m, vfloat *v) {
    *m = multiply_add(g - *m, all(u.form[0]), *m);
    *v = multiply_add(multiply_add(g, g, -*v), all(u.form[1]), *v);
    return multiply_add(w, all(u.decay), -(u.rate * *m / (root(*v) + u.form[2])));
}

INLINE vfloat sgd(Update u, vfloat w, vfloat g) { return multiply_add(w, all(u.decay), -(u.rate * g)); }

INLINE vfloat momentum(Update u, vfloat w, vfloat g, vfloat *m) {
    *m = multiply_add(all(u.form[0]), *m, -(u.rate * g));
    return multiply_add(w, all(u.decay), *m);
}

INLINE vfloat lion(Update u, vfloat w, vfloat g, vfloat *m) {
    vfloat c = multiply_add(g - *m, all(u.form[0]), *m);
    vint step = ((vint)all(u.rate) | ((vint)c & INT32_MIN)) & (vint)(c != 0); /* rate times the sign */
    *m = multiply_add(g - *m, all(u.form[1]), *m);
    return multiply_add(w, all(u.decay), -(vfloat)(step | ((vint)c & (vint)(c != c)))); /* NaN stays */
}

/* Optimizer, moments, and the call of its rule. */
#define RULES(R)                      \
    R(ADAM, 2, adam(u, w, g, &m, &v)) \
    R(SGD, 0, sgd(u, w, g))           \
    R(SGD, 1, momentum(u, w, g, &m))  \
    R(LION, 1, lion(u, w, g, &m))

#define CASE(optimizer, moments, call) case RULE(optimizer, moments):
static int knows_rule(int rule) {
    switch (rule) {
        RULES(CASE)
        return 1;
    }
    return 0;
}
#undef CASE

/* Calls CALL, a macro of whoever uses this, with the rule as a constant. */
#define BY_RULE(rule)         \
    switch (rule) {           \
        RULES(BY_RULE_CASE)   \
    }
#define BY_RULE_CASE(optimizer, moments, call) \
    case RULE(optimizer, moments):             \
        CALL(RULE(optimizer, moments));        \
        break;

/*
 * The optimizer on a vector of parameters, the first n lanes of it, from index `at` of the parameter slice. The rule is a
 * constant after inlining.
 */
INLINE void update_vector(const int rule, Update u, int64_t at, vfloat g, int n) {
    int whole = n >= LANES;
    vfloat w = whole ? load(u.w + at) : load_first(u.w + at, n), m = {0}, v = {0};
    if (MOMENTS(rule) > 0) {
        m = whole ? load(u.m + at) : load_first(u.m + at, n);
    }
    if (MOMENTS(rule) > 1) {
        v = whole ? load(u.v + at) : load_first(u.v + at, n);
    }
    switch (rule) {
#define CASE(optimizer, moments, call)  \
    case RULE(optimizer, moments):      \
        w = call;                       \
        break;
        RULES(CASE)
#undef CASE
    }
    if (MOMENTS(rule) > 0) {
        whole ? store(u.m + at, m) : store_first(u.m + at, m, n);
    }
    if (MOMENTS(rule) > 1) {
        whole ? store(u.v + at, v) : store_first(u.v + at, v, n);
    }
    whole ? store(u.w + at, w) : store_first(u.w + at, w, n);
}

INLINE void update_by(const int rule, Update u, int64_t at, const float *g, int n) {
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        update_vector(rule, u, at + i, load(g + i), LANES);
    }
    if (i < n) {
        update_vector(rule, u, at + i, load_first(g + i, n - i), n - i);
    }
}

/* The optimizer on n parameters from index `at` of the parameter slice, with their gradients. */
static void update_range(const Net *net, const Pass *pass, int64_t at, const float *g, int n) {
    Update u = update_of(net, pass);
#define CALL(rule) update_by(rule, u, at, g, n)
    BY_RULE(net->rule)
#undef CALL
}

/* The optimizer over all parameters, gradients from the arena. */
static void update(Net *net, const Pass *pass) {
    const float *g = net->layer[0].dw;
    for (int64_t at = 0; at < net->parameters; at += 4096) {
        int64_t left = net->parameters - at;
        update_range(net, pass, at, g + at, (int)(left < 4096 ? left : 4096));
    }
}
