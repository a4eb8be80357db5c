/* int8 quadruples into int32: VPDPBUSD of AVX512-VNNI. */
#include <immintrin.h>
#include <stddef.h>

#include "probes/ceilings/peak.h"
#include "probes/isa.h"

static volatile int pattern = 0x01010101;

#define STEP                                                                                                           \
    a0 = _mm512_dpbusd_epi32(a0, x, y), a1 = _mm512_dpbusd_epi32(a1, x, y), a2 = _mm512_dpbusd_epi32(a2, x, y);        \
    a3 = _mm512_dpbusd_epi32(a3, x, y), a4 = _mm512_dpbusd_epi32(a4, x, y), a5 = _mm512_dpbusd_epi32(a5, x, y);        \
    a6 = _mm512_dpbusd_epi32(a6, x, y), a7 = _mm512_dpbusd_epi32(a7, x, y), a8 = _mm512_dpbusd_epi32(a8, x, y);        \
    a9 = _mm512_dpbusd_epi32(a9, x, y), a10 = _mm512_dpbusd_epi32(a10, x, y), a11 = _mm512_dpbusd_epi32(a11, x, y);

static float run(long rounds)
{
    __m512i x = _mm512_set1_epi32(pattern), y = _mm512_set1_epi32(pattern);
    __m512i a0 = _mm512_setzero_si512(), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0;
    __m512i a6 = a0, a7 = a0, a8 = a0, a9 = a0, a10 = a0, a11 = a0;
    /* Each accumulator starts apart, or the compiler would keep one for all twelve. */
    __asm__ volatile("" : "+v"(a0), "+v"(a1), "+v"(a2), "+v"(a3), "+v"(a4), "+v"(a5));
    __asm__ volatile("" : "+v"(a6), "+v"(a7), "+v"(a8), "+v"(a9), "+v"(a10), "+v"(a11));
    for (long i = 0; i < rounds; i++) {
        STEP STEP
    }
    __m512i low = a0 ^ a1 ^ a2 ^ a3 ^ a4 ^ a5, high = a6 ^ a7 ^ a8 ^ a9 ^ a10 ^ a11;
    return (float)_mm512_reduce_or_epi32(low ^ high);
}

const struct peak_loop peak_avx512_int8 = {
    .name = "avx512",
    .kind = PEAK_INT8,
    .isa = ISA_AVX512F | ISA_AVX512_VNNI,
    .operations = 2.0 * 64 * 12 * 2,
    .run = run,
};
