/* vector.h for AVX-512 with BW, DQ and VL: 16 lanes. */
#ifndef KERNELS_VECTOR_AVX512_H
#define KERNELS_VECTOR_AVX512_H

#include <immintrin.h>

#define VECTOR_LANES ((size_t)16)
typedef __m512 vector;
typedef __m512i vector_int;
typedef __mmask16 vector_mask;

VECTOR_INLINE vector vector_set(float value)
{
    return _mm512_set1_ps(value);
}

VECTOR_INLINE vector_mask vector_first(size_t n)
{
    return (vector_mask)(n < VECTOR_LANES ? (1u << n) - 1 : 0xffff);
}

VECTOR_INLINE vector vector_load(const float *from)
{
    return _mm512_loadu_ps(from);
}

VECTOR_INLINE void vector_store(float *to, vector v)
{
    _mm512_storeu_ps(to, v);
}

VECTOR_INLINE vector vector_load_first(const float *from, size_t n)
{
    return _mm512_maskz_loadu_ps(vector_first(n), from);
}

VECTOR_INLINE void vector_store_first(float *to, vector v, size_t n)
{
    _mm512_mask_storeu_ps(to, vector_first(n), v);
}

/* a · b + c, rounded once */
VECTOR_INLINE vector vector_fma(vector a, vector b, vector c)
{
    return _mm512_fmadd_ps(a, b, c);
}

VECTOR_INLINE vector vector_max(vector a, vector b)
{
    return _mm512_max_ps(a, b);
}

VECTOR_INLINE vector vector_min(vector a, vector b)
{
    return _mm512_min_ps(a, b);
}

VECTOR_INLINE vector vector_abs(vector v)
{
    return _mm512_abs_ps(v);
}

VECTOR_INLINE vector vector_sqrt(vector v)
{
    return _mm512_sqrt_ps(v);
}

/* to the nearest whole number, even among equals */
VECTOR_INLINE vector vector_round(vector v)
{
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* v · 2ⁿ for whole n, through to infinity and the denormals */
VECTOR_INLINE vector vector_scale2(vector v, vector n)
{
    return _mm512_scalef_ps(v, n);
}

VECTOR_INLINE vector vector_copysign(vector magnitude, vector sign)
{
    const vector top = _mm512_set1_ps(-0.0f);
    return _mm512_or_ps(_mm512_andnot_ps(top, magnitude), _mm512_and_ps(top, sign));
}

VECTOR_INLINE vector_mask vector_less(vector a, vector b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

/* a > b, or a is NaN */
VECTOR_INLINE vector_mask vector_above_or_nan(vector a, vector b)
{
    return (vector_mask)(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ) | _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q));
}

/* mask ? a : b */
VECTOR_INLINE vector vector_select(vector_mask mask, vector a, vector b)
{
    return _mm512_mask_blend_ps(mask, b, a);
}

VECTOR_INLINE vector_int vector_int_set(int32_t value)
{
    return _mm512_set1_epi32(value);
}

VECTOR_INLINE vector_int vector_int_load_first(const int32_t *from, size_t n)
{
    return _mm512_maskz_loadu_epi32(vector_first(n), from);
}

VECTOR_INLINE void vector_int_store_first(int32_t *to, vector_int v, size_t n)
{
    _mm512_mask_storeu_epi32(to, vector_first(n), v);
}

VECTOR_INLINE vector_int vector_int_select(vector_mask mask, vector_int a, vector_int b)
{
    return _mm512_mask_blend_epi32(mask, b, a);
}

VECTOR_INLINE vector_mask vector_int_equal(vector_int a, vector_int b)
{
    return _mm512_cmpeq_epi32_mask(a, b);
}

VECTOR_INLINE float vector_sum(vector v)
{
    return _mm512_reduce_add_ps(v);
}

VECTOR_INLINE float vector_largest(vector v)
{
    return _mm512_reduce_max_ps(v);
}

VECTOR_INLINE vector vector_load_bf16(const uint16_t *from)
{
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

/* By whole-number arithmetic: the processor's own conversion would flush denormals. */
VECTOR_INLINE void vector_store_bf16(uint16_t *to, vector v)
{
    __m512i bits = _mm512_castps_si512(v), upper = _mm512_srli_epi32(bits, 16);
    __m512i odd = _mm512_and_si512(upper, _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, odd), _mm512_set1_epi32(0x7fff));
    vector_mask nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    __m512i half = _mm512_mask_or_epi32(_mm512_srli_epi32(rounded, 16), nan, upper, _mm512_set1_epi32(0x40));
    _mm256_storeu_si256((__m256i *)to, _mm512_cvtepi32_epi16(half));
}

VECTOR_INLINE vector vector_load_f16(const uint16_t *from)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)from));
}

VECTOR_INLINE void vector_store_f16(uint16_t *to, vector v)
{
    _mm256_storeu_si256((__m256i *)to, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

/* SplitMix64's mix of eight counters: harness/base/random.h. */
VECTOR_INLINE __m512i vector_random_mix(__m512i z)
{
    z = _mm512_mullo_epi64(_mm512_xor_si512(z, _mm512_srli_epi64(z, 30)), _mm512_set1_epi64(0xbf58476d1ce4e5b9));
    z = _mm512_mullo_epi64(_mm512_xor_si512(z, _mm512_srli_epi64(z, 27)), _mm512_set1_epi64(0x94d049bb133111eb));
    return _mm512_xor_si512(z, _mm512_srli_epi64(z, 31));
}

/* The lanes whose random bits, from the counters counter, counter + step, ..., are at least `threshold`. */
VECTOR_INLINE vector_mask vector_random_at_least(uint64_t counter, uint64_t step, uint64_t threshold)
{
    const __m512i order = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7), limit = _mm512_set1_epi64((int64_t)threshold);
    __m512i steps = _mm512_mullo_epi64(order, _mm512_set1_epi64((int64_t)step)); /* the same in every call */
    __m512i low = _mm512_add_epi64(_mm512_set1_epi64((int64_t)counter), steps);
    __m512i high = _mm512_add_epi64(_mm512_set1_epi64((int64_t)(counter + 8 * step)), steps);
    unsigned keep_low = _mm512_cmpge_epu64_mask(vector_random_mix(low), limit);
    unsigned keep_high = _mm512_cmpge_epu64_mask(vector_random_mix(high), limit);
    return (vector_mask)(keep_low | keep_high << 8);
}

#endif
