/*
 * Training steps of both networks, each step timed by itself: the least, the 10th percentile and the median in
 * microseconds, which a busy machine disturbs less than a mean. No JVM, so that profilers see the kernels alone.
 *
 *   step tutorial|wide THREADS ISA EPOCHS MNIST_IMAGES MNIST_LABELS    ISA: as in abi.h, 1 baseline, 2 AVX2, 3 AVX-512
 *
 * The files are MNIST's, unpacked. See bench/METHOD.md for how to build and run it.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../native/quern.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static uint8_t *read_file(const char *name, size_t head, size_t size) {
    uint8_t *bytes = malloc(size);
    FILE *file = fopen(name, "rb");
    if (bytes == NULL || file == NULL || fseek(file, (long)head, SEEK_SET) != 0 || fread(bytes, 1, size, file) != size) {
        fprintf(stderr, "%s: cannot read %zu bytes\n", name, size);
        exit(1);
    }
    fclose(file);
    return bytes;
}

enum { ROWS = 60000, FEATURES = 784, LAYERS = 3 };

/* A slice of the arena, as org.quern.plan.PlanBuilder lays it: 16 floats to a cache line. */
static int64_t slice(int64_t *end, int64_t rows, int64_t columns) {
    int64_t at = *end;
    *end = (at + rows * columns + 15) / 16 * 16;
    return at;
}

/* The plan of a network of three layers, ReLU after the `relus` first. */
static Net *plan(const Kernels *kernels, const int *units, int relus, float rate, int batch, int threads) {
    Net *net = calloc(1, sizeof *net);
    net->layer = calloc(LAYERS, sizeof *net->layer);
    *net = (Net){.layer = net->layer, .layers = LAYERS, .batch = batch, .capacity = batch > 256 ? batch : 256,
                 .input = FEATURES, .target_width = 1, .scale = 1 / 255.0f, .loss = LOSS_CROSS_ENTROPY,
                 .rule = RULE(ADAM, 2), .form = {0.1f, 0.001f, 1e-7f},
                 .threads = threads, .input_mask = {.scale = 1}};
    int64_t end = 0, w[LAYERS], b[LAYERS], dw[LAYERS], db[LAYERS], y[LAYERS], dy[LAYERS];
    for (int i = 0, in = FEATURES; i < LAYERS; in = units[i++]) {
        w[i] = slice(&end, in, units[i]), b[i] = slice(&end, 1, units[i]);
    }
    net->parameters = end;
    int64_t m = slice(&end, 1, net->parameters), v = slice(&end, 1, net->parameters);
    for (int i = 0, in = FEATURES; i < LAYERS; in = units[i++]) {
        dw[i] = slice(&end, in, units[i]), db[i] = slice(&end, 1, units[i]);
    }
    int64_t x = slice(&end, net->capacity, FEATURES), targets = slice(&end, batch, 1);
    for (int i = 0; i < LAYERS; i++) {
        y[i] = slice(&end, net->capacity, units[i]), dy[i] = slice(&end, batch, units[i]);
    }
    int64_t losses = slice(&end, batch, 1), hits = slice(&end, batch, 1);
    net->arena_size = end;
    net->arena = quern_memory((size_t)end, sizeof(float));
    net->m = net->arena + m, net->v = net->arena + v, net->x = net->arena + x, net->targets = net->arena + targets;
    net->losses = net->arena + losses, net->hits = net->arena + hits;
    uint32_t random = 1;
    for (int i = 0, in = FEATURES; i < LAYERS; in = units[i++]) {
        float limit = sqrtf(6.0f / (float)(in + units[i]));
        for (int64_t k = 0; k < (int64_t)in * units[i]; k++) {
            random = random * 1664525u + 1013904223u;
            net->arena[w[i] + k] = limit * ((float)(random >> 8) / 8388608.0f - 1);
        }
        Mask mask = {.threshold = i < LAYERS - 1 ? (uint32_t)(rate * 4294967296.0) : 0,
                     .stream = 2u << 16 | (uint32_t)(i + 1),
                     .scale = 1 / (1 - rate)};
        net->layer[i] = (Layer){.in = in, .out = units[i], .activation = i < relus ? ACTIVATION_RELU : ACTIVATION_LINEAR, .mask = mask,
                                .x = i == 0 ? net->x : net->arena + y[i - 1], .w = net->arena + w[i],
                                .b = net->arena + b[i], .dw = net->arena + dw[i], .db = net->arena + db[i],
                                .y = net->arena + y[i], .dy = net->arena + dy[i]};
    }
    if (quern_net_open(net, kernels) != QUERN_OPEN) {
        exit(1);
    }
    return net;
}

static void copy_pixels(void *images, int64_t at, int64_t count, void *to) {
    memcpy(to, (uint8_t *)images + at, (size_t)count);
}

int main(int argc, char **argv) {
    if (argc != 7) {
        fprintf(stderr, "usage: step tutorial|wide THREADS ISA EPOCHS IMAGES LABELS\n");
        return 2;
    }
    int wide = strcmp(argv[1], "wide") == 0, epochs = atoi(argv[4]);
    const Kernels *kernels = quern_kernels(atoi(argv[3]));
    Net *net = wide ? plan(kernels, (int[]){800, 800, 10}, 2, 0.5f, 128, atoi(argv[2]))
                    : plan(kernels, (int[]){48, 15, 10}, 1, 0.3f, 32, atoi(argv[2]));
    uint8_t *images = read_file(argv[5], 16, (size_t)ROWS * FEATURES), *labels = read_file(argv[6], 8, ROWS);
    int changed;
    Data *data = quern_data_open(net, &(Source){ROWS, 1, copy_pixels, images}, &changed);
    data->targets = malloc(ROWS * sizeof(float));
    for (int i = 0; i < ROWS; i++) {
        data->targets[i] = labels[i];
    }
    quern_flush_subnormals();
    int steps = (ROWS - 1) / net->batch + 1;
    double *seconds = malloc((size_t)(steps * epochs) * sizeof *seconds);
    for (int s = 0; s < steps * epochs; s++) {
        Pass pass = {.training = 1, .seed = 1, .step = (uint64_t)s, .epoch = (uint64_t)(s / steps),
                     .first = s % steps * net->batch, .decay = 1};
        pass.rows = ROWS - pass.first < net->batch ? ROWS - pass.first : net->batch;
        double t = s + 1;
        pass.rate = (float)(1e-3 * sqrt(1 - pow(0.999, t)) / (1 - pow(0.9, t)));
        float loss;
        int hits;
        double start = now();
        kernels->train(net, data, &pass, &loss, &hits);
        seconds[s] = now() - start;
        if (s == steps * epochs - 1) {
            uint32_t sum = 0;
            for (int64_t i = 0; i < net->parameters; i++) {
                uint32_t bits;
                memcpy(&bits, net->arena + i, 4);
                sum = sum * 31 + bits;
            }
            printf("%s, %s, %d threads: loss %.4f, bits of the parameters %08x\n", argv[1], kernels->name, net->threads,
                   loss / (float)pass.rows, sum);
        }
    }
    int skip = steps * epochs / 5, n = steps * epochs - skip; /* the first fifth warms up */
    qsort(seconds + skip, (size_t)n, sizeof *seconds, by_value);
    printf("us a step: least %.2f, 10th percentile %.2f, median %.2f\n", 1e6 * seconds[skip], 1e6 * seconds[skip + n / 10],
           1e6 * seconds[skip + n / 2]);
    free(images), free(labels), free(seconds);
    quern_data_close(data);
    quern_net_close(net);
    free(net);
    return 0;
}
