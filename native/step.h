/*
 * A whole training step, and inference. What makes it faster than its ops one after the other:
 *
 * - Zeros of the input are skipped. MNIST has 150 pixels of 784 that are not zero, in 55 of 196 quads, so X W is a sum over
 *   these quads of 4 rows of W, and X^T dY touches 4 weight rows for each image in which one of their pixels is lit. (A
 *   product of a zero with a weight that is infinite would be NaN; here it may be 0. Such a weight is found at the end of
 *   the epoch.) Rows of data without their zeros are taken quad by quad rather than row by row: W is then read once
 *   and stays in registers while the images pass by, and loops end where processors expect it more often.
 * - Gradients of weights are never stored: a few rows of dW are summed in a block that stays in the first-level cache,
 *   and the optimizer takes them from there. Its divisions and roots, which one slow unit does, run beside the sums of the
 *   next rows.
 * - Dropout masks are drawn once for both passes.
 *
 * Sums over the input run in the order of its columns, whichever way they are computed; a zero more or less changes no
 * bit of them.
 *
 * Included by kernels.c.
 */

/* ---- sparse rows, quad by quad -------------------------------------------------------------------------- */

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

/* nv vectors of columns of Y = X W, the last of them with `last` columns, from columns of W; nv is a constant after inlining. */
INLINE void multiply_quads(const int nv, int last, Quads s, const float *w, float *y) {
    for (int b = 0; b < s.rows; b++) {
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            store_first(y + (int64_t)b * s.out + v * LANES, (vfloat){0}, v == nv - 1 ? last : LANES);
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
                    vfloat sum = load(to + v * LANES);
#pragma GCC unroll 4
                    for (int c = 0; c < 4; c++) {
                        sum = multiply_add(xv[c], wv[c][v], sum);
                    }
                    if (v == nv - 1 && last < LANES) {
                        store_first(to + v * LANES, sum, last);
                    } else {
                        store(to + v * LANES, sum);
                    }
                }
            }
        }
    }
}

static void forward_quads_part(void *argument, int thread, int threads) {
    Task *t = argument;
    Net *net = t->net;
    Layer *l = t->layer;
    int from, to;
    share(l->out, LANES, thread, threads, &from, &to);
    for (int j = from; j < to; j += PANEL * LANES) {
        Quads s = quads_from(net, t->data, t->pass, thread, 0);
        int left = to - j < PANEL * LANES ? to - j : PANEL * LANES;
        switch ((left + LANES - 1) / LANES) {
            case 1:
                multiply_quads(1, left, s, l->w + j, l->y + j);
                break;
            case 2:
                multiply_quads(2, left - LANES, s, l->w + j, l->y + j);
                break;
#if PANEL > 2
            case 3:
                multiply_quads(3, left - 2 * LANES, s, l->w + j, l->y + j);
                break;
            default:
                multiply_quads(4, left - 3 * LANES, s, l->w + j, l->y + j);
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

/* Quads whose gradients may wait. The ring holds whole vectors, since this is a multiple of 4. */
INLINE int most_waiting(int out) {
    int quads = 2048 / out / 4 * 4;
    return quads < 4 ? 4 : quads > 12 ? 12 : quads;
}

INLINE void update_quads(const int rule, Quads s, Update u, int64_t w, const float *dy, float *ring, int from, int to) {
    int may_rest = rule == ADAM_RULE && u.decay == 1 && u.epsilon > 0;
    int wide = (s.out - 1) / (PANEL * LANES) * PANEL * LANES, left = s.out - wide;
    int room = most_waiting(s.out) * 4 * s.out;
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
    switch (rule_of(net)) {
        case ADAM_RULE:
            update_quads(ADAM_RULE, s, u, l->w - net->arena, l->dy, ring, from, to);
            break;
        case MOMENTUM_RULE:
            update_quads(MOMENTUM_RULE, s, u, l->w - net->arena, l->dy, ring, from, to);
            break;
        default:
            update_quads(PLAIN_RULE, s, u, l->w - net->arena, l->dy, ring, from, to);
    }
}

/* ---- dense rows of bytes, entry by entry ---------------------------------------------------------------- */

/* Entries of a dense row of bytes, scaled; runs of 8 zeros are skipped at once. */
static int find_entries(const uint8_t *raw, int size, float scale, int *column, float *value) {
    int n = 0, i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t eight;
        memcpy(&eight, raw + i, 8);
        if (eight != 0) {
            for (int j = i; j < i + 8; j++) {
                column[n] = j;
                value[n] = (float)raw[j] * scale;
                n += raw[j] != 0;
            }
        }
    }
    for (; i < size; i++) {
        if (raw[i] != 0) {
            column[n] = i;
            value[n++] = (float)raw[i] * scale;
        }
    }
    return n;
}

/* The batch's bytes that are not zero, row by row: columns, and values scaled. */
static void collect_entries(Net *net, const Data *data, const Pass *pass) {
    int at = 0;
    for (int b = 0; b < pass->rows; b++) {
        net->entry_start[b] = at;
        at += find_entries(data->bytes + (int64_t)net->order[b] * net->input, net->input, net->scale,
                           net->entry_column + at, net->entry_value + at);
    }
    net->entry_start[pass->rows] = at;
}

/*
 * sum[j] = the sum over n entries of value[e] * matrix[index[e] * stride + j], for nv vectors of columns (a constant
 * after inlining).
 */
INLINE void sum_rows(const int nv, int last, const int *index, const float *value, int n, const float *matrix, int64_t stride,
                     float *sum) {
    vfloat s[4];
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
        s[v] = (vfloat){0};
    }
    for (int e = 0; e < n; e++) {
        const float *row = matrix + index[e] * stride;
        vfloat x = all(value[e]);
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            s[v] = multiply_add(x, load(row + v * LANES), s[v]);
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
        if (v == nv - 1 && last < LANES) {
            store_first(sum + v * LANES, s[v], last);
        } else {
            store(sum + v * LANES, s[v]);
        }
    }
}

/* sum_rows over any number of columns. Lanes behind the last column are read (the arena goes on there), never written. */
static void sum_rows_wide(const int *index, const float *value, int n, const float *matrix, int columns, float *sum) {
    for (int j = 0; j < columns; j += 4 * LANES) {
        int left = columns - j;
        int vectors = left >= 4 * LANES ? 4 : (left + LANES - 1) / LANES;
        int last = left >= 4 * LANES ? LANES : left - (vectors - 1) * LANES;
        switch (vectors) {
            case 1:
                sum_rows(1, last, index, value, n, matrix + j, columns, sum + j);
                break;
            case 2:
                sum_rows(2, last, index, value, n, matrix + j, columns, sum + j);
                break;
            case 3:
                sum_rows(3, last, index, value, n, matrix + j, columns, sum + j);
                break;
            default:
                sum_rows(4, last, index, value, n, matrix + j, columns, sum + j);
        }
    }
}

static void forward_sparse_part(void *argument, int thread, int threads) {
    Task *t = argument;
    Net *net = t->net;
    Layer *l = t->layer;
    int from, to;
    share(t->pass->rows, 1, thread, threads, &from, &to);
    for (int b = from; b < to; b++) {
        int e = net->entry_start[b];
        int64_t at = (int64_t)b * l->out;
        sum_rows_wide(net->entry_column + e, net->entry_value + e, net->entry_start[b + 1] - e, l->w, l->out,
                      l->y + at);
        activate(l, l->y + at, l->z ? l->z + at : NULL, l->b, t->keep ? t->keep + at : NULL, l->out);
    }
}

static const float *kept(const Net *net, int layer, const Pass *pass) {
    return pass->training && net->layer[layer].mask.threshold ? net->keep_of[layer] : NULL;
}

/* Forward through all layers, zeros skipped where the data says so. */
static void forward_all(Net *net, const Data *data, const Pass *pass) {
    int sparse = data->start != NULL;
    if (data->skip) {
        select_rows(net, data, pass);
        keep(net, net->layers, pass);
        if (sparse) {
            collect_quads(net, data, pass);
        } else {
            collect_entries(net, data, pass);
        }
    } else {
        gather(net, data, pass);
    }
    if (pass->training && sparse) {
        look_ahead(net, data, pass);
    }
    for (int i = 0; i < net->layers; i++) {
        Layer *l = &net->layer[i];
        keep(net, i, pass);
        if (i == 0 && data->skip) {
            double entries = (sparse ? 4.0 : 1.0) * net->entry_start[pass->rows];
            run(net, 2.0 * entries * l->out, sparse ? forward_quads_part : forward_sparse_part,
                &(Task){.net = net, .data = data, .pass = pass, .layer = l, .keep = kept(net, i, pass)});
        } else {
            forward(net, i, pass, kept(net, i, pass));
        }
    }
}

/* Rows of dW that are summed at a time: as many as make a block of about 24 KB. */
INLINE int block_rows(const Layer *l, int unit) {
    int rows = 6144 / l->out / unit * unit;
    return rows < unit ? unit : rows;
}

static void update_weights_part(void *argument, int thread, int threads) {
    Task *t = argument;
    Net *net = t->net;
    Layer *l = t->layer;
    float *g = net->tile + (size_t)thread * net->tile_size;
    int rows = t->pass->rows, from, to;
    /* wide layers: blocks large enough for packing dY to pay */
    int block = l->out > 2 * NR ? 96 : block_rows(l, MR);
    share(l->in, MR, thread, threads, &from, &to);
    for (int i = from; i < to; i += block) {
        int n = to - i < block ? to - i : block;
        gemm(n, l->out, rows, l->x + i, 1, l->in, l->dy, l->out, 1, g, l->out, pack_of(net, thread));
        update_range(net, t->pass, l->w + (int64_t)i * l->out - net->arena, g, n * l->out);
    }
}

/* dW and db of a layer, and the optimizer on its parameters. */
static void update_layer(Net *net, int layer, const Data *data, const Pass *pass) {
    Layer *l = &net->layer[layer];
    Task task = {.net = net, .data = data, .pass = pass, .layer = l};
    if (layer == 0 && data->start != NULL) {
        run(net, 8.0 * net->entry_start[pass->rows] * l->out + 8.0 * l->in * l->out, update_weights_quads_part, &task);
    } else {
        run(net, (2.0 * pass->rows + 8) * l->in * l->out, update_weights_part, &task);
    }
    backward_bias(l, pass->rows);
    update_range(net, pass, l->b - net->arena, l->db, l->out);
}

/* One training step: org.quern.plan.Plan.training(), with the order of independent ops changed. */
static void train(Net *net, const Data *data, Pass *pass, float *loss, int *hits) {
    forward_all(net, data, pass);
    if (net->loss == CROSS_ENTROPY) {
        cross_entropy(net, pass);
    } else {
        squared_error(net, pass);
    }
    metrics(net, pass, loss, hits);
    for (int b = 0; data->start != NULL && b < net->ahead.rows; b++) {
        fetch_row(data, net->order_ahead[b]);
    }
    for (int i = net->layers - 1; i >= 0; i--) {
        if (i > 0) {
            backward_input(net, i, pass, kept(net, i - 1, pass));
        }
        update_layer(net, i, data, pass);
    }
}

/* Outputs of rows [first, first + rows) of the data set, dropout off. */
static void infer(Net *net, const Data *data, int first, int rows, float *outputs) {
    const Layer *top = &net->layer[net->layers - 1];
    for (int done = 0; done < rows;) {
        int now = rows - done < net->capacity ? rows - done : net->capacity;
        Pass pass = {.first = first + done, .rows = now};
        forward_all(net, data, &pass);
        memcpy(outputs + (int64_t)done * top->out, top->y, (size_t)now * (size_t)top->out * sizeof(float));
        done += now;
    }
}
