/* Dequantising to bf16 on AVX-512 with BF16, a run of 32 at a time: each half run's 16 numbers are widened to f32, take
 * their scale (and offset, or min) in one fused multiply-add, and both halves are rounded to one vector. */
#include <immintrin.h>

#include "models/kernels/quant_unpack.h"

#define INLINE static inline __attribute__((always_inline))

INLINE __m128i load_16(const uint8_t *from)
{
    return _mm_loadu_si128((const __m128i *)(const void *)from);
}

/* w · scale + shift of a half run each, rounded. */
INLINE void put_run(uint16_t *to, __m512i first, __m512i second, __m512 first_scale, __m512 second_scale,
                    __m512 first_shift, __m512 second_shift)
{
    __m512 low = _mm512_fmadd_ps(_mm512_cvtepi32_ps(first), first_scale, first_shift);
    __m512 high = _mm512_fmadd_ps(_mm512_cvtepi32_ps(second), second_scale, second_shift);
    _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

INLINE __m512 broadcast_f16(const uint8_t *from)
{
    return _mm512_cvtph_ps(_mm256_set1_epi16((short)quant_u16(from)));
}

/* The byte of each lane times 16 elements: 8 bits to 32. */
INLINE __m512i bytes(const uint8_t *from)
{
    return _mm512_cvtepu8_epi32(load_16(from));
}

static void unpack_q8_0(const uint8_t *block, size_t runs, uint16_t *to, size_t run_stride)
{
    const __m512 zero = _mm512_setzero_ps();
    for (size_t r = 0; r < runs; r++, block += 34, to += run_stride) {
        __m512 d = broadcast_f16(block);
        put_run(to, _mm512_cvtepi8_epi32(load_16(block + 2)), _mm512_cvtepi8_epi32(load_16(block + 18)), d, d, zero,
                zero);
    }
}

static void unpack_q4_0(const uint8_t *block, size_t runs, uint16_t *to, size_t run_stride)
{
    const __m512i low = _mm512_set1_epi32(15);
    for (size_t r = 0; r < runs; r++, block += 18, to += run_stride) {
        __m512 d = broadcast_f16(block), shift = _mm512_mul_ps(d, _mm512_set1_ps(-8));
        __m512i both = bytes(block + 2);
        put_run(to, _mm512_and_si512(both, low), _mm512_srli_epi32(both, 4), d, d, shift, shift);
    }
}

/* Run `first` of the row and on: two share their bytes. */
static void unpack_q4k(const uint8_t *row, size_t first, size_t runs, uint16_t *to, size_t run_stride)
{
    const __m512i low = _mm512_set1_epi32(15);
    for (size_t r = first; r < first + runs;) {
        const uint8_t *block = row + r / 8 * 144;
        uint32_t packed[4];
        float scales[16];
        quant_q4k_scales(block, packed);
        __m512 d = _mm512_mask_blend_ps(0xff00, broadcast_f16(block),
                                        _mm512_sub_ps(_mm512_setzero_ps(), broadcast_f16(block + 2)));
        __m128i whole = _mm_set_epi32((int)packed[3], (int)packed[2], (int)packed[1], (int)packed[0]);
        _mm512_storeu_ps(scales, _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(whole)), d));
        do {
            size_t run = r % 8;
            const uint8_t *q = block + 16 + run / 2 * 32;
            __m512 scale = _mm512_set1_ps(scales[run]), shift = _mm512_set1_ps(scales[8 + run]);
            __m512i a = bytes(q), b = bytes(q + 16);
            if (run % 2)
                put_run(to, _mm512_srli_epi32(a, 4), _mm512_srli_epi32(b, 4), scale, scale, shift, shift);
            else
                put_run(to, _mm512_and_si512(a, low), _mm512_and_si512(b, low), scale, scale, shift, shift);
            to += run_stride;
        } while (++r % 8 && r < first + runs);
    }
}

INLINE __m512i six_bits(const uint8_t *low, const uint8_t *high, unsigned low_shift, unsigned high_shift)
{
    __m512i lower = _mm512_and_si512(_mm512_srli_epi32(bytes(low), low_shift), _mm512_set1_epi32(15));
    __m512i upper = _mm512_and_si512(_mm512_srli_epi32(bytes(high), high_shift), _mm512_set1_epi32(3));
    return _mm512_or_si512(lower, _mm512_slli_epi32(upper, 4));
}

/* Run `run` of a block; constant where this is used, so that shifts are. */
INLINE void put_q6k_run(const uint8_t *block, __m512 d, unsigned run, uint16_t *to)
{
    unsigned half = run / 4, part = run % 4;
    const uint8_t *low = block + half * 64 + part % 2 * 32, *high = block + 128 + half * 32;
    __m512 scale[2], shift[2];
    for (unsigned i = 0; i < 2; i++) {
        scale[i] = _mm512_mul_ps(d, _mm512_set1_ps((float)(int8_t)block[192 + 2 * run + i]));
        shift[i] = _mm512_mul_ps(scale[i], _mm512_set1_ps(-32));
    }
    put_run(to, six_bits(low, high, part / 2 * 4, part * 2), six_bits(low + 16, high + 16, part / 2 * 4, part * 2),
            scale[0], scale[1], shift[0], shift[1]);
}

static void unpack_q6k(const uint8_t *row, size_t first, size_t runs, uint16_t *to, size_t run_stride)
{
    size_t r = first, end = first + runs;
    while (r < end) {
        const uint8_t *block = row + r / 8 * 210;
        __m512 d = broadcast_f16(block + 208);
#pragma GCC unroll 8
        for (unsigned run = 0; run < 8; run++)
            if (run == r % 8 && r < end) {
                put_q6k_run(block, d, run, to);
                to += run_stride;
                if (++r % 8 == 0)
                    break;
            }
    }
}

void quant_unpack_row_avx512_bf16(enum dtype dtype, const uint8_t *row, size_t k, size_t count, uint16_t *to,
                                  size_t run_stride)
{
    size_t first = k / QUANT_RUN, runs = count / QUANT_RUN;
    if (dtype == DTYPE_Q8_0)
        unpack_q8_0(row + first * 34, runs, to, run_stride);
    else if (dtype == DTYPE_Q4_0)
        unpack_q4_0(row + first * 18, runs, to, run_stride);
    else if (dtype == DTYPE_Q4_K)
        unpack_q4k(row, first, runs, to, run_stride);
    else
        unpack_q6k(row, first, runs, to, run_stride);
}
