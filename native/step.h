/*
 * A whole training step, and inference. What makes it faster than its ops one after the other:
 *
 * - Zeros of the input are skipped. MNIST has 150 pixels of 784 that are not zero, so X W is a sum of 150 rows of W, and
 *   X^T dY touches a weight row once for each image in which its pixel is lit. (A product of a zero with a weight
 *   that is infinite would be NaN; here it is 0. Such a weight is found at the end of the epoch.)
 * - Gradients of weights are never stored. Those of the first layer are summed in registers, from which the optimizer
 *   takes them, so that its divisions and roots, which one unit does slowly, run beside the sums of other rows; elsewhere
 *   a few rows of dW are summed in a block that stays in the first-level cache.
 * - Dropout masks are drawn once for both passes.
 *
 * Included by kernels.c.
 */

/* Entries of a sparse row, scaled; up to LANES - 1 more are read and written, which the next row's replace. */
static int copy_entries(const Data *data, int row, float scale, int *column, float *value) {
    int64_t from = data->start[row];
    int n = (int)(data->start[row + 1] - from);
    for (int e = 0; e < n; e += LANES) {
        vint c = load_shorts(data->column + from + e);
        memcpy(column + e, &c, sizeof c);
        store(value + e, (data->byte_value != NULL
                              ? __builtin_convertvector(load_bytes(data->byte_value + from + e), vfloat)
                              : load(data->float_value + from + e)) * scale);
    }
    return n;
}

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

/* The batch's entries that are not zero, row by row: columns, and values scaled and dropped out. */
static void collect_entries(Net *net, const Data *data, const Pass *pass) {
    int at = 0;
    for (int b = 0; b < pass->rows; b++) {
        int row = net->order[b];
        int *column = net->entry_column + at;
        float *value = net->entry_value + at;
        int n = data->start != NULL ? copy_entries(data, row, net->scale, column, value)
                                    : find_entries(data->bytes + (int64_t)row * net->input, net->input, net->scale,
                                                   column, value);
        net->entry_start[b] = at;
        if (pass->training && net->input_mask.threshold) {
            const float *kept = net->keep_of[net->layers] + (int64_t)b * net->input;
            for (int e = 0; e < n; e++) {
                value[e] *= kept[column[e]];
            }
        }
        at += n;
    }
    net->entry_start[pass->rows] = at;
}

/* The rows of the batch that have an entry in a column, for each column. */
static void mark_entries(Net *net, int rows) {
    memset(net->lit, 0, ((size_t)rows + 63) / 64 * (size_t)net->input * sizeof *net->lit);
    for (int b = 0; b < rows; b++) {
        uint64_t *lit = net->lit + (int64_t)(b / 64) * net->input, bit = (uint64_t)1 << b % 64;
        const int *column = net->entry_column;
        for (int e = net->entry_start[b], end = net->entry_start[b + 1]; e < end; e++) {
            lit[column[e]] |= bit;
        }
    }
}

/*
 * sum[j] = the sum over n entries of value[e] * matrix[index[e] * stride + j], for nv vectors of columns (a constant
 * after inlining), even and odd entries apart, for the sake of latency.
 */
INLINE void sum_rows(const int nv, int last, const int *index, const float *value, int n, const float *matrix, int64_t stride,
                     float *sum) {
    vfloat even[4], odd[4];
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
        even[v] = odd[v] = (vfloat){0};
    }
    int e = 0;
    for (; e + 1 < n; e += 2) {
        const float *r0 = matrix + index[e] * stride, *r1 = matrix + index[e + 1] * stride;
        vfloat v0 = all(value[e]), v1 = all(value[e + 1]);
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            even[v] += v0 * load(r0 + v * LANES);
            odd[v] += v1 * load(r1 + v * LANES);
        }
    }
    if (e < n) {
        const float *r0 = matrix + index[e] * stride;
        vfloat v0 = all(value[e]);
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            even[v] += v0 * load(r0 + v * LANES);
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
        if (v == nv - 1 && last < LANES) {
            store_first(sum + v * LANES, even[v] + odd[v], last);
        } else {
            store(sum + v * LANES, even[v] + odd[v]);
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

/* Asks for the entries of a row that will be wanted in the next step. */
INLINE void fetch_row(const Data *data, int row) {
    int64_t from = data->start[row], to = data->start[row + 1];
    const char *column = (const char *)(data->column + from), *end = (const char *)(data->column + to);
    for (; column < end; column += 64) {
        __builtin_prefetch(column, 0, 2);
    }
    size_t size = data->byte_value != NULL ? 1 : sizeof(float);
    const char *value = data->byte_value != NULL ? (const char *)data->byte_value : (const char *)data->float_value;
    for (const char *p = value + from * (int64_t)size, *last = value + to * (int64_t)size; p < last; p += 64) {
        __builtin_prefetch(p, 0, 2);
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
        if (t->pass->training && b < net->ahead.rows) {
            fetch_row(t->data, net->order_ahead[b]);
        }
        int64_t at = (int64_t)b * l->out;
        sum_rows_wide(net->entry_column + e, net->entry_value + e, net->entry_start[b + 1] - e, l->w, l->out,
                      l->y + at);
        activate(l, l->y + at, l->z ? l->z + at : NULL, l->b, t->keep ? t->keep + at : NULL, l->out);
    }
}

static const float *kept(const Net *net, int layer, const Pass *pass) {
    return pass->training && net->layer[layer].mask.threshold ? net->keep_of[layer] : NULL;
}

/* Forward through all layers; sparse data skips its zeros. */
static void forward_all(Net *net, const Data *data, const Pass *pass) {
    if (data->skip) {
        select_rows(net, data, pass);
        keep(net, net->layers, pass);
        collect_entries(net, data, pass);
        if (pass->training) {
            look_ahead(net, data, pass);
        }
    } else {
        gather(net, data, pass);
    }
    for (int i = 0; i < net->layers; i++) {
        Layer *l = &net->layer[i];
        keep(net, i, pass);
        if (i == 0 && data->skip) {
            run(net, 2.0 * net->entry_start[pass->rows] * l->out, forward_sparse_part,
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

/* The first layer's weight rows, as update_rows goes through them; by value like Update. */
typedef struct {
    const uint64_t *lit;
    const float *value, *dy;
    int *next;
    int64_t at; /* of W in the parameter slice */
    int in, out, rows;
} Sparse;

/*
 * nv vectors of row i of dW from column j, the last with `last` columns, in registers, and the optimizer on their weights.
 * `rule` and nv are constants after inlining; `advance` is 1 for the last columns of the row, else 0.
 */
INLINE void update_row_part(const int rule, const int nv, int last, int advance, Sparse s, Update u, int i, int j) {
    vfloat sum[4];
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
        sum[v] = (vfloat){0};
    }
    for (int b0 = 0; b0 < s.rows; b0 += 64) {
        for (uint64_t rows = s.lit[(int64_t)(b0 / 64) * s.in + i]; rows != 0; rows &= rows - 1) {
            int b = b0 + __builtin_ctzll(rows), e = s.next[b];
            s.next[b] = e + advance;
            vfloat x = all(s.value[e]);
            const float *dy = s.dy + (int64_t)b * s.out + j;
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++) {
                sum[v] += x * load(dy + v * LANES);
            }
        }
    }
    int64_t at = s.at + (int64_t)i * s.out + j;
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
        update_vector(rule, u, at + v * LANES, sum[v], v == nv - 1 ? last : LANES);
    }
}

/* Whether the update leaves n weights from index `at` as they are if their gradients are 0: whether it always was so. */
INLINE int rests(Update u, int64_t at, int n) {
    vuint bits = {0};
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        bits |= (vuint)load(u.m + at + i) | (vuint)load(u.v + at + i);
    }
    if (i < n) {
        bits |= (vuint)load_first(u.m + at + i, n - i) | (vuint)load_first(u.v + at + i, n - i);
    }
    return !any(bits);
}

INLINE void update_rows(const int rule, Sparse s, Update u, int from, int to) {
    int may_rest = rule == ADAM_RULE && u.decay == 1 && u.epsilon > 0;
    int wide = (s.out - 1) / (4 * LANES) * 4 * LANES, left = s.out - wide;
    for (int i = from; i < to; i++) {
        uint64_t lit = 0;
        for (int b0 = 0; b0 < s.rows; b0 += 64) {
            lit |= s.lit[(int64_t)(b0 / 64) * s.in + i];
        }
        if (lit == 0 && may_rest && rests(u, s.at + (int64_t)i * s.out, s.out)) {
            continue;
        }
        for (int j = 0; j < wide; j += 4 * LANES) {
            update_row_part(rule, 4, LANES, 0, s, u, i, j);
        }
        switch ((left + LANES - 1) / LANES) {
            case 1:
                update_row_part(rule, 1, left, 1, s, u, i, wide);
                break;
            case 2:
                update_row_part(rule, 2, left - LANES, 1, s, u, i, wide);
                break;
            case 3:
                update_row_part(rule, 3, left - 2 * LANES, 1, s, u, i, wide);
                break;
            default:
                update_row_part(rule, 4, left - 3 * LANES, 1, s, u, i, wide);
        }
    }
}

/* The first of the entries [from, to) of a row whose column is not below `column`. */
static int first_entry(const int *columns, int from, int to, int column) {
    while (from < to) {
        int middle = from + (to - from) / 2;
        if (columns[middle] < column) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

static void update_weights_sparse_part(void *argument, int thread, int threads) {
    Task *t = argument;
    Net *net = t->net;
    const Layer *l = t->layer;
    Sparse s = {net->lit, net->entry_value, l->dy,  net->next + (int64_t)thread * net->batch,
                l->w - net->arena, l->in, l->out, t->pass->rows};
    Update u = update_of(net, t->pass);
    int from, to;
    share(l->in, 1, thread, threads, &from, &to);
    for (int b = 0; b < s.rows; b++) {
        s.next[b] = first_entry(net->entry_column, net->entry_start[b], net->entry_start[b + 1], from);
    }
    switch (rule_of(net)) {
        case ADAM_RULE:
            update_rows(ADAM_RULE, s, u, from, to);
            break;
        case MOMENTUM_RULE:
            update_rows(MOMENTUM_RULE, s, u, from, to);
            break;
        default:
            update_rows(PLAIN_RULE, s, u, from, to);
    }
}

/* dW and db of a layer, and the optimizer on its parameters. */
static void update_layer(Net *net, int layer, const Data *data, const Pass *pass) {
    Layer *l = &net->layer[layer];
    Task task = {.net = net, .pass = pass, .layer = l};
    if (layer == 0 && data->skip) {
        mark_entries(net, pass->rows);
        run(net, 2.0 * net->entry_start[pass->rows] * l->out + 8.0 * l->in * l->out, update_weights_sparse_part, &task);
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
