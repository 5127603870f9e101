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
 * - Zeros that ReLU and dropout leave in wide layers are skipped, too, forward and back: sparse.h.
 * - Dropout masks are drawn once for both passes.
 *
 * Sums over the data's columns run in their order, whichever way they are computed; a zero more or less changes no
 * bit of them.
 *
 * Included by kernels.c.
 */
#include "quads.h"

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

/* Rows of dW that are summed at a time: as many as make a block of about 24 KB; of wide layers, so many that packing dY pays. */
INLINE int block_rows(const Layer *l) {
    int rows = 6144 / l->out / MR * MR;
    return l->out > 2 * NR ? 96 : rows < MR ? MR : rows;
}

static void update_weights_part(void *argument, int thread, int threads) {
    Task *t = argument;
    Net *net = t->net;
    Layer *l = t->layer;
    float *g = net->tile + (size_t)thread * net->tile_size;
    int rows = t->pass->rows, from, to;
    int block = block_rows(l);
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
        int sparse = pass->rows <= MOST_LISTED && may_be_sparse(pass->rows, l) && is_sparse(l->x, pass->rows, l->in);
        run(net, (2.0 * pass->rows + 8) * l->in * l->out, sparse ? update_weights_sparse_part : update_weights_part, &task);
    }
    backward_bias(l, pass->rows);
    update_range(net, pass, l->b - net->arena, l->db, l->out);
}

/* One training step: org.quern.plan.Plan.training(), with the order of independent ops changed. */
static void train(Net *net, const Data *data, Pass *pass, float *loss, int *hits) {
    forward_all(net, data, pass);
    compute_loss(net, pass);
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
static void infer(Net *net, const Data *data, int first, int rows) {
    forward_all(net, data, &(Pass){.first = first, .rows = rows});
}
