/*
 * The ops of a plan, op by op as org.quern.plan.Op states them. Compiled once for each instruction set; the flags
 * decide the vector width. step.h puts them together into training steps.
 */
#include <math.h>
#include <stdlib.h>

#include "quern.h"

#include "gemm.h"
#include "mathf.h"
#include "philox.h"

/* Splits n items into runs of whole `unit`s for a thread: [*from, *to). */
INLINE void share(int n, int unit, int thread, int threads, int *from, int *to) {
    int units = (n + unit - 1) / unit;
    int64_t first = (int64_t)units * thread / threads * unit, last = (int64_t)units * (thread + 1) / threads * unit;
    *from = first < n ? (int)first : n;
    *to = last < n ? (int)last : n;
}

typedef struct {
    Net *net;
    const Data *data;
    const Pass *pass;
    Layer *layer;
    const Layer *below;
    const float *keep;
    int sparse; /* whether zeros of the left factor are skipped */
    const Mask *mask; /* to be drawn: so many values */
    float *kept;
    int64_t masked;
} Task;

/* Products below this many flops are not worth waking a thread for. */
static const double worth_a_thread = 4e6;

INLINE void run(Net *net, double flops, void (*work)(void *, int, int), Task *task) {
    if (net->pool != NULL && !net->alone && flops > worth_a_thread) {
        quern_pool_run(net->pool, work, task);
    } else {
        work(task, 0, 1);
    }
}

static float *pack_of(Net *net, int thread) { return net->pack + (size_t)thread * net->pack_size; }

#include "activation.h"
#include "update.h"
#include "sparse.h"
#include "input.h"

/* ---- dense layers --------------------------------------------------------------------------------------- */

static void forward_part(void *argument, int thread, int threads) {
    Task *t = argument;
    Layer *l = t->layer;
    int from, to;
    share(l->out, NR, thread, threads, &from, &to);
    if (from == to) {
        return;
    }
    if (t->sparse) {
        sparse_gemm(t->pass->rows, to - from, l->in, l->x, l->in, l->w + from, l->out, 1, l->y + from, l->out,
                    list_of(t->net, thread), pack_of(t->net, thread));
    } else {
        gemm(t->pass->rows, to - from, l->in, l->x, l->in, 1, l->w + from, l->out, 1, l->y + from, l->out,
             pack_of(t->net, thread));
    }
    for (int b = 0; b < t->pass->rows; b++) {
        int64_t at = (int64_t)b * l->out + from;
        activate(l, l->y + at, l->z ? l->z + at : NULL, l->b + from, t->keep ? t->keep + at : NULL, to - from);
    }
}

/* Y = dropout(act(X W + b)); keep is NULL without dropout. */
static void forward(Net *net, int layer, const Pass *pass, const float *kept) {
    Layer *l = &net->layer[layer];
    int sparse = pass->training && may_be_sparse(pass->rows, l) && is_sparse(l->x, pass->rows, l->in);
    run(net, 2.0 * pass->rows * l->in * l->out, forward_part,
        &(Task){.net = net, .pass = pass, .layer = l, .keep = kept, .sparse = sparse});
}

static void backward_input_part(void *argument, int thread, int threads) {
    Task *t = argument;
    const Layer *l = t->layer, *below = t->below;
    int from, to;
    share(l->in, NR, thread, threads, &from, &to);
    if (from == to) {
        return;
    }
    const float *w = l->w + (int64_t)from * l->out;
    if (t->sparse) {
        sparse_gemm(t->pass->rows, to - from, l->out, l->dy, l->out, w, 1, l->out, below->dy + from, l->in,
                    list_of(t->net, thread), pack_of(t->net, thread));
    } else {
        gemm(t->pass->rows, to - from, l->out, l->dy, l->out, 1, w, 1, l->out, below->dy + from, l->in,
             pack_of(t->net, thread));
    }
    for (int b = 0; b < t->pass->rows; b++) {
        int64_t at = (int64_t)b * l->in + from;
        through_activation(below, below->dy + at, below->y + at, below->z ? below->z + at : NULL,
                           t->keep ? t->keep + at : NULL, to - from);
    }
}

/* dX = (dY W^T) * keep * act' of the layer below */
static void backward_input(Net *net, int layer, const Pass *pass, const float *kept) {
    Layer *l = &net->layer[layer];
    int sparse = may_be_sparse(pass->rows, l) && is_sparse(l->dy, pass->rows, l->out);
    run(net, 2.0 * pass->rows * l->in * l->out, backward_input_part,
        &(Task){.net = net, .pass = pass, .layer = l, .below = l - 1, .keep = kept, .sparse = sparse});
}

/* db[j] = sum over b of dY[b, j], in row order */
static void backward_bias(Layer *l, int rows) {
    memset(l->db, 0, (size_t)l->out * sizeof(float));
    for (int b = 0; b < rows; b++) {
        const float *dy = l->dy + (int64_t)b * l->out;
        for (int j = 0; j < l->out; j++) {
            l->db[j] += dy[j];
        }
    }
}

/* dW = X^T dY, db = column sums of dY */
static void backward_weights(Net *net, int layer, const Pass *pass) {
    Layer *l = &net->layer[layer];
    gemm(l->in, l->out, pass->rows, l->x, 1, l->in, l->dy, l->out, 1, l->dw, l->out, pack_of(net, 0));
    backward_bias(l, pass->rows);
}

/* ---- losses --------------------------------------------------------------------------------------------- */

/* Softmax, its loss, gradient and hits: see Op.CrossEntropy. */
static void cross_entropy(Net *net, const Pass *pass) {
    Layer *l = &net->layer[net->layers - 1];
    int n = l->out;
    for (int b = 0; b < pass->rows; b++) {
        const float *z = l->y + (int64_t)b * n;
        float *g = l->dy + (int64_t)b * n;
        const float *wanted = net->targets + (int64_t)b * net->target_width;
        float weight = net->target_width > 1 ? wanted[1] : 1.0f, each = weight / (float)pass->rows;
        int target = (int)wanted[0], best = 0;
        for (int j = 1; j < n; j++) {
            best = z[j] > z[best] ? j : best;
        }
        float top = z[best], sum = 0;
        for (int j = 0; j < n; j++) {
            g[j] = exp_f(z[j] - top);
        }
        for (int j = 0; j < n; j++) {
            sum += g[j];
        }
        float factor = each / sum;
        for (int j = 0; j < n; j++) {
            g[j] *= factor;
        }
        /* p - 1 from the other classes would be more exact still; this is within the derived bound */
        g[target] -= each;
        net->losses[b] = (log_f(sum) + (top - z[target])) * weight;
        net->hits[b] = best == target;
    }
}

/* A loss of single outputs, its gradient before the activation and hits: see Op.ElementwiseLoss. */
static void elementwise_loss(Net *net, const Pass *pass) {
    Layer *l = &net->layer[net->layers - 1];
    int n = l->out;
    float factor = 1.0f / ((float)pass->rows * (float)n);
    Layer plain = *l;
    plain.mask.scale = 1;
    for (int b = 0; b < pass->rows; b++) {
        int64_t at = (int64_t)b * n;
        float sum = elementwise_row(net->loss, net->loss_form, l->y + at, net->targets + at, l->dy + at, factor, n);
        through_activation(&plain, l->dy + at, l->y + at, l->z ? l->z + at : NULL, NULL, n);
        net->losses[b] = sum / (float)n;
        int right = 0;
        for (int j = 0; net->loss == LOSS_BINARY_CROSS_ENTROPY && j < n; j++) {
            right += (l->y[at + j] > 0) == (net->targets[at + j] > 0.5f);
        }
        net->hits[b] = (float)right;
    }
}

static void compute_loss(Net *net, const Pass *pass) {
    if (net->loss == LOSS_CROSS_ENTROPY) {
        cross_entropy(net, pass);
    } else {
        elementwise_loss(net, pass);
    }
}

/* Sums of loss and hits, in row order. */
static void metrics(Net *net, const Pass *pass, float *loss, int *hits) {
    float sum = 0;
    int right = 0;
    for (int b = 0; b < pass->rows; b++) {
        sum += net->losses[b];
        right += (int)net->hits[b];
    }
    *loss = sum;
    *hits = right;
}

#include "step.h"

/* ---- what a net needs --------------------------------------------------------------------------------------------- */

static int knows(const Net *net) {
    for (int i = 0; i < net->layers; i++) {
        if (!knows_activation(net->layer[i].activation)) {
            return 0;
        }
    }
    return knows_loss(net->loss) && knows_rule(net->rule);
}

static size_t largest(size_t a, size_t b) { return a > b ? a : b; }

/* For the products of gemm.h and the panels of sparse.h. */
static size_t pack_size(const Net *net) {
    size_t size = largest(MOST_LISTED, PANEL_ROWS) * PANEL_WIDTH + 16; /* to align it */
    size = largest(size, largest((size_t)net->capacity, (size_t)net->batch) * LANES); /* the edge of quads.h */
    for (int i = 0; i < net->layers; i++) {
        size = largest(size, largest(gemm_pack(net->layer[i].in), gemm_pack(net->layer[i].out)));
    }
    return size;
}

/* For the blocks of step.h and the rings of quads.h. */
static size_t tile_size(const Net *net) {
    size_t size = 0;
    for (int i = 0; i < net->layers; i++) {
        const Layer *l = &net->layer[i];
        size = largest(size, largest((size_t)block_rows(l), (size_t)ring_rows(l->out)) * (size_t)l->out);
    }
    return size + LANES;
}

#ifndef QUERN_ISA
#define QUERN_ISA baseline
#if defined(__aarch64__)
#define QUERN_ISA_NAME "NEON"
#else
#define QUERN_ISA_NAME "baseline"
#endif
#endif
#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)

const Kernels JOIN(quern_kernels_, QUERN_ISA) = {
    .name = QUERN_ISA_NAME,
    .gather = gather,
    .forward = forward,
    .keep = keep,
    .loss = compute_loss,
    .backward_input = backward_input,
    .backward_weights = backward_weights,
    .update = update,
    .metrics = metrics,
    .train = train,
    .infer = infer,
    .knows = knows,
    .pack_size = pack_size,
    .tile_size = tile_size,
};
