/*
 * What the C kernels of Quern share: the plan as C sees it, the data on the device (here: memory of our own), and
 * the table of kernels that each instruction set provides.
 *
 * All matrices are row-major float32; the meaning of every op is the Javadoc of org.quern.plan.Op. Each kernel adds
 * in one fixed order, whatever the number of threads, so equal calls give equal bits.
 */
#ifndef QUERN_H
#define QUERN_H

#include <stddef.h>
#include <stdint.h>

#include "../kernels/gen/abi.h"

/* Dropout of one layer: a unit is kept where its Philox word >= threshold, and then multiplied by scale. */
typedef struct {
    uint32_t threshold; /* 0: no dropout */
    uint32_t stream;
    float scale;
} Mask;

/* A dense layer; the pointers point into the arena. */
typedef struct {
    int in, out;
    int activation;
    Mask mask;
    const float *x;
    float *w, *b, *dw, *db, *z, *y, *dy; /* z is NULL where the derivative needs only y */
} Layer;

/*
 * A data set: dense rows of bytes or floats, or sparse rows: the quads of a row, features 4 q .. 4 q + 3, that are not all
 * zeros. Where `skip` is set, the first layer skips what is zero; dense bytes are then searched for it each time.
 */
typedef struct {
    int rows, features, skip;
    const uint8_t *bytes;   /* dense, one of the two ... */
    const float *floats;
    int64_t *start;         /* ... or sparse: the quads of row r are start[r] .. start[r + 1] - 1 */
    uint16_t *quad;
    uint8_t *byte_value;    /* four for each quad, one of the two */
    float *float_value;
    float *targets;         /* rows x target width, NULL without */
    void *owned;            /* the copy of the dense rows, NULL if they are somebody else's */
} Data;

/* What a step is run for. */
typedef struct {
    int training;
    uint64_t seed, step, epoch;
    int first;  /* place of its first row in the epoch's order, or first row in inference */
    int rows;
    float rate, decay;
} Pass;

/* Which rows a batch has: those at places first .. first + rows - 1 of an epoch's order of `of` rows. */
typedef struct {
    int of;
    uint64_t seed, epoch;
    int first, rows;
} Batch;

typedef struct Pool Pool;

/* A plan with its arena, its scratch memory and its threads. */
typedef struct {
    float *arena;
    int64_t arena_size;
    int layers;
    Layer *layer;
    int batch, capacity; /* rows of a training batch; most rows of any pass */
    int input, target_width;
    float scale, shift;
    Mask input_mask;
    float *x, *targets, *losses, *hits;
    int loss, rule;
    int64_t parameters; /* numbers in the parameter slice, gaps included */
    float *m, *v;       /* moments; NULL where the rule keeps none */
    float form[3], loss_form; /* what the rule takes besides rate and decay; what the loss takes */
    int threads;
    Pool *pool;
    int alone; /* set while the pool is left out, see jni.c */
    /* scratch */
    int *order;          /* capacity */
    int *order_ahead;    /* of the batch that probably comes next ... */
    Batch ahead;         /* ... which is this; no rows: none */
    float *keep;         /* per layer, one after the other: batch x out */
    float **keep_of;     /* where each layer's part begins; [layers] is the input's */
    int *entry_column;   /* dense rows of bytes without their zeros, row by row */
    float *entry_value;  /* their values; of sparse rows, four numbers for each quad */
    int *entry_start;    /* capacity + 1: where a row's begin, in entries or in quads */
    uint32_t *quad_rows; /* per 32 rows of the batch, for each quad the rows that have it, a bit each */
    int *next;           /* per thread: for each row of the batch its next quad, while quads are gone through in order */
    int *list_row;       /* per thread: LISTED and a vector of places ... */
    float *list_value;   /* ... and of values */
    float *pack;         /* per thread: packed panels of a matrix product */
    size_t pack_size;
    float *tile;         /* per thread: a block of weight gradients */
    size_t tile_size;
} Net;

/* Values of a matrix that a thread lists at once, without its zeros, and the room that takes: see sparse.h. */
enum { LISTED = 28672, LIST_ROOM = LISTED + 16 };

/* The kernels of one instruction set. */
typedef struct {
    const char *name;
    void (*gather)(Net *, const Data *, const Pass *);
    void (*forward)(Net *, int layer, const Pass *, const float *keep);
    void (*keep)(Net *, int layer, const Pass *); /* layer == layers: the input's */
    void (*loss)(Net *, const Pass *);
    void (*backward_input)(Net *, int layer, const Pass *, const float *keep);
    void (*backward_weights)(Net *, int layer, const Pass *);
    void (*update)(Net *, const Pass *);
    void (*metrics)(Net *, const Pass *, float *loss, int *hits);
    void (*train)(Net *, const Data *, Pass *, float *loss, int *hits);
    void (*infer)(Net *, const Data *, int first, int rows); /* no more than capacity, into the last layer's y */
    int (*knows)(const Net *); /* whether it has all activations, the loss and the rule */
    size_t (*pack_size)(const Net *); /* floats of a thread's `pack`, of its `tile` */
    size_t (*tile_size)(const Net *);
} Kernels;

extern const Kernels quern_kernels_baseline;
#if defined(__x86_64__)
extern const Kernels quern_kernels_avx2;
extern const Kernels quern_kernels_avx512;
#endif

/* net.c. The kernels for an ISA_ of abi.h; NULL if this processor cannot run them. */
const Kernels *quern_kernels(int wanted);

/*
 * Lets the calling thread take numbers below the least normal one for 0, and returns what to hand back afterwards. The moments
 * of weights that get no gradient any more fade into such numbers and stay there, and arithmetic on them takes two to
 * three times as long. No kernel promises anything below the least normal number.
 */
unsigned quern_flush_subnormals(void);
void quern_restore_subnormals(unsigned);

/* Zeros, at a cache line, with room for vectors that overrun the end; see system.h for how to give them back. NULL if memory is
   short. */
void *quern_memory(size_t count, size_t size);

/* What opening a net can come to. */
enum { QUERN_OPEN, QUERN_NO_MEMORY, QUERN_UNKNOWN };

/* Allocates a net's arena (zeros) and layers, and fills them in from a description, words of abi.h. */
int quern_net_describe(Net *, const int64_t *words);

/* Allocates scratch and threads for a net that is described, if the kernels know all that it has. */
int quern_net_open(Net *, const Kernels *);
void quern_net_close(Net *); /* what was allocated, not the net itself */

/* Where the rows of a data set are copied from: values, bytes or floats, from the `at`th on. */
typedef struct {
    int rows, is_bytes;
    void (*get)(void *argument, int64_t at, int64_t count, void *to);
    void *argument;
} Source;

/* Copies rows to memory of our own, sparse if that is exact and worth it; NULL if memory is short, or, said in *changed,
   if the rows did not stay the same meanwhile. */
Data *quern_data_open(const Net *, const Source *, int *changed);
void quern_data_close(Data *);

/* pool.c: calls work(argument, thread, threads) once for each thread, the caller being thread 0; returns when all are done. */
Pool *quern_pool_open(int threads);
int quern_pool_threads(const Pool *); /* as many as could be had */
void quern_pool_run(Pool *, void (*work)(void *argument, int thread, int threads), void *argument);
void quern_pool_close(Pool *);

#endif
