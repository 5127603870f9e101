/* What the teams of cuda/ share: a block's memory is dynamic shared memory, and copies into it need no registers. */
#ifndef QUERN_CUDA_FUSED_H
#define QUERN_CUDA_FUSED_H

#include <cooperative_groups.h>

#include "../fused/fused.h"

#ifdef QUERN_CUDASIM
DYNAMIC_SHARED(float, fused_memory);
#else
extern __shared__ __align__(16) float fused_memory[];
#endif

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
DEVICE void copy16_async(float *to, const uchar *from) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
                 :
                 : "r"((uint)__cvta_generic_to_shared(to)), "l"(from)
                 : "memory");
}
DEVICE void copy4_async(float *to, const float *from) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;"
                 :
                 : "r"((uint)__cvta_generic_to_shared(to)), "l"(from)
                 : "memory");
}
DEVICE void copies_wait() { asm volatile("cp.async.wait_all;" : : : "memory"); }
#elif defined(QUERN_CUDASIM)
DEVICE void copy16_async(float *to, const uchar *from) { cudasim_runtime->copy(to, from, 16); }
DEVICE void copy4_async(float *to, const float *from) { cudasim_runtime->copy(to, from, 4); }
DEVICE void copies_wait() { cudasim_runtime->copies_wait(); }
#else
DEVICE void copy16_async(float *to, const uchar *from) { STORE4(LOAD4(from), to); }
DEVICE void copy4_async(float *to, const float *from) { *to = *from; }
DEVICE void copies_wait() {}
#endif

#endif
