/*
 * One kernel source, two compilers: the kernels are OpenCL C 1.2, and this turns them into CUDA C++.
 *
 * Beyond OpenCL C they use SHARED (a work-group's array, declared at the top of a kernel), LOCAL (what points into
 * one), DEVICE (a function that kernels call), ALIGNED (for loads of four), load4/store4 and KERNEL(threads), which
 * fixes the size of the work-group.
 */
#ifndef QUERN_PRELUDE_H
#define QUERN_PRELUDE_H

#include "../gen/abi.h"

#ifdef __OPENCL_VERSION__

#define KERNEL(threads) __kernel __attribute__((reqd_work_group_size(threads, 1, 1))) void
#define LONE_KERNEL(threads) KERNEL(threads)
#define DEVICE inline static
/* A function that is a part of a large kernel. What a CPU runs is compiled in a third of the time if these stay calls. */
#ifdef QUERN_CALLS
#define PART __attribute__((noinline)) static
#else
#define PART DEVICE
#endif
#define SHARED __local
#define LOCAL __local
#define ALIGNED __attribute__((aligned(16)))
#define LOAD4(p) vload4(0, p)
#define STORE4(v, p) vstore4(v, 0, p)
#define PIXELS4(p) convert_float4(vload4(0, p))
#define MAKE4(x, y, z, w) ((float4)(x, y, z, w))
#define FENCE_HOST() mem_fence(CLK_GLOBAL_MEM_FENCE)
#define ATOMIC_MIN(p, v) atomic_min(p, v)
#define UNROLL _Pragma("unroll")
#define UNROLL_4 _Pragma("unroll 4")
#define UNROLL_8 _Pragma("unroll 8")
#define ROLLED _Pragma("unroll 1")
#pragma OPENCL FP_CONTRACT ON

#else /* CUDA, or C++ that stands in for it */

typedef unsigned char uchar;
typedef unsigned int uint;

#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)
/* One block is enough for a multiprocessor: else the compiler saves registers for more, and spills. */
#define LONE_KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads, 1)
#define DEVICE __device__ __forceinline__ static
#define PART DEVICE
#define __global
#define __local
#define SHARED __shared__
#define LOCAL
#define ALIGNED __attribute__((aligned(16)))
#define LOAD4(p) (*(const float4 *)(p))
#define STORE4(v, p) (*(float4 *)(p) = (v))
#define PIXELS4(p) pixels4(*(const uchar4 *)(p))
#define MAKE4(x, y, z, w) make_float4(x, y, z, w)
#define FENCE_HOST() __threadfence_system()
#define ATOMIC_MIN(p, v) atomicMin(p, v)
#ifdef __CUDACC__
#define UNROLL _Pragma("unroll")
#define UNROLL_4 _Pragma("unroll 4")
#define UNROLL_8 _Pragma("unroll 8")
#define ROLLED _Pragma("unroll 1")
#else
#define UNROLL
#define UNROLL_4
#define UNROLL_8
#define ROLLED
#endif
#define CLK_LOCAL_MEM_FENCE 0
#define barrier(fence) __syncthreads()
#define mul_hi(a, b) __umulhi(a, b)
#define get_local_id(d) ((d) == 0 ? threadIdx.x : threadIdx.y)
#define get_group_id(d) ((d) == 0 ? blockIdx.x : blockIdx.y)
#define get_num_groups(d) ((d) == 0 ? gridDim.x : gridDim.y)
#define as_float(x) __uint_as_float(x)
#define as_uint(x) __float_as_uint(x)

DEVICE float4 pixels4(uchar4 v) { return make_float4((float)v.x, (float)v.y, (float)v.z, (float)v.w); }

#endif

/* Does not compile unless a list of three things each has so many. */
#define COMPLETE(list, count, name) typedef char name[0 list(ONE_MORE) == (count) ? 1 : -1]
#define ONE_MORE(a, b, c) +1

#endif
