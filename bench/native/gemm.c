/*
 * Our matrix product against another BLAS in the same process, in turn: GFLOP/s, medians, one thread.
 *
 *   gemm [LIBRARY.so ...]     e.g. libopenblas.so.0, libmkl_rt.so.2: whatever has cblas_sgemm
 *
 * See bench/METHOD.md for how to build and run it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../../native/gemm.h"

typedef void (*Sgemm)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* m, n, k, A transposed, B transposed: the products of both networks, and large ones */
static const int shapes[][5] = {
    {2048, 2048, 2048, 0, 0}, {32, 48, 784, 0, 0},   {784, 48, 32, 1, 0},   {32, 15, 48, 0, 0},
    {32, 48, 15, 0, 1},       {48, 15, 32, 1, 0},    {32, 10, 15, 0, 0},    {128, 800, 784, 0, 0},
    {128, 800, 800, 0, 0},    {800, 800, 128, 1, 0}, {128, 800, 800, 0, 1}, {784, 800, 128, 1, 0},
    {128, 10, 800, 0, 0},     {128, 800, 10, 0, 1},  {800, 10, 128, 1, 0}};

enum { ROUNDS = 15 };

int main(int argc, char **argv) {
    Sgemm other[8] = {0};
    for (int i = 1; i < argc && i < 8; i++) {
        void *library = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
        other[i] = library == NULL ? NULL : (Sgemm)dlsym(library, "cblas_sgemm");
        if (other[i] == NULL) {
            fprintf(stderr, "%s: %s\n", argv[i], dlerror());
            return 1;
        }
        char *(*config)(void) = (char *(*)(void))dlsym(library, "openblas_get_corename");
        printf("# %s %s\n", argv[i], config == NULL ? "" : config());
    }
    size_t most = 2048 * 2048;
    float *a = aligned_alloc(64, most * 4), *b = aligned_alloc(64, most * 4), *c = aligned_alloc(64, most * 4),
          *d = aligned_alloc(64, most * 4), *pack = aligned_alloc(64, (gemm_pack(2048) + 64) * 4 / 64 * 64);
    for (size_t i = 0; i < most; i++) {
        a[i] = (float)((i * 2654435761u >> 8) % 1000) / 1000 - 0.5f;
        b[i] = (float)((i * 2246822519u >> 8) % 1000) / 1000 - 0.5f;
    }
    printf("%-22s %8s", "m x n x k", "ours");
    for (int l = 1; l < argc; l++) {
        printf(" %8s", "other");
    }
    printf("   ours/best, GFLOP/s\n");
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        int m = shapes[s][0], n = shapes[s][1], k = shapes[s][2], ta = shapes[s][3], tb = shapes[s][4];
        double flops = 2.0 * m * n * k;
        int repeat = flops > 2e8 ? 1 : (int)(2e8 / flops);
        double seconds[8][ROUNDS];
        for (int r = 0; r < ROUNDS; r++) {
            for (int l = 0; l < argc; l++) {
                double start = now();
                for (int i = 0; i < repeat; i++) {
                    if (l == 0) {
                        gemm(m, n, k, a, ta ? 1 : k, ta ? m : 1, b, tb ? 1 : n, tb ? k : 1, c, n, pack);
                    } else {
                        other[l](101, ta ? 112 : 111, tb ? 112 : 111, m, n, k, 1, a, ta ? m : k, b, tb ? k : n, 0,
                                 d, n);
                    }
                }
                seconds[l][r] = (now() - start) / repeat;
            }
        }
        printf("%4d x %4d x %4d %s%s   ", m, n, k, ta ? "T" : "N", tb ? "T" : "N");
        double best = 0, ours = 0;
        for (int l = 0; l < argc; l++) {
            qsort(seconds[l], ROUNDS, sizeof(double), by_value);
            double rate = flops / seconds[l][ROUNDS / 2] * 1e-9;
            printf(" %8.1f", rate);
            ours = l == 0 ? rate : ours;
            best = l > 0 && rate > best ? rate : best;
        }
        double worst = 0;
        for (int i = 0; argc > 1 && i < m * n; i++) {
            worst = fmax(worst, fabs((double)c[i] - d[i]));
        }
        printf("   %5.2f   (largest difference %.1e)\n", best > 0 ? ours / best : 0, worst);
        if (worst > 1e-3) {
            fprintf(stderr, "the results differ\n");
            return 1;
        }
    }
    return 0;
}
