/* All kernels but the fused ones, as one translation unit. */
#include "ops/gather.cl"
#include "ops/dense.cl"
#include "ops/loss.cl"
#include "ops/update.cl"
#include "ops/step.cl"
/* for the products of cuBLAS, which only CUDA has */
#ifndef __OPENCL_VERSION__
#include "cuda/mixed.cl"
#endif
