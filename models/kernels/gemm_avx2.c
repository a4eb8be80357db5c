/* f32 multiplication with AVX2 and FMA: 6 × 16 sums fill 12 of the 16 registers. */

#define LANES 8
#define TALL 6
#define WIDE_VECTORS 2
#define DEPTH 256
#define KERNEL gemm_kernel_avx2
#define KERNEL_NAME "avx2"
#define KERNEL_SPEED 16

#include "models/kernels/gemm_fma.h"
