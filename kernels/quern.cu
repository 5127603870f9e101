/* All kernels but the fused ones, as one translation unit. */
#include "gather.cl"
#include "dense.cl"
#include "loss.cl"
#include "update.cl"
#include "step.cl"
#include "convert.cl"
