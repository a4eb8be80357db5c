/* Multiplication of bf16 on AVX-512's dot products (VDPBF16PS; Zen 4 and later, Cooper Lake and later): each lane adds
 * two neighbouring k's products to its f32 sum. Denormals count as zero. Panels are those of the tiles (gemm_pairs.h).
 */
#include "models/kernels/gemm_pairs.h"

enum { ROWS_TOGETHER = 12 }; /* with two vectors of sums each, of 32 registers */

/* Some rows of a tall panel, the first of whose lines is at `tall`, with a whole wide one. */
static inline __attribute__((always_inline)) void multiply_rows(size_t depth, const char *tall, const char *wide,
                                                                float *sums, bool add, int rows)
{
    __m512 sum[ROWS_TOGETHER][2];
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++)
        for (int half = 0; half < 2; half++)
            sum[r][half] = add ? _mm512_load_ps(sums + r * ROWS + half * LANES) : _mm512_setzero_ps();
    for (size_t k = 0; k < depth; k += STEP, tall += 2 * TILE_BYTES, wide += 2 * TILE_BYTES)
        for (int pair = 0; pair < LINES; pair++) {
            __m512bh first = (__m512bh)_mm512_load_si512(wide + pair * 64);
            __m512bh second = (__m512bh)_mm512_load_si512(wide + TILE_BYTES + pair * 64);
#pragma GCC unroll 12
            for (int r = 0; r < rows; r++) {
                int32_t two;
                memcpy(&two, tall + r * 64 + pair * 4, sizeof two);
                __m512bh both = (__m512bh)_mm512_set1_epi32(two);
                sum[r][0] = _mm512_dpbf16_ps(sum[r][0], both, first);
                sum[r][1] = _mm512_dpbf16_ps(sum[r][1], both, second);
            }
        }
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++)
        for (int half = 0; half < 2; half++)
            _mm512_store_ps(sums + r * ROWS + half * LANES, sum[r][half]);
}

static void multiply(size_t depth, bool deep, const void *tall_panel, const void *wide_panel, float *sums, bool add)
{
    (void)deep;
    const char *tall = tall_panel, *wide = wide_panel;
    multiply_rows(depth, tall, wide, sums, add, 12);
    multiply_rows(depth, tall + 12 * 64, wide, sums + 12 * ROWS, add, 12);
    multiply_rows(depth, tall + 24 * 64, wide, sums + 24 * ROWS, add, 8);
}

const struct gemm_kernel gemm_kernel_avx512_bf16 = {
    BF16_PAIRS,   .name = "avx512-bf16", .tall = ROWS,
    .wide = ROWS, .turn = turn,          .finish = finish_values,
    .dot = dot,   .dot_most = 16,        .whole_bytes = 256 << 10,
    .speed = 45,  .multiply = multiply,
};
