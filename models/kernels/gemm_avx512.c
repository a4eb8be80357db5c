/* f32 multiplication with AVX-512: 14 × 32 sums fill 28 of the 32 registers. */

#define LANES 16
#define TALL 14
#define WIDE_VECTORS 2
#define DEPTH 192
#define KERNEL gemm_kernel_avx512
#define KERNEL_NAME "avx512"
#define KERNEL_SPEED 32

#include "models/kernels/gemm_fma.h"
