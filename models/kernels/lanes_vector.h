/* lanes.h where there is a vector.h. */
#ifndef KERNELS_LANES_VECTOR_H
#define KERNELS_LANES_VECTOR_H

LANES_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return (lanes)vector_fma((vector)a, (vector)b, (vector)c);
}

/* On x86 b where either is NaN. */
LANES_INLINE lanes lanes_max(lanes a, lanes b)
{
    return (lanes)vector_max((vector)a, (vector)b);
}

/* eˣ; 0 below −87.33, where it would become a denormal number, which processors are slow at. */
LANES_INLINE lanes lanes_exp(lanes x)
{
    vector n, p = vector_exp_parts(vector_clamp((vector)x, -87.33f, 89), &n);
    vector y = vector_scale2(p + vector_set(1), n);
    return (lanes)vector_select(vector_less((vector)x, vector_set(-87.33f)), vector_zero(), y);
}

LANES_INLINE lanes lanes_tanh(lanes x)
{
    return (lanes)vector_tanh((vector)x);
}

LANES_INLINE lanes lanes_sigmoid(lanes x)
{
    return (lanes)vector_sigmoid((vector)x);
}

/* The first `count` (0 to LANES) elements, then zeros. */
LANES_INLINE lanes lanes_load_part(const float *p, size_t count)
{
    return (lanes)vector_load_first(p, count);
}

LANES_INLINE void lanes_store_part(float *p, lanes x, size_t count)
{
    vector_store_first(p, (vector)x, count);
}

LANES_INLINE lanes lanes_load_bf16(const uint16_t *p)
{
    return (lanes)vector_load_bf16(p);
}

LANES_INLINE lanes lanes_load_f16(const uint16_t *p)
{
    return (lanes)vector_load_f16(p);
}

LANES_INLINE void lanes_store_bf16(uint16_t *p, lanes x)
{
    vector_store_bf16(p, (vector)x);
}

/* The groups of 4 at p, p + stride, …: one for each 4 lanes. */
LANES_INLINE lanes lanes_load_fours(const float *p, size_t stride)
{
#if defined(__AVX512F__) && defined(__AVX512BW__)
    __m512 x = _mm512_castps128_ps512(_mm_loadu_ps(p));
    x = _mm512_insertf32x4(x, _mm_loadu_ps(p + stride), 1);
    x = _mm512_insertf32x4(x, _mm_loadu_ps(p + 2 * stride), 2);
    return (lanes)_mm512_insertf32x4(x, _mm_loadu_ps(p + 3 * stride), 3);
#elif defined(__AVX2__)
    return (lanes)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + stride), 1);
#else
    (void)stride;
    return lanes_load(p);
#endif
}

/* Transposes each 4×4 square that x[0..3] hold in four lanes. */
LANES_INLINE void lanes_transpose_fours(lanes x[4])
{
#if defined(__AVX512F__) && defined(__AVX512BW__)
    __m512 a = _mm512_unpacklo_ps((__m512)x[0], (__m512)x[1]), b = _mm512_unpackhi_ps((__m512)x[0], (__m512)x[1]);
    __m512 c = _mm512_unpacklo_ps((__m512)x[2], (__m512)x[3]), d = _mm512_unpackhi_ps((__m512)x[2], (__m512)x[3]);
    x[0] = (lanes)_mm512_unpacklo_pd((__m512d)a, (__m512d)c);
    x[1] = (lanes)_mm512_unpackhi_pd((__m512d)a, (__m512d)c);
    x[2] = (lanes)_mm512_unpacklo_pd((__m512d)b, (__m512d)d);
    x[3] = (lanes)_mm512_unpackhi_pd((__m512d)b, (__m512d)d);
#elif defined(__AVX2__)
    __m256 a = _mm256_unpacklo_ps((__m256)x[0], (__m256)x[1]), b = _mm256_unpackhi_ps((__m256)x[0], (__m256)x[1]);
    __m256 c = _mm256_unpacklo_ps((__m256)x[2], (__m256)x[3]), d = _mm256_unpackhi_ps((__m256)x[2], (__m256)x[3]);
    x[0] = (lanes)_mm256_unpacklo_pd((__m256d)a, (__m256d)c);
    x[1] = (lanes)_mm256_unpackhi_pd((__m256d)a, (__m256d)c);
    x[2] = (lanes)_mm256_unpacklo_pd((__m256d)b, (__m256d)d);
    x[3] = (lanes)_mm256_unpackhi_pd((__m256d)b, (__m256d)d);
#else
    float32x4x2_t a = vtrnq_f32((float32x4_t)x[0], (float32x4_t)x[1]),
                  b = vtrnq_f32((float32x4_t)x[2], (float32x4_t)x[3]);
    x[0] = (lanes)vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    x[1] = (lanes)vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    x[2] = (lanes)vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    x[3] = (lanes)vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
#endif
}

#endif
