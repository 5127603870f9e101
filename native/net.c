/* Nets and data sets in memory of our own, and the choice of the instruction set. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include "quern.h"
#include "system.h"

enum { CACHE_LINE = 64, LARGE_PAGE = 2 << 20, OVERRUN = 64 };

/* Bytes of rows that are looked through at once. */
enum { BLOCK_BYTES = 1 << 16 };

/* Flops of the largest product that a thread must have, to be more than one that waits: some ten microseconds of work. */
static const double WORTH_BEING_THERE = 5e5;

const Kernels *quern_kernels(int wanted) {
#if defined(__x86_64__)
    __builtin_cpu_init(); /* these ask the operating system's support, too */
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if ((wanted == ISA_BEST || wanted == ISA_AVX512) && avx512) {
        return &quern_kernels_avx512;
    }
    if ((wanted == ISA_BEST || wanted == ISA_AVX2) && avx2) {
        return &quern_kernels_avx2;
    }
#endif
    return wanted == ISA_BEST || wanted == ISA_BASELINE ? &quern_kernels_baseline : NULL;
}

unsigned quern_flush_subnormals(void) {
#if defined(__SSE2__)
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040); /* results: flush to zero; operands: denormals are zeros */
    return before;
#elif defined(__aarch64__)
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | 1u << 24));
    return (unsigned)before;
#else
    return 0;
#endif
}

void quern_restore_subnormals(unsigned before) {
#if defined(__SSE2__)
    _mm_setcsr(before);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)before));
#else
    (void)before;
#endif
}

void *quern_memory(size_t count, size_t size) {
    size_t bytes = count * size + OVERRUN * sizeof(float);
    /* large pages, where the system has them, spare most of the misses of rows drawn from all over a data set */
    size_t unit = bytes < LARGE_PAGE / 2 ? CACHE_LINE : LARGE_PAGE;
    bytes = (bytes + unit - 1) / unit * unit;
    void *p = system_memory(unit, bytes);
    if (p == NULL) {
        return NULL;
    }
    if (unit == LARGE_PAGE) {
        system_use_large_pages(p, bytes);
    }
    memset(p, 0, bytes);
    return p;
}

static void *reserve(size_t count, size_t size, int *short_of_memory) {
    void *p = quern_memory(count, size);
    *short_of_memory |= p == NULL;
    return p;
}

static float float_of(int64_t word) {
    uint32_t bits = (uint32_t)word;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static Mask mask_of(int64_t stream, int64_t threshold, int64_t keep) {
    return (Mask){.threshold = (uint32_t)threshold, .stream = (uint32_t)stream, .scale = float_of(keep)};
}

int quern_net_describe(Net *net, const int64_t *words) {
    float *arena = net->arena = quern_memory((size_t)words[NET_ARENA], sizeof *arena);
    net->layer = calloc((size_t)words[NET_LAYERS], sizeof *net->layer);
    if (arena == NULL || net->layer == NULL) {
        return QUERN_NO_MEMORY;
    }
    net->arena_size = words[NET_ARENA];
    net->layers = (int)words[NET_LAYERS];
    net->batch = (int)words[NET_BATCH];
    net->capacity = (int)words[NET_CAPACITY];
    net->input = (int)words[NET_INPUTS];
    net->target_width = (int)words[NET_TARGETS];
    net->loss = (int)words[NET_LOSS];
    net->loss_form = float_of(words[NET_LOSS_FORM]);
    net->rule = (int)words[NET_RULE];
    net->form[0] = float_of(words[NET_FORM_0]);
    net->form[1] = float_of(words[NET_FORM_1]);
    net->form[2] = float_of(words[NET_FORM_2]);
    net->scale = float_of(words[NET_SCALE]);
    net->shift = float_of(words[NET_SHIFT]);
    net->input_mask = mask_of(words[NET_INPUT_STREAM], words[NET_INPUT_THRESHOLD], words[NET_INPUT_KEEP]);
    net->threads = (int)words[NET_THREADS];
    net->parameters = words[NET_PARAMETERS];
    net->m = words[NET_M_ARENA] == 0 ? NULL : arena + words[NET_M_ARENA];
    net->v = words[NET_V_ARENA] == 0 ? NULL : arena + words[NET_V_ARENA];
    net->x = arena + words[NET_X_ARENA];
    net->targets = arena + words[NET_TARGETS_ARENA];
    net->losses = arena + words[NET_LOSSES_ARENA];
    net->hits = arena + words[NET_HITS_ARENA];
    const float *below = net->x;
    for (int i = 0; i < net->layers; i++) {
        const int64_t *w = words + NET_CPU_WORDS + LAYER_CPU_WORDS * i;
        net->layer[i] = (Layer){.in = (int)w[LAYER_IN],
                                .out = (int)w[LAYER_OUT],
                                .activation = (int)w[LAYER_ACTIVATION],
                                .mask = mask_of(w[LAYER_STREAM], w[LAYER_THRESHOLD], w[LAYER_KEEP]),
                                .x = below,
                                .w = arena + w[LAYER_W_ARENA],
                                .b = arena + w[LAYER_B_ARENA],
                                .dw = arena + w[LAYER_DW_ARENA],
                                .db = arena + w[LAYER_DB_ARENA],
                                .z = w[LAYER_Z_ARENA] == 0 ? NULL : arena + w[LAYER_Z_ARENA],
                                .y = arena + w[LAYER_Y_ARENA],
                                .dy = arena + w[LAYER_DY_ARENA]};
        below = net->layer[i].y;
    }
    return QUERN_OPEN;
}

/* How many threads the net has work for, of those that are wanted: each takes megabytes. */
static int useful_threads(const Net *net, double capacity, int wanted) {
    double most = 1;
    for (int i = 0; i < net->layers; i++) {
        double parts = 2 * capacity * net->layer[i].in * net->layer[i].out / WORTH_BEING_THERE;
        most = parts > most ? parts : most;
    }
    return most < wanted ? (int)most : wanted;
}

int quern_net_open(Net *net, const Kernels *kernels) {
    if (!kernels->knows(net)) {
        return QUERN_UNKNOWN;
    }
    int out_of = 0;
    size_t capacity = (size_t)(net->capacity > net->batch ? net->capacity : net->batch), keeps = 0;
    net->threads = useful_threads(net, (double)capacity, net->threads == 0 ? system_processors() : net->threads);
    if (net->threads > 1) {
        net->pool = quern_pool_open(net->threads);
        if (net->pool == NULL) {
            return QUERN_NO_MEMORY;
        }
        net->threads = quern_pool_threads(net->pool);
    }
    for (int i = 0; i < net->layers; i++) {
        keeps += (size_t)net->batch * (size_t)net->layer[i].out + OVERRUN;
    }
    net->order = reserve(capacity, sizeof(int), &out_of);
    net->order_ahead = reserve(capacity, sizeof(int), &out_of); /* the two change places */
    net->keep_of = reserve((size_t)net->layers + 1, sizeof(float *), &out_of);
    size_t quads = ((size_t)net->input + 3) / 4;
    net->entry_column = reserve(capacity * (size_t)net->input, sizeof(int), &out_of);
    net->entry_value = reserve(capacity * 4 * quads, sizeof(float), &out_of);
    net->entry_start = reserve(capacity + 1, sizeof(int), &out_of);
    net->quad_rows = reserve((capacity + 31) / 32 * quads, sizeof(uint32_t), &out_of);
    net->next = reserve(capacity * (size_t)net->threads, sizeof(int), &out_of);
    int drops_input = net->input_mask.threshold != 0;
    net->keep = reserve(keeps + (drops_input ? (size_t)net->batch * (size_t)net->input : 0), sizeof(float), &out_of);
    net->pack_size = kernels->pack_size(net);
    net->pack = reserve(net->pack_size * (size_t)net->threads, sizeof(float), &out_of);
    net->list_row = reserve(LIST_ROOM * (size_t)net->threads, sizeof(int), &out_of);
    net->list_value = reserve(LIST_ROOM * (size_t)net->threads, sizeof(float), &out_of);
    net->tile_size = kernels->tile_size(net);
    net->tile = reserve(net->tile_size * (size_t)net->threads, sizeof(float), &out_of);
    if (out_of) {
        return QUERN_NO_MEMORY;
    }
    float *at = net->keep;
    for (int i = 0; i < net->layers; i++) {
        net->keep_of[i] = at;
        at += (size_t)net->batch * (size_t)net->layer[i].out + OVERRUN;
    }
    net->keep_of[net->layers] = at;
    return QUERN_OPEN;
}

void quern_net_close(Net *net) {
    quern_pool_close(net->pool);
    void *all[] = {net->arena,     net->order,      net->order_ahead, net->keep_of,    net->entry_column, net->entry_value,
                   net->entry_start, net->quad_rows, net->next,      net->keep,
                   net->list_row,  net->list_value,
                   net->pack,      net->tile};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        system_free(all[i]);
    }
    free(net->layer);
}

/* Whether any of the four values from `at` of a row of n is not zero. */
static int is_lit(const uint8_t *bytes, const float *floats, int at, int n) {
    if (bytes != NULL && at + 4 <= n) {
        uint32_t four;
        memcpy(&four, bytes + at, 4);
        return four != 0;
    }
    for (int i = at; i < n && i < at + 4; i++) {
        if (bytes != NULL ? bytes[i] != 0 : floats[i] != 0) {
            return 1;
        }
    }
    return 0;
}

/* The quads of some rows that are not all zeros, after `count` of those before: counted, or with `data`, which has room for
   `most`, put into it; -1 if there are more. */
static int64_t find_quads(const uint8_t *bytes, const float *floats, int first, int rows, int n, int64_t count,
                          Data *data, int64_t most) {
    for (int r = first; r < first + rows; r++) {
        for (int at = 0; at < n; at += 4) {
            if (!is_lit(bytes, floats, at, n)) {
                continue;
            }
            int whole = at + 4 <= n ? 4 : n - at;
            if (data != NULL) {
                if (count == most) {
                    return -1;
                }
                data->quad[count] = (uint16_t)(at / 4);
                for (int c = 0; c < whole; c++) {
                    if (bytes != NULL) {
                        data->byte_value[4 * count + c] = bytes[at + c];
                    } else {
                        data->float_value[4 * count + c] = floats[at + c];
                    }
                }
            }
            count++;
        }
        bytes = bytes == NULL ? NULL : bytes + n;
        floats = floats == NULL ? NULL : floats + n;
        if (data != NULL) {
            data->start[r + 1] = count;
        }
    }
    return count;
}

/* The same of all rows, block by block; with `data`, which has room for `most`, -1 if there are more or less of them. */
static int64_t all_quads(const Source *source, int n, void *block, int most_rows, Data *data, int64_t most) {
    const uint8_t *bytes = source->is_bytes ? block : NULL;
    const float *floats = source->is_bytes ? NULL : block;
    int64_t count = 0;
    for (int r = 0; r < source->rows && count >= 0;) {
        int rows = source->rows - r < most_rows ? source->rows - r : most_rows;
        source->get(source->argument, (int64_t)r * n, (int64_t)rows * n, block);
        count = find_quads(bytes, floats, r, rows, n, count, data, most);
        r += rows;
    }
    return data != NULL && count != most ? -1 : count;
}

/* Room for rows without their zeros; the values of the last quad of a row are filled up with zeros. */
static int make_sparse(Data *data, int is_bytes, int64_t quads) {
    data->start = quern_memory((size_t)data->rows + 1, sizeof *data->start);
    data->quad = quern_memory((size_t)quads, sizeof *data->quad);
    if (is_bytes) {
        data->byte_value = quern_memory((size_t)quads, 4);
    } else {
        data->float_value = quern_memory((size_t)quads, 4 * sizeof(float));
    }
    return data->start != NULL && data->quad != NULL && (data->byte_value != NULL || data->float_value != NULL);
}

/* Rows without their zeros, if that is exact and at most half of them are left: 1. Else 0; -1 if memory is short, -2 if the rows
   did not stay the same. */
static int sparse_rows(Data *data, const Net *net, const Source *source) {
    int64_t all = (net->input + 3) / 4;
    if (net->shift != 0 || all > 65536) {
        return 0;
    }
    size_t row = (size_t)net->input * (source->is_bytes ? 1 : sizeof(float));
    int most_rows = row >= BLOCK_BYTES ? 1 : (int)(BLOCK_BYTES / row);
    void *block = malloc(row * (size_t)most_rows);
    int done = block == NULL ? -1 : 0;
    if (done == 0) {
        int64_t quads = all_quads(source, net->input, block, most_rows, NULL, 0);
        if (quads * 2 <= all * source->rows) {
            done = make_sparse(data, source->is_bytes, quads) ? 1 : -1;
            if (done == 1 && all_quads(source, net->input, block, most_rows, data, quads) < 0) {
                done = -2;
            }
        }
    }
    free(block);
    return done;
}

Data *quern_data_open(const Net *net, const Source *source, int *changed) {
    Data *data = calloc(1, sizeof *data);
    if (data == NULL) {
        return NULL;
    }
    data->rows = source->rows;
    data->features = net->input;
    int done = sparse_rows(data, net, source);
    *changed = done == -2;
    data->skip = done == 1;
    if (done == 0) {
        int64_t size = (int64_t)source->rows * net->input;
        data->owned = quern_memory((size_t)size, source->is_bytes ? 1 : sizeof(float));
        if (data->owned != NULL) {
            source->get(source->argument, 0, size, data->owned);
            data->bytes = source->is_bytes ? data->owned : NULL;
            data->floats = source->is_bytes ? NULL : data->owned;
            done = 1;
        }
    }
    if (done != 1) {
        quern_data_close(data);
        return NULL;
    }
    return data;
}

void quern_data_close(Data *data) {
    void *all[] = {data->start, data->quad, data->byte_value, data->float_value, data->owned};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        system_free(all[i]);
    }
    free(data->targets);
    free(data);
}
