/* int8 quadruples into int32 on 256-bit vectors: VPDPBUSD of AVX-VNNI, of client CPUs without AVX-512. */
#include <immintrin.h>
#include <stddef.h>

#include "probes/ceilings/peak.h"
#include "probes/isa.h"

static volatile int pattern = 0x01010101;

#define DOT(a) _mm256_dpbusd_avx_epi32(a, x, y)
#define STEP                                                                                                           \
    a0 = DOT(a0), a1 = DOT(a1), a2 = DOT(a2), a3 = DOT(a3), a4 = DOT(a4), a5 = DOT(a5);                                \
    a6 = DOT(a6), a7 = DOT(a7), a8 = DOT(a8), a9 = DOT(a9), a10 = DOT(a10), a11 = DOT(a11);

static float run(long rounds)
{
    __m256i x = _mm256_set1_epi32(pattern), y = _mm256_set1_epi32(pattern);
    __m256i a0 = _mm256_setzero_si256(), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0;
    __m256i a6 = a0, a7 = a0, a8 = a0, a9 = a0, a10 = a0, a11 = a0;
    /* Each accumulator starts apart, or the compiler would keep one for all twelve. */
    __asm__ volatile("" : "+x"(a0), "+x"(a1), "+x"(a2), "+x"(a3), "+x"(a4), "+x"(a5));
    __asm__ volatile("" : "+x"(a6), "+x"(a7), "+x"(a8), "+x"(a9), "+x"(a10), "+x"(a11));
    for (long i = 0; i < rounds; i++) {
        STEP STEP
    }
    __m256i low = a0 ^ a1 ^ a2 ^ a3 ^ a4 ^ a5, high = a6 ^ a7 ^ a8 ^ a9 ^ a10 ^ a11;
    return (float)_mm256_extract_epi32(low ^ high, 0);
}

const struct peak_loop peak_avx_vnni_int8 = {
    .name = "avx_vnni",
    .kind = PEAK_INT8,
    .isa = ISA_AVX2 | ISA_AVX_VNNI,
    .operations = 2.0 * 32 * 12 * 2,
    .run = run,
};
