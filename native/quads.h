/*
 * Sparse rows, quad by quad: their products with the weights, and the gradients of these with the optimizer.
 *
 * Included by step.h.
 */

/* The batch's quads that are not zeros, row by row, with values scaled and dropped out; and the rows that have a quad. */
static void collect_quads(Net *net, const Data *data, const Pass *pass) {
    int quads = (net->input + 3) / 4, at = 0;
    memset(net->quad_rows, 0, ((size_t)pass->rows + 31) / 32 * (size_t)quads * sizeof *net->quad_rows);
    for (int b = 0; b < pass->rows; b++) {
        int64_t from = data->start[net->order[b]];
        int n = (int)(data->start[net->order[b] + 1] - from);
        float *value = net->entry_value + 4 * (int64_t)at;
        /* up to LANES - 1 more are read, and written where the next row's go */
        for (int e = 0; e < 4 * n; e += LANES) {
            store(value + e, (data->byte_value != NULL ? load_bytes(data->byte_value + 4 * from + e)
                                                       : load(data->float_value + 4 * from + e)) * net->scale);
        }
        const uint16_t *quad = data->quad + from;
        uint32_t *rows = net->quad_rows + (int64_t)(b / 32) * quads, bit = (uint32_t)1 << b % 32;
        for (int e = 0; e < n; e++) {
            rows[quad[e]] |= bit;
        }
        if (pass->training && net->input_mask.threshold) {
            const float *kept = net->keep_of[net->layers] + (int64_t)b * net->input;
            for (int e = 0; e < 4 * n; e++) {
                int column = 4 * quad[e / 4] + e % 4;
                value[e] *= column < net->input ? kept[column] : 0;
            }
        }
        net->entry_start[b] = at;
        at += n;
    }
    net->entry_start[pass->rows] = at;
}

/* Asks for the quads of a row, which will be wanted in the next step. (As a function of its own it would be dropped as pure.) */
INLINE void fetch_row(const Data *data, int row) {
    int64_t from = data->start[row], to = data->start[row + 1];
    for (const char *p = (const char *)(data->quad + from); p < (const char *)(data->quad + to); p += 64) {
        __builtin_prefetch(p, 0, 2);
    }
    size_t size = 4 * (data->byte_value != NULL ? 1 : sizeof(float));
    const char *value = data->byte_value != NULL ? (const char *)data->byte_value : (const char *)data->float_value;
    for (const char *p = value + from * (int64_t)size, *end = value + to * (int64_t)size; p < end; p += 64) {
        __builtin_prefetch(p, 0, 2);
    }
}

/* The first layer as a thread's loops over quads take it, by value like Update. */
typedef struct {
    const uint32_t *quad_rows;
    const float *value;
    int *next;
    int quads, in, out, rows;
} Quads;

/* For loops that begin at a quad. */
INLINE Quads quads_from(const Net *net, const Data *data, const Pass *pass, int thread, int quad) {
    int *next = net->next + (int64_t)thread * net->capacity;
    for (int b = 0; b < pass->rows; b++) {
        next[b] = net->entry_start[b];
        if (quad > 0) { /* bisection */
            const uint16_t *q = data->quad + data->start[net->order[b]];
            int low = 0, high = net->entry_start[b + 1] - net->entry_start[b];
            while (low < high) {
                int middle = (low + high) / 2;
                if (q[middle] < quad) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            next[b] += low;
        }
    }
    const Layer *l = net->layer;
    return (Quads){net->quad_rows, net->entry_value, next, (l->in + 3) / 4, l->in, l->out, pass->rows};
}

/*
 * nv vectors of columns of Y = X W, the last of them with `last` columns, from columns of W; nv is a constant after inlining.
 * A vector that is not whole is summed in `edge` [rows x LANES]: behind it is the next row, whose columns another thread may have.
 */
INLINE void multiply_quads(const int nv, int last, Quads s, const float *w, float *y, float *edge) {
    int partial = last < LANES;
    float *end = partial ? edge : y + (nv - 1) * LANES;
    int64_t stride = partial ? LANES : s.out;
    for (int b = 0; b < s.rows; b++) {
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            store(v == nv - 1 ? end + b * stride : y + (int64_t)b * s.out + v * LANES, (vfloat){0});
        }
    }
    for (int q = 0; q < s.quads; q++) {
        for (int b0 = 0; b0 < s.rows; b0 += 32) {
            uint32_t rows = s.quad_rows[(int64_t)(b0 / 32) * s.quads + q];
            if (rows == 0) {
                continue;
            }
            vfloat wv[4][PANEL];
#pragma GCC unroll 4
            for (int c = 0; c < 4; c++) {
                int row = 4 * q + c < s.in ? 4 * q + c : s.in - 1; /* behind the last row values are 0 */
#pragma GCC unroll 4
                for (int v = 0; v < nv; v++) {
                    wv[c][v] = load(w + (int64_t)row * s.out + v * LANES);
                }
            }
            for (; rows != 0; rows &= rows - 1) {
                int b = b0 + __builtin_ctz(rows);
                const float *x = s.value + 4 * (int64_t)s.next[b]++;
                float *to = y + (int64_t)b * s.out;
                vfloat xv[4] = {all_kept(x[0]), all_kept(x[1]), all_kept(x[2]), all_kept(x[3])};
#pragma GCC unroll 4
                for (int v = 0; v < nv; v++) {
                    float *at = v == nv - 1 ? end + b * stride : to + v * LANES;
                    vfloat sum = load(at);
#pragma GCC unroll 4
                    for (int c = 0; c < 4; c++) {
                        sum = multiply_add(xv[c], wv[c][v], sum);
                    }
                    store(at, sum);
                }
            }
        }
    }
    for (int b = 0; partial && b < s.rows; b++) {
        store_first(y + (int64_t)b * s.out + (nv - 1) * LANES, load(edge + b * LANES), last);
    }
}

static void forward_quads_part(void *argument, int thread, int threads) {
    Task *t = argument;
    Net *net = t->net;
    Layer *l = t->layer;
    int from, to;
    share(l->out, LANES, thread, threads, &from, &to);
    float *edge = pack_of(net, thread);
    for (int j = from; j < to; j += PANEL * LANES) {
        Quads s = quads_from(net, t->data, t->pass, thread, 0);
        int left = to - j < PANEL * LANES ? to - j : PANEL * LANES;
        switch ((left + LANES - 1) / LANES) {
            case 1:
                multiply_quads(1, left, s, l->w + j, l->y + j, edge);
                break;
            case 2:
                multiply_quads(2, left - LANES, s, l->w + j, l->y + j, edge);
                break;
#if PANEL > 2
            case 3:
                multiply_quads(3, left - 2 * LANES, s, l->w + j, l->y + j, edge);
                break;
            default:
                multiply_quads(4, left - 3 * LANES, s, l->w + j, l->y + j, edge);
#endif
        }
    }
    for (int b = 0; b < t->pass->rows && from < to; b++) {
        int64_t at = (int64_t)b * l->out + from;
        activate(l, l->y + at, l->z ? l->z + at : NULL, l->b + from, t->keep ? t->keep + at : NULL, to - from);
    }
}

/* Gradients that wait for the optimizer, in a ring: those of n parameters from index `at`, from g on. */
typedef struct {
    float *ring, *end;
    int64_t at;
    const float *g;
    int n;
} Waiting;

/* The optimizer on one vector of those that wait. */
INLINE void update_some(const int rule, Update u, Waiting *some) {
    if (some->n >= LANES) {
        update_vector(rule, u, some->at, load(some->g), LANES);
        some->at += LANES, some->g += LANES, some->n -= LANES;
        some->g = some->g == some->end ? some->ring : some->g;
    }
}

/*
 * nv vectors of the four rows of dW that belong to a quad, from column j, the last with `last` columns; meanwhile the optimizer
 * on gradients that wait. `rule` and nv are constants after inlining; `advance` is 1 for the last columns, else 0.
 */
INLINE void sum_quad(const int rule, const int nv, int last, int advance, Quads s, Update u, const float *dy, int q, int j,
                     float *g, Waiting *waiting) {
    vfloat sum[4][PANEL];
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            sum[c][v] = (vfloat){0};
        }
    }
    for (int b0 = 0; b0 < s.rows; b0 += 32) {
        for (uint32_t rows = s.quad_rows[(int64_t)(b0 / 32) * s.quads + q]; rows != 0; rows &= rows - 1) {
            int b = b0 + __builtin_ctz(rows);
            const float *x = s.value + 4 * (int64_t)s.next[b];
            s.next[b] += advance;
            const float *d = dy + (int64_t)b * s.out + j;
            vfloat dv[PANEL];
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++) {
                dv[v] = load(d + v * LANES);
            }
#pragma GCC unroll 4
            for (int c = 0; c < 4; c++) {
                vfloat xv = all_kept(x[c]);
#pragma GCC unroll 4
                for (int v = 0; v < nv; v++) {
                    sum[c][v] = multiply_add(xv, dv[v], sum[c][v]);
                }
            }
            update_some(rule, u, waiting);
        }
    }
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            float *to = g + c * s.out + j + v * LANES;
            if (v == nv - 1 && last < LANES) {
                store_first(to, sum[c][v], last);
            } else {
                store(to, sum[c][v]);
            }
        }
    }
}

/* Whether the update leaves n weights from index `at` as they are if their gradients are 0: whether it always was so. */
INLINE int rests(Update u, int64_t at, int n) {
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        if (any((vuint)load(u.m + at + i) | (vuint)load(u.v + at + i))) {
            return 0;
        }
    }
    return i == n || !any((vuint)load_first(u.m + at + i, n - i) | (vuint)load_first(u.v + at + i, n - i));
}

/* Rows of gradients that may wait: 4 to 12 quads. The ring holds whole vectors, since they are a multiple of 4. */
INLINE int ring_rows(int out) {
    int quads = 2048 / out / 4 * 4;
    return 4 * (quads < 4 ? 4 : quads > 12 ? 12 : quads);
}

INLINE void update_quads(const int rule, Quads s, Update u, int64_t w, const float *dy, float *ring, int from, int to) {
    int may_rest = rule == RULE(ADAM, 2) && u.decay == 1 && u.form[2] > 0;
    int wide = (s.out - 1) / (PANEL * LANES) * PANEL * LANES, left = s.out - wide;
    int room = ring_rows(s.out) * s.out;
    float *end = ring + room, *g = ring;
    Waiting waiting = {.ring = ring, .end = end, .g = ring};
    for (int q = from; q < to; q++) {
        uint32_t lit = 0;
        for (int b0 = 0; b0 < s.rows; b0 += 32) {
            lit |= s.quad_rows[(int64_t)(b0 / 32) * s.quads + q];
        }
        int n = (s.in - 4 * q < 4 ? s.in - 4 * q : 4) * s.out;
        int64_t at = w + (int64_t)4 * q * s.out;
        int resting = lit == 0 && may_rest && rests(u, at, n);
        int keep = resting || waiting.at + waiting.n != at ? 0 : room - 4 * s.out;
        while (waiting.n > keep && waiting.n >= LANES) {
            update_some(rule, u, &waiting);
        }
        if (keep == 0) {
            update_by(rule, u, waiting.at, waiting.g, waiting.n);
            waiting = (Waiting){.ring = ring, .end = end, .at = at, .g = ring};
            g = ring;
        }
        if (resting) {
            continue;
        }
        for (int j = 0; j < wide; j += PANEL * LANES) {
            sum_quad(rule, PANEL, LANES, 0, s, u, dy, q, j, g, &waiting);
        }
        switch ((left + LANES - 1) / LANES) {
            case 1:
                sum_quad(rule, 1, left, 1, s, u, dy, q, wide, g, &waiting);
                break;
            case 2:
                sum_quad(rule, 2, left - LANES, 1, s, u, dy, q, wide, g, &waiting);
                break;
#if PANEL > 2
            case 3:
                sum_quad(rule, 3, left - 2 * LANES, 1, s, u, dy, q, wide, g, &waiting);
                break;
            default:
                sum_quad(rule, 4, left - 3 * LANES, 1, s, u, dy, q, wide, g, &waiting);
#endif
        }
        waiting.n += n;
        g = g + 4 * s.out == end ? ring : g + 4 * s.out;
    }
    while (waiting.n >= LANES) {
        update_some(rule, u, &waiting);
    }
    update_by(rule, u, waiting.at, waiting.g, waiting.n);
}

static void update_weights_quads_part(void *argument, int thread, int threads) {
    Task *t = argument;
    Net *net = t->net;
    const Layer *l = t->layer;
    Update u = update_of(net, t->pass);
    int from, to;
    share((l->in + 3) / 4, 1, thread, threads, &from, &to);
    Quads s = quads_from(net, t->data, t->pass, thread, from);
    float *ring = net->tile + (size_t)thread * net->tile_size;
#define CALL(rule) update_quads(rule, s, u, l->w - net->arena, l->dy, ring, from, to)
    BY_RULE(net->rule)
#undef CALL
}
