/* f32 multiplication on 128-bit vectors, which every 64-bit architecture has: NEON's 32 registers hold 8 × 12 sums,
 * SSE2's 16 hold 4 × 8. */

#define LANES 4
#if defined(__aarch64__)
#define TALL 8
#define WIDE_VECTORS 3
#define KERNEL_NAME "neon"
#define KERNEL_SPEED 16
#else
#define TALL 4
#define WIDE_VECTORS 2
#define KERNEL_NAME "plain"
#define KERNEL_SPEED 4
#endif
#define DEPTH 256
#define KERNEL gemm_kernel_plain

#include "models/kernels/gemm_fma.h"
