/*
 * What Java, C and the kernels call by the same numbers. Made by AbiTest of what Java puts; not to be edited.
 */
#ifndef QUERN_ABI_H
#define QUERN_ABI_H

#define QUERN_ABI 0xcefaaa50u /* of all that follows */

/* org.quern.model.Activation */
enum { ACTIVATION_LINEAR, ACTIVATION_RELU, ACTIVATION_TANH, ACTIVATION_SIGMOID, ACTIVATION_GELU, ACTIVATION_SILU };
#define ACTIVATIONS 6

/* org.quern.plan.Loss */
enum { LOSS_CROSS_ENTROPY, LOSS_MEAN_SQUARED_ERROR, LOSS_HUBER, LOSS_BINARY_CROSS_ENTROPY };
#define LOSSES 4

/* org.quern.plan.Optimizer */
enum { OPTIMIZER_ADAM, OPTIMIZER_SGD, OPTIMIZER_LION };

/* An optimizer's update rule, by how many moments it keeps; and these. */
#define RULE(optimizer, moments) (OPTIMIZER_##optimizer * 4 + (moments))
#define MOMENTS(rule) ((rule) % 4)

/* org.quern.backend.cpu.CpuExecutor.Kind */
enum { OP_GATHER, OP_FORWARD, OP_LOSS, OP_BACKWARD_INPUT, OP_BACKWARD_WEIGHTS, OP_UPDATE, OP_METRICS };

/* org.quern.backend.cpu.CpuBackend.Isa */
enum { ISA_BEST, ISA_BASELINE, ISA_AVX2, ISA_AVX512 };

/* What a launch runs for: org.quern.backend.gpu.PassBlock. */
enum {
    PASS_ROWS, /* of this pass */
    PASS_FIRST, /* its first row: in the epoch's order, or in the data set */
    PASS_DATA_ROWS,
    PASS_TRAINING, /* 1: rows shuffled, dropout on; 0: inference */
    PASS_SEED_LOW,
    PASS_SEED_HIGH,
    PASS_STEP_LOW, /* global step */
    PASS_STEP_HIGH,
    PASS_EPOCH_LOW,
    PASS_EPOCH_HIGH,
    PASS_RATE, /* a float: the optimizer's step size */
    PASS_DECAY, /* a float: what parameters are multiplied by first */
    PASS_INDEX, /* number of the step within this run of steps */
    PASS_COUNT, /* steps of this run */
    PASS_BATCH, /* rows of a full batch */
    PASS_KEPT_ROWS, /* rows of the step whose losses were taken last */
    PASS_CHUNK, /* rows in the data buffer, where data is streamed, else 0 */
    PASS_WORDS
};

/* A layer whose gradients are computed: org.quern.backend.gpu.Gradients. */
enum {
    GRADIENT_X, /* the operands' offsets in the arena */
    GRADIENT_DY,
    GRADIENT_DW,
    GRADIENT_DB,
    GRADIENT_IN,
    GRADIENT_OUT,
    GRADIENT_WORDS
};

/* A network. */
enum {
    NET_LAYERS,
    NET_INPUTS,
    NET_BATCH,
    NET_LOSS,
    NET_TARGETS, /* columns of the targets */
    NET_RULE,
    NET_M_ARENA, /* the moments' offsets in the arena, or 0 */
    NET_V_ARENA,
    NET_FORM_0, /* floats: the optimizer's */
    NET_FORM_1,
    NET_FORM_2,
    NET_LOSS_FORM, /* a float */
    NET_SCALE, /* floats: an input is raw * scale + shift */
    NET_SHIFT,
    NET_INPUT_STREAM, /* dropout */
    NET_INPUT_THRESHOLD,
    NET_INPUT_KEEP, /* a float */
    NET_PLAN_WORDS
};

/* ... and of these, for fused kernels: org.quern.backend.gpu.FusedLayout. */
enum {
    NET_COLUMNS = NET_PLAN_WORDS, /* of the first layer, of each block but the last */
    NET_PIXELS, /* 1: rows stay bytes */
    NET_X, /* rows of the batch: bytes, 4 a word, then zeros; or floats */
    NET_X_STRIDE, /* words of a row */
    NET_X_NEXT, /* words to the other of two buffers */
    NET_COPIES_INVERSE, /* FusedLayout.inverse of what a row's bytes are copied in */
    NET_PIECES_INVERSE, /* of a row's inputs, by four if they can be */
    NET_TILES_INVERSE, /* of a block's columns by four */
    NET_BIASES, /* of all layers by four, of the first a block's */
    NET_SHARE, /* rows of a warp, in all layers above the first */
    NET_ORDER, /* [2][B] rows of the data set */
    NET_TARGET, /* [2][B x targets] */
    NET_TARGETS_INVERSE,
    NET_H, /* [2 or 1][B x H_STRIDE] the first layer's output */
    NET_H_STRIDE,
    NET_H_NEXT, /* words to the other */
    NET_LOSSES, /* [B] */
    NET_HITS, /* [B] */
    NET_LOG, /* [LOG_STEPS][2] what the host has not been told yet */
    NET_PARTS, /* sums of threads or of warps */
    NET_TOPS, /* largest weights; 0: no tensor cores */
    NET_MEMORY, /* words of all of a block's memory */
    NET_BLOCK_WORDS
};

/* ... and of these, for C: org.quern.backend.cpu.NetDescription. */
enum {
    NET_THREADS = NET_PLAN_WORDS,
    NET_CAPACITY, /* most rows of an inference pass */
    NET_PARAMETERS, /* numbers, gaps included */
    NET_ARENA, /* numbers of the arena */
    NET_X_ARENA, /* offsets in it */
    NET_TARGETS_ARENA,
    NET_LOSSES_ARENA,
    NET_HITS_ARENA,
    NET_CPU_WORDS
};

/* A layer. */
enum {
    LAYER_IN,
    LAYER_OUT,
    LAYER_ACTIVATION,
    LAYER_STREAM, /* dropout */
    LAYER_THRESHOLD,
    LAYER_KEEP, /* a float */
    LAYER_W_ARENA, /* offsets in the arena */
    LAYER_B_ARENA,
    LAYER_PLAN_WORDS
};

/* ... and of these, for fused kernels. */
enum {
    LAYER_W = LAYER_PLAN_WORDS, /* [in, a multiple of 4][stride], the gaps hold zeros; the first layer's [C][stride] */
    LAYER_W_STRIDE,
    LAYER_W_SIZE, /* from W to its first moment, and from that to the second */
    LAYER_B,
    LAYER_B_SIZE,
    LAYER_Y, /* [B][stride] the output; the first layer's is H */
    LAYER_G, /* [B][stride] keep * act', then times it the gradient before the activation, zeros in the gaps; of the first layer, the own columns */
    LAYER_STRIDE,
    LAYER_KEPT, /* which positions dropout keeps, 4 bits a word, one block of Philox */
    LAYER_KEPT_ROW, /* of the first layer, words of a row */
    LAYER_FOURS, /* columns by four */
    LAYER_FOURS_INVERSE,
    LAYER_DOUBLINGS, /* threads that share a sum are 2^it */
    LAYER_BELOW, /* columns of the layer below of which a block has the gradient */
    LAYER_BELOW_INVERSE,
    LAYER_BLOCK_WORDS
};

/* ... and of these, for C. */
enum {
    LAYER_Z_ARENA = LAYER_PLAN_WORDS, /* 0: z is not kept */
    LAYER_Y_ARENA,
    LAYER_DY_ARENA,
    LAYER_DW_ARENA,
    LAYER_DB_ARENA,
    LAYER_CPU_WORDS
};

/* Sizes that launches, memory and kernels agree on. */
#define FUSED_THREADS 256
#define FUSED_WARPS 8
#define FUSED_WARP 32
#define FUSED_SUMS 16
#define FUSED_NET 1000
#define LOG_STEPS 64
#define TENSOR_ROWS 32
#define TENSOR_COLUMNS 8
#define MOST_ROWS 128
#define GATHER_ROWS 32
#define SHAPE_BATCH 32
#define SHAPE_THREADS 384
#define SHAPE_MEMORY 110592
#define TILE_SMALL 8
#define TILE_MEDIUM 32
#define TILE_LARGE 128
#define NOWHERE 0xffffffffu

#endif
