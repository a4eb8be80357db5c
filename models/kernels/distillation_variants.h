/* The variants of the distillation loss: one for each instruction set. */
#ifndef KERNELS_DISTILLATION_VARIANTS_H
#define KERNELS_DISTILLATION_VARIANTS_H

#include "models/kernels/distillation.h"

#if defined(__x86_64__)
extern const struct distillation_kernels distillation_kernels_avx2, distillation_kernels_avx512;
#elif defined(__aarch64__)
extern const struct distillation_kernels distillation_kernels_neon;
#endif

#endif
