/* vector.h for AVX2 with FMA and F16C: 8 lanes. */
#ifndef KERNELS_VECTOR_AVX2_H
#define KERNELS_VECTOR_AVX2_H

#include <immintrin.h>

#define VECTOR_LANES ((size_t)8)
typedef __m256 vector;
typedef __m256i vector_int;
typedef __m256 vector_mask;

VECTOR_INLINE vector vector_set(float value)
{
    return _mm256_set1_ps(value);
}

VECTOR_INLINE __m256i vector_first_bits(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

VECTOR_INLINE vector_mask vector_first(size_t n)
{
    return _mm256_castsi256_ps(vector_first_bits(n));
}

VECTOR_INLINE vector vector_load(const float *from)
{
    return _mm256_loadu_ps(from);
}

VECTOR_INLINE void vector_store(float *to, vector v)
{
    _mm256_storeu_ps(to, v);
}

VECTOR_INLINE vector vector_load_first(const float *from, size_t n)
{
    return _mm256_maskload_ps(from, vector_first_bits(n));
}

VECTOR_INLINE void vector_store_first(float *to, vector v, size_t n)
{
    _mm256_maskstore_ps(to, vector_first_bits(n), v);
}

/* a · b + c, rounded once */
VECTOR_INLINE vector vector_fma(vector a, vector b, vector c)
{
    return _mm256_fmadd_ps(a, b, c);
}

VECTOR_INLINE vector vector_max(vector a, vector b)
{
    return _mm256_max_ps(a, b);
}

VECTOR_INLINE vector vector_min(vector a, vector b)
{
    return _mm256_min_ps(a, b);
}

VECTOR_INLINE vector vector_abs(vector v)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v);
}

VECTOR_INLINE vector vector_sqrt(vector v)
{
    return _mm256_sqrt_ps(v);
}

/* to the nearest whole number, even among equals */
VECTOR_INLINE vector vector_round(vector v)
{
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

VECTOR_INLINE vector vector_exponent(__m256i n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

/* v · 2ⁿ for whole n of at most 252 in size: in two steps, so that infinity and the denormals come out right */
VECTOR_INLINE vector vector_scale2(vector v, vector n)
{
    __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    return v * vector_exponent(half) * vector_exponent(_mm256_sub_epi32(whole, half));
}

VECTOR_INLINE vector vector_copysign(vector magnitude, vector sign)
{
    const vector top = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_andnot_ps(top, magnitude), _mm256_and_ps(top, sign));
}

VECTOR_INLINE vector_mask vector_less(vector a, vector b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}

/* a > b, or a is NaN */
VECTOR_INLINE vector_mask vector_above_or_nan(vector a, vector b)
{
    return _mm256_or_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ), _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}

/* mask ? a : b */
VECTOR_INLINE vector vector_select(vector_mask mask, vector a, vector b)
{
    return _mm256_blendv_ps(b, a, mask);
}

VECTOR_INLINE vector_int vector_int_set(int32_t value)
{
    return _mm256_set1_epi32(value);
}

VECTOR_INLINE vector_int vector_int_load_first(const int32_t *from, size_t n)
{
    return _mm256_maskload_epi32(from, vector_first_bits(n));
}

VECTOR_INLINE void vector_int_store_first(int32_t *to, vector_int v, size_t n)
{
    _mm256_maskstore_epi32(to, vector_first_bits(n), v);
}

VECTOR_INLINE vector_int vector_int_select(vector_mask mask, vector_int a, vector_int b)
{
    return _mm256_blendv_epi8(b, a, _mm256_castps_si256(mask));
}

VECTOR_INLINE vector_mask vector_int_equal(vector_int a, vector_int b)
{
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b));
}

VECTOR_INLINE float vector_sum(vector v)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

VECTOR_INLINE float vector_largest(vector v)
{
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

VECTOR_INLINE vector vector_load_bf16(const uint16_t *from)
{
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)from));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

VECTOR_INLINE void vector_store_bf16(uint16_t *to, vector v)
{
    __m256i bits = _mm256_castps_si256(v), upper = _mm256_srli_epi32(bits, 16);
    __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(bits, odd), _mm256_set1_epi32(0x7fff));
    __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    __m256i half = _mm256_blendv_epi8(_mm256_srli_epi32(rounded, 16), quiet, nan);
    __m128i low = _mm256_castsi256_si128(half), high = _mm256_extracti128_si256(half, 1);
    _mm_storeu_si128((__m128i *)to, _mm_packus_epi32(low, high));
}

VECTOR_INLINE vector vector_load_f16(const uint16_t *from)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from));
}

VECTOR_INLINE void vector_store_f16(uint16_t *to, vector v)
{
    _mm_storeu_si128((__m128i *)to, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

/* The lower 64 bits of a product by the three 32-bit products that they hold. */
VECTOR_INLINE __m256i vector_multiply64(__m256i a, uint64_t factor)
{
    const __m256i b = _mm256_set1_epi64x((int64_t)factor), b_high = _mm256_set1_epi64x((int64_t)(factor >> 32));
    __m256i crossed = _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(a, 32), b), _mm256_mul_epu32(a, b_high));
    return _mm256_add_epi64(_mm256_mul_epu32(a, b), _mm256_slli_epi64(crossed, 32));
}

/* SplitMix64's mix of four counters: harness/base/random.h. */
VECTOR_INLINE __m256i vector_random_mix(__m256i z)
{
    z = vector_multiply64(_mm256_xor_si256(z, _mm256_srli_epi64(z, 30)), UINT64_C(0xbf58476d1ce4e5b9));
    z = vector_multiply64(_mm256_xor_si256(z, _mm256_srli_epi64(z, 27)), UINT64_C(0x94d049bb133111eb));
    return _mm256_xor_si256(z, _mm256_srli_epi64(z, 31));
}

/* The lanes whose random bits, from the counters counter, counter + step, ..., are at least `threshold`, which is a
 * multiple of 2^40: so the upper halves decide, and with their top bit turned they compare as signed numbers do. */
VECTOR_INLINE vector_mask vector_random_at_least(uint64_t counter, uint64_t step, uint64_t threshold)
{
    const __m256i steps = _mm256_setr_epi64x(0, (int64_t)step, (int64_t)(2 * step), (int64_t)(3 * step));
    __m256i low = _mm256_add_epi64(_mm256_set1_epi64x((int64_t)counter), steps);
    __m256i high = _mm256_add_epi64(_mm256_set1_epi64x((int64_t)(counter + 4 * step)), steps);
    __m256 both = _mm256_shuffle_ps(_mm256_castsi256_ps(vector_random_mix(low)),
                                    _mm256_castsi256_ps(vector_random_mix(high)), _MM_SHUFFLE(3, 1, 3, 1));
    __m256i upper = _mm256_permute4x64_epi64(_mm256_castps_si256(both), _MM_SHUFFLE(3, 1, 2, 0));
    const __m256i top = _mm256_set1_epi32(INT32_MIN);
    __m256i limit = _mm256_set1_epi32((int32_t)((uint32_t)(threshold >> 32) ^ 0x80000000u));
    __m256i below = _mm256_cmpgt_epi32(limit, _mm256_xor_si256(upper, top));
    return _mm256_castsi256_ps(_mm256_xor_si256(below, _mm256_set1_epi32(-1)));
}

#endif
