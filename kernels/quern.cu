/* All kernels but the fused ones, as one translation unit. */
#include "gather.cl"
#include "dense.cl"
#include "loss.cl"
#include "update.cl"
#include "step.cl"
/* for the products of cuBLAS, which only CUDA has */
#ifndef __OPENCL_VERSION__
#include "mixed.cl"
#endif
