/* bf16 pairs into f32: VDPBF16PS of AVX512-BF16. */
#include <immintrin.h>
#include <stddef.h>

#include "probes/ceilings/peak.h"
#include "probes/isa.h"

/* Two bf16 of 1 in each lane; volatile, so that the compiler can't fold the sums. */
static volatile int pattern = 0x3f803f80;

#define STEP                                                                                                           \
    a0 = _mm512_dpbf16_ps(a0, x, y), a1 = _mm512_dpbf16_ps(a1, x, y), a2 = _mm512_dpbf16_ps(a2, x, y);                 \
    a3 = _mm512_dpbf16_ps(a3, x, y), a4 = _mm512_dpbf16_ps(a4, x, y), a5 = _mm512_dpbf16_ps(a5, x, y);                 \
    a6 = _mm512_dpbf16_ps(a6, x, y), a7 = _mm512_dpbf16_ps(a7, x, y), a8 = _mm512_dpbf16_ps(a8, x, y);                 \
    a9 = _mm512_dpbf16_ps(a9, x, y), a10 = _mm512_dpbf16_ps(a10, x, y), a11 = _mm512_dpbf16_ps(a11, x, y);

static float run(long rounds)
{
    __m512bh x = (__m512bh)_mm512_set1_epi32(pattern), y = (__m512bh)_mm512_set1_epi32(pattern);
    __m512 a0 = _mm512_set1_ps(0), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0;
    __m512 a6 = a0, a7 = a0, a8 = a0, a9 = a0, a10 = a0, a11 = a0;
    /* Each accumulator starts apart, or the compiler would keep one for all twelve. */
    __asm__ volatile("" : "+v"(a0), "+v"(a1), "+v"(a2), "+v"(a3), "+v"(a4), "+v"(a5));
    __asm__ volatile("" : "+v"(a6), "+v"(a7), "+v"(a8), "+v"(a9), "+v"(a10), "+v"(a11));
    for (long i = 0; i < rounds; i++) {
        STEP STEP
    }
    __m512 low = a0 + a1 + a2 + a3 + a4 + a5, high = a6 + a7 + a8 + a9 + a10 + a11;
    return _mm512_reduce_add_ps(low + high);
}

const struct peak_loop peak_avx512_bf16 = {
    .name = "avx512",
    .kind = PEAK_BF16,
    .isa = ISA_AVX512F | ISA_AVX512_BF16,
    .operations = 2.0 * 32 * 12 * 2,
    .run = run,
};
