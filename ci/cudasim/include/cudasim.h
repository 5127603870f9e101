/*
 * CUDA for kernels that are compiled as C++: each CUDA thread is a fiber of the simulator. Included before the
 * kernels' source by ci/cudasim/build-module.
 */
#ifndef CUDASIM_H
#define CUDASIM_H

#include <cmath>
#include <cstring>
#include <tuple>

#include "runtime.h"

static cudasim::Runtime *cudasim_runtime;
/* The module's units, each of which adds itself when the library is loaded. */
extern __attribute__((visibility("hidden"))) cudasim::Unit *cudasim_units;

#define __global__ __attribute__((visibility("hidden")))
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
#define __cluster_dims__(...) /* the simulator reads them from the PTX */
#define __grid_constant__
/* All static shared memory of a module lies in one section, which the simulator knows. */
#define __shared__ static __attribute__((section("cudasim_shared")))

/* Stands for extern __shared__: the simulator lets a kernel touch as much of it as its launch asks for. All units have the
 * same, hence inline. */
#define DYNAMIC_SHARED(type, name) \
    inline __attribute__((section("cudasim_dynamic"), aligned(64))) type name[(227 << 10) / sizeof(type)]

#define threadIdx (cudasim_runtime->state.thread)
#define blockIdx (cudasim_runtime->state.block)
#define blockDim (cudasim_runtime->state.block_size)
#define gridDim (cudasim_runtime->state.grid_size)
#define warpSize 32

using std::exp;
using std::fabs;
using std::fma;
using std::log;
using std::sqrt;
using std::tanh;

template <class T>
static inline T min(T a, T b) {
    return a < b ? a : b;
}
template <class T>
static inline T max(T a, T b) {
    return a < b ? b : a;
}

struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(4) uchar4 {
    unsigned char x, y, z, w;
};
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }

/* Byte i of the result is that of the eight bytes b a which the i-th half byte of the selector names. */
static inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
    uint64_t both = (uint64_t)b << 32 | a;
    unsigned result = 0;
    for (int i = 0; i < 4; i++) result |= (unsigned)(both >> 8 * (selector >> 4 * i & 7) & 255) << 8 * i;
    return result;
}
/* To the nearest, halves to even; what is too large to the limits, NaN to 0. */
static inline int __float2int_rn(float v) {
    return v >= 2147483648.0f ? INT32_MAX : v <= -2147483648.0f ? INT32_MIN : v != v ? 0 : (int)lrintf(v);
}

static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)(((uint64_t)a * b) >> 32); }

template <class To, class From>
static inline To cudasim_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "the same bits");
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}
static inline float __uint_as_float(unsigned u) { return cudasim_bits<float>(u); }
static inline unsigned __float_as_uint(float f) { return cudasim_bits<unsigned>(f); }

static inline void __syncthreads() { cudasim_runtime->barrier(); }
template <class T>
static inline T __ldcg(const T *p) {
    return *p;
}
static inline void __threadfence() {}
static inline void __threadfence_block() {}
static inline void __threadfence_system() { __sync_synchronize(); }

static inline void __syncwarp(unsigned mask = 0xffffffffu) { cudasim_runtime->warp(cudasim::Warp::sync, mask, 0, 0); }
static inline unsigned cudasim_lane();
template <class T>
static inline T __shfl_sync(unsigned mask, T value, unsigned lane) {
    static_assert(sizeof(T) == 4, "shuffles are of 32 bits here");
    return cudasim_bits<T>((unsigned)cudasim_runtime->warp(cudasim::Warp::shuffle, mask,
                                                           cudasim_bits<unsigned>(value), lane % 32));
}
template <class T>
static inline T __shfl_xor_sync(unsigned mask, T value, unsigned bits) {
    return __shfl_sync(mask, value, cudasim_lane() ^ bits);
}
template <class T>
static inline T __shfl_down_sync(unsigned mask, T value, unsigned by) {
    unsigned lane = cudasim_lane();
    return __shfl_sync(mask, value, lane + by < 32 ? lane + by : lane);
}
static inline unsigned __ballot_sync(unsigned mask, bool vote) {
    return (unsigned)cudasim_runtime->warp(cudasim::Warp::ballot, mask, vote, 0);
}

/* For what the checks shall not see: the simulator's own accesses, and atomics, which are no races. */
#define CUDASIM_UNCHECKED __attribute__((no_sanitize("thread")))
template <class T>
CUDASIM_UNCHECKED static inline T atomicMin(T *p, T v) {
    T old = *p;
    *p = v < old ? v : old;
    return old;
}
template <class T>
CUDASIM_UNCHECKED static inline T atomicAdd(T *p, T v) {
    T old = *p;
    *p = old + v;
    return old;
}

#include "ptx.h"

/* ---- registration ------------------------------------------------------------------------------------------- */

namespace cudasim {

template <auto kernel>
struct Kernel;

template <class... A, void (*kernel)(A...)>
struct Kernel<kernel> {
    /* One parameter after the other: braces keep the order, a call's parentheses would not. */
    template <class T>
    struct Taken {
        T value;
        CUDASIM_UNCHECKED Taken(const char *arguments, unsigned &at) {
            at = (at + alignof(T) - 1) / alignof(T) * alignof(T);
            memcpy(&value, arguments + at, sizeof value);
            at += sizeof value;
        }
    };
    CUDASIM_UNCHECKED static void call(const char *arguments) {
        unsigned at = 0;
        std::tuple<Taken<A>...> taken{Taken<A>(arguments, at)...};
        std::apply([](auto &...each) CUDASIM_UNCHECKED { kernel(each.value...); }, taken);
    }
    static constexpr Entry entry(const char *name) {
        Entry e{name, call, sizeof...(A), {sizeof(A)...}, {alignof(A)...}, 0};
        unsigned at = 0;
        ((at = (at + alignof(A) - 1) / alignof(A) * alignof(A) + sizeof(A)), ...);
        e.bytes = at;
        return e;
    }
};

}  // namespace cudasim

#endif
