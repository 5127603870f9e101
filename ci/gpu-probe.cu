/*
 * What gpu-probe.cc measures on a device: what the steps of the fused kernels are made of. Each kernel writes what its
 * rounds took to `times`.
 */
#if defined(__CUDA_ARCH__)

#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)
typedef unsigned int u32;

struct Times {
    long long cycles, nanos;
};

__device__ __forceinline__ long long nanos() {
    long long now;
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now)::"memory");
    return now;
}

/* Between MEASURED and MEASURED_END by the first thread of block 0: of a second run, when the code is in the caches. */
#define MEASURED                                 \
    long long cycles_ = 0, nanos_ = 0;           \
    for (int run_ = 0; run_ < 2; run_++) {       \
        nanos_ = nanos();                        \
        cycles_ = clock64();
#define MEASURED_END                             \
        cycles_ = clock64() - cycles_;           \
        nanos_ = nanos() - nanos_;               \
    }                                            \
    if (blockIdx.x == 0 && threadIdx.x == 0) {   \
        times->cycles = cycles_;                 \
        times->nanos = nanos_;                   \
    }

/* An entry of a step's log, two words, and what orders them before the next barrier; `log` on the device or the host's. */
KERNEL(32) log_entry(Times *times, volatile u32 *log, int rounds) {
    MEASURED
    for (int i = 0; i < rounds; i++) {
        if (threadIdx.x == 0) {
            log[2 * (i & 1023)] = i;
            log[2 * (i & 1023) + 1] = i;
        }
        __threadfence();
    }
    MEASURED_END
}

/* 4 bytes of a word to floats: by conversion (I2F), or by a permutation of bytes into a float's low bits. */
template <bool CONVERT> __device__ __forceinline__ void bytes_to_floats(Times *times, float *sink, int rounds) {
    u32 word = threadIdx.x * 2654435761u + rounds;
    float a = 0, b = 0, c = 0, d = 0;
    MEASURED
#pragma unroll 8
    for (int i = 0; i < rounds; i++) {
        word = word * 1664525u + 1013904223u;
        if (CONVERT) {
            a += (float)(word & 255), b += (float)(word >> 8 & 255), c += (float)(word >> 16 & 255), d += (float)(word >> 24);
        } else {
            a += __uint_as_float(__byte_perm(word, 0x4b000000u, 0x7550)) - 8388608.0f;
            b += __uint_as_float(__byte_perm(word, 0x4b000000u, 0x7551)) - 8388608.0f;
            c += __uint_as_float(__byte_perm(word, 0x4b000000u, 0x7552)) - 8388608.0f;
            d += __uint_as_float(__byte_perm(word, 0x4b000000u, 0x7553)) - 8388608.0f;
        }
    }
    MEASURED_END
    sink[threadIdx.x] = a + b + c + d;
}

KERNEL(256) bytes_by_conversion(Times *times, float *sink, int rounds) { bytes_to_floats<true>(times, sink, rounds); }
KERNEL(256) bytes_by_permutation(Times *times, float *sink, int rounds) { bytes_to_floats<false>(times, sink, rounds); }

#if __CUDA_ARCH__ >= 900
#define CLUSTER_BARRIER() \
    asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory")

__device__ __forceinline__ u32 shared(const void *at) { return (u32)__cvta_generic_to_shared(at); }

__device__ __forceinline__ u32 of_block(u32 at, u32 rank) {
    u32 there;
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(at), "r"(rank));
    return there;
}

/* What a cluster's barrier takes that nothing delays. */
KERNEL(320) cluster_barrier(Times *times, int rounds) {
    CLUSTER_BARRIER();
    MEASURED
    for (int i = 0; i < rounds; i++) {
        CLUSTER_BARRIER();
    }
    MEASURED_END
}

/*
 * 16 bytes from each block to each, written into the other's shared memory by st.async and waited for at its mbarrier,
 * by one warp; what is sent depends on what came. There are two boxes and barriers in turn: who sends for round i + 1
 * has got everybody's round i, and so everybody is done with the box of round i - 1.
 */
KERNEL(32) exchange(Times *times, u32 *sink, int rounds) {
    __shared__ alignas(16) uint4 box[2][16];
    __shared__ alignas(8) unsigned long long arrived[2];
    u32 t = threadIdx.x, rank, blocks, sum = t;
    asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    asm("mov.u32 %0, %%cluster_nctaid.x;" : "=r"(blocks));
    if (t == 0) {
        for (int k = 0; k < 2; k++) {
            asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(shared(&arrived[k])) : "memory");
        }
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    CLUSTER_BARRIER();
    int step = 0;
    MEASURED
    for (int i = 0; i < rounds; i++, step++) {
        u32 slot = step & 1, parity = step >> 1 & 1;
        if (t == 0) {
            asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared(&arrived[slot])), "r"(16 * blocks)
                         : "memory");
        }
        if (t < blocks) {
            asm volatile("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%0], {%1, %1, %1, %1}, [%2];" ::"r"(
                             of_block(shared(&box[slot][rank]), t)),
                         "r"(sum), "r"(of_block(shared(&arrived[slot]), t))
                         : "memory");
        }
        asm volatile(
            "{\n.reg .pred p;\nAGAIN%=:\nmbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%0], %1;\n@!p bra AGAIN%=;\n}" ::"r"(
                shared(&arrived[slot])),
            "r"(parity)
            : "memory");
        sum += box[slot][t % blocks].x;
    }
    MEASURED_END
    sink[32 * rank + t] = sum;
    CLUSTER_BARRIER(); /* a block's shared memory has to outlive what others send to it */
}
#endif
#endif
