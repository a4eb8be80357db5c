/* The variants of prediction: one source, built once for each instruction set. */
#ifndef KERNELS_FOREST_VARIANTS_H
#define KERNELS_FOREST_VARIANTS_H

#include "models/kernels/forest.h"
#ifdef VARIANT
#include "models/kernels/variant.h"
#endif

extern const struct forest_kernels forest_kernels_walk_plain;
#if defined(__x86_64__)
extern const struct forest_kernels forest_kernels_walk_avx2, forest_kernels_walk_avx512;
#endif

#endif
