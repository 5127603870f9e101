/*
 * Instructions of PTX that CUDA C++ has no function for, or none that may be compiled to what it should be. The simulator has
 * its own under these names. Fragments of products: lane = 4 g + t; PTX ISA, "Matrix Fragments for mma.m16n8k16" and "k8".
 */
#ifndef QUERN_CUDA_PTX_H
#define QUERN_CUDA_PTX_H

#include "../shared/prelude.h"

typedef unsigned long long mbarrier;

#ifndef QUERN_CUDASIM

/* ---- tensor cores: C [16][8] += A B; c[0] and c[1] are C[g][2t] and its right neighbour, c[2] and c[3] 8 rows on ---------- */

/* A [16][16], B [16][8] of halves, two a word. a[0] is A[g][2t..], a[1] 8 rows on, a[2], a[3] 8 columns on; b0 B[2t..][g]. */
DEVICE void mma_half(float *c, const uint *a, uint b0, uint b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
/* A [16][8], B [8][8] of TF32. a[0] is A[g][t], a[1] 8 rows on, a[2], a[3] 4 columns on; b0 B[t][g], b1 4 rows on. */
DEVICE void mma_tf32(float *c, const float *a, float b0, float b1) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(as_uint(a[0])), "r"(as_uint(a[1])), "r"(as_uint(a[2])), "r"(as_uint(a[3])), "r"(as_uint(b0)), "r"(as_uint(b1)));
}

/* ---- halves, bytes, approximations ------------------------------------------------------------------------------------- */

DEVICE uint pack_half2(float low, float high) {
    uint both;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    return both;
}
DEVICE float2 unpack_half2(uint both) {
    float2 v;
    asm("{ .reg .b16 low, high;\n mov.b32 {low, high}, %2;\n cvt.f32.f16 %0, low;\n cvt.f32.f16 %1, high; }"
        : "=f"(v.x), "=f"(v.y)
        : "r"(both));
    return v;
}
/* volatile: the compiler makes two instructions of some selectors otherwise */
DEVICE uint byte_perm(uint a, uint b, uint selector) {
    uint d;
    asm volatile("prmt.b32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(selector));
    return d;
}
#define APPROXIMATION(name, instruction)                                  \
    DEVICE float name(float x) {                                          \
        float y;                                                          \
        asm(instruction ".approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));    \
        return y;                                                         \
    }
APPROXIMATION(approximate_sqrt, "sqrt")
APPROXIMATION(fast_rcp, "rcp")
APPROXIMATION(fast_exp2, "ex2")
APPROXIMATION(fast_log2, "lg2")
/* What is made of a value after this the compiler does not have from before. */
DEVICE void anew(uint &v) { asm volatile("" : "+r"(v)); }
DEVICE uint reduce_max(uint v) { return __reduce_max_sync(0xffffffffu, v); }
DEVICE uint reduce_add(uint v) { return __reduce_add_sync(0xffffffffu, v); }

/* ---- blocks of a cluster --------------------------------------------------------------------------------------------------- */

DEVICE uint shared_address(const void *p) { return (uint)__cvta_generic_to_shared(p); }
DEVICE uint address_in(uint own, uint rank) {
    uint there;
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(own), "r"(rank));
    return there;
}
DEVICE void cluster_arrive() { asm volatile("barrier.cluster.arrive.release.aligned;" : : : "memory"); }
DEVICE void cluster_wait() { asm volatile("barrier.cluster.wait.acquire.aligned;" : : : "memory"); }
DEVICE void named_barrier(uint id, uint threads) { asm volatile("bar.sync %0, %1;" : : "r"(id), "r"(threads) : "memory"); }

DEVICE void barrier_init(mbarrier *b, uint arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" : : "r"(shared_address(b)), "r"(arrivals) : "memory");
}
/* Before other blocks may use what was initialised. */
DEVICE void barrier_init_fence() { asm volatile("fence.mbarrier_init.release.cluster;" : : : "memory"); }
DEVICE void barrier_arrive(mbarrier *b) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" : : "r"(shared_address(b)) : "memory");
}
/* An arrival that says how many bytes are to come. */
DEVICE void barrier_expect(mbarrier *b, uint bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" : : "r"(shared_address(b)), "r"(bytes) : "memory");
}
DEVICE void barrier_wait(mbarrier *b, uint parity) {
    asm volatile("{ .reg .pred done;\n"
                 "again%=: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 done, [%0], %1;\n"
                 "@!done bra again%=; }"
                 :
                 : "r"(shared_address(b)), "r"(parity)
                 : "memory");
}
/* 16 bytes to where `own` is in block `rank`, counted at `b` there. */
DEVICE void put_async16(void *own, uint rank, uint4 v, mbarrier *b) {
    asm volatile("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%0], {%1,%2,%3,%4}, [%5];"
                 :
                 : "r"(address_in(shared_address(own), rank)), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w),
                   "r"(address_in(shared_address(b), rank))
                 : "memory");
}

#else
DEVICE void anew(uint &v) {}
DEVICE float approximate_sqrt(float x) { return fast_sqrt(x); }
#endif

#endif
