/*
 * Adam and SGD on runs of parameters.
 *
 * Included by kernels.c.
 */

enum { ADAM_RULE, MOMENTUM_RULE, PLAIN_RULE };

/* What an update needs, by value, so that compilers see that no store changes it. */
typedef struct {
    float *w, *m, *v;
    float one_minus_beta1, one_minus_beta2, epsilon, momentum, rate, decay;
} Update;

INLINE Update update_of(const Net *net, const Pass *pass) {
    return (Update){net->arena, net->m, net->v, net->one_minus_beta1, net->one_minus_beta2, net->epsilon,
                    net->momentum, pass->rate, pass->decay};
}

INLINE int rule_of(const Net *net) {
    return net->optimizer == ADAM ? ADAM_RULE : net->m != NULL ? MOMENTUM_RULE : PLAIN_RULE;
}

/*
 * The optimizer on a vector of parameters, the first n lanes of it, from index `at` of the parameter slice. The rule is a
 * constant after inlining.
 */
INLINE void update_vector(const int rule, Update u, int64_t at, vfloat g, int n) {
    float *to_w = u.w + at, *to_m = u.m + at, *to_v = u.v + at;
    int whole = n >= LANES;
    vfloat w = whole ? load(to_w) : load_first(to_w, n);
    if (rule == ADAM_RULE) {
        vfloat m = whole ? load(to_m) : load_first(to_m, n), v = whole ? load(to_v) : load_first(to_v, n);
        m = multiply_add(g - m, all(u.one_minus_beta1), m);
        v = multiply_add(multiply_add(g, g, -v), all(u.one_minus_beta2), v);
        w = multiply_add(w, all(u.decay), -(u.rate * m / (root(v) + u.epsilon)));
        if (whole) {
            store(to_m, m), store(to_v, v);
        } else {
            store_first(to_m, m, n), store_first(to_v, v, n);
        }
    } else if (rule == MOMENTUM_RULE) {
        vfloat m = multiply_add(all(u.momentum), whole ? load(to_m) : load_first(to_m, n), -(u.rate * g));
        if (whole) {
            store(to_m, m);
        } else {
            store_first(to_m, m, n);
        }
        w = multiply_add(w, all(u.decay), m);
    } else {
        w = multiply_add(w, all(u.decay), -(u.rate * g));
    }
    if (whole) {
        store(to_w, w);
    } else {
        store_first(to_w, w, n);
    }
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

/* Adam or SGD on n parameters from index `at` of the parameter slice, with their gradients. */
static void update_range(const Net *net, const Pass *pass, int64_t at, const float *g, int n) {
    Update u = update_of(net, pass);
    switch (rule_of(net)) {
        case ADAM_RULE:
            update_by(ADAM_RULE, u, at, g, n);
            break;
        case MOMENTUM_RULE:
            update_by(MOMENTUM_RULE, u, at, g, n);
            break;
        default:
            update_by(PLAIN_RULE, u, at, g, n);
    }
}

/* The optimizer over all parameters, gradients from the arena. */
static void update(Net *net, const Pass *pass) {
    const float *g = net->layer[0].dw;
    for (int64_t at = 0; at < net->parameters; at += 4096) {
        int64_t left = net->parameters - at;
        update_range(net, pass, at, g + at, (int)(left < 4096 ? left : 4096));
    }
}
