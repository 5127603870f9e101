/* The fused kernel for one block, a translation unit of its own: only those who want it wait for its compilation. */
#include "fused/fused.cl"
