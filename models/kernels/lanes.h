/* A vector of f32 lanes, as wide as the flags of the including file allow: 16 with AVX-512, 8 with AVX2 and FMA, else
 * 4 (SSE2, NEON, or whatever the compiler makes of a 16-byte vector). Kernels written over it are compiled once for
 * each instruction set. Only what the compilers' vector types can't express uses intrinsics. */
#ifndef KERNELS_LANES_H
#define KERNELS_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__) && defined(__AVX512BW__)
enum { LANES = 16 };
#elif defined(__AVX2__) && defined(__FMA__)
enum { LANES = 8 };
#define LANES_AVX2
#else
enum { LANES = 4 };
#endif

typedef float lanes __attribute__((vector_size(LANES * 4)));
typedef int32_t lanes_int __attribute__((vector_size(LANES * 4)));
typedef uint32_t lanes_bits __attribute__((vector_size(LANES * 4)));
typedef uint16_t lanes_half __attribute__((vector_size(LANES * 2)));

#define LANES_INLINE static inline __attribute__((always_inline, unused))

LANES_INLINE lanes lanes_load(const float *p)
{
    lanes x;
    memcpy(&x, p, sizeof x);
    return x;
}

LANES_INLINE void lanes_store(float *p, lanes x)
{
    memcpy(p, &x, sizeof x);
}

LANES_INLINE lanes lanes_set(float x)
{
    return x - (lanes){0}; /* −0 stays −0, unlike with + */
}

LANES_INLINE lanes lanes_zero(void)
{
    return (lanes){0};
}

/* a · b + c, fused where the machine has it. */
LANES_INLINE lanes lanes_fma(lanes a, lanes b, lanes c)
{
#if defined(__AVX512F__) && defined(__AVX512BW__)
    return (lanes)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(LANES_AVX2)
    return (lanes)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__ARM_NEON)
    return (lanes)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

/* Where `mask` has all bits of a lane set a, where it has none b. */
LANES_INLINE lanes lanes_select(lanes_int mask, lanes a, lanes b)
{
    return (lanes)((mask & (lanes_int)a) | (~mask & (lanes_int)b));
}

/* The larger; b where either is NaN. */
LANES_INLINE lanes lanes_max(lanes a, lanes b)
{
#if defined(__AVX512F__) && defined(__AVX512BW__)
    return (lanes)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(LANES_AVX2)
    return (lanes)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (lanes)_mm_max_ps((__m128)a, (__m128)b);
#else
    return lanes_select(a > b, a, b);
#endif
}

/* The smaller; b where either is NaN. */
LANES_INLINE lanes lanes_min(lanes a, lanes b)
{
#if defined(__AVX512F__) && defined(__AVX512BW__)
    return (lanes)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(LANES_AVX2)
    return (lanes)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (lanes)_mm_min_ps((__m128)a, (__m128)b);
#else
    return lanes_select(a < b, a, b);
#endif
}

/* eˣ within 2 ulp; 0 below −87.34, infinity above 88.72, NaN for NaN. x = n·ln 2 + r with |r| <= ln 2 / 2 (Cody, Waite
 * 1980); eʳ by a polynomial of degree 6 whose relative error, made equal over that range, is 3e-9; 2ⁿ goes to the
 * exponent in two halves, since n may be 128. */
LANES_INLINE lanes lanes_exp(lanes x)
{
    const float round = 0x1.8p23f; /* adding it leaves the nearest integer in the low bits */
    lanes_int tiny = x < -87.3365479f;
    x = lanes_max(lanes_set(-87.3365479f), lanes_min(lanes_set(89.0f), x));
    lanes shifted = lanes_fma(x, lanes_set(1.44269504f), lanes_set(round));
    lanes n = shifted - round;
    lanes r = lanes_fma(n, lanes_set(-0.693145752f), x);
    r = lanes_fma(n, lanes_set(-1.42860677e-6f), r);
    lanes y = lanes_fma(lanes_set(0.00138145401f), r, lanes_set(0.00836874521f));
    y = lanes_fma(y, r, lanes_set(0.0416683908f));
    y = lanes_fma(y, r, lanes_set(0.166665204f));
    y = lanes_fma(y, r, lanes_set(0.499999934f));
    y = lanes_fma(y, r, lanes_set(1.0f));
    y = lanes_fma(y, r, lanes_set(1.0f));
#if defined(__AVX512F__) && defined(__AVX512BW__)
    (void)tiny; /* scaling underflows by itself, and the clamp left e^−87.34, which is the least normal number */
    y = (lanes)_mm512_scalef_ps((__m512)y, (__m512)n);
    return (lanes)_mm512_maskz_mov_ps(
        (__mmask16)~_mm512_cmp_ps_mask((__m512)x, _mm512_set1_ps(-87.3365479f), _CMP_LE_OQ), (__m512)y);
#else
    lanes_int power = (lanes_int)shifted - 0x4b400000, half = power >> 1;
    y *= (lanes)((half + 127) << 23);
    y *= (lanes)((power - half + 127) << 23);
    return (lanes)((lanes_int)y & ~tiny);
#endif
}

/* tanh x = sign(x) · (1 − e^(−2|x|)) / (1 + e^(−2|x|)); absolute error below 2^-22. */
LANES_INLINE lanes lanes_tanh(lanes x)
{
    lanes_bits sign = (lanes_bits)x & 0x80000000u;
    lanes e = lanes_exp((lanes)((lanes_bits)x | 0x80000000u) * 2.0f);
    lanes y = (1.0f - e) / (1.0f + e);
    return (lanes)((lanes_bits)y | sign);
}

/* σ(x) = 1 / (1 + e^(−x)) */
LANES_INLINE lanes lanes_sigmoid(lanes x)
{
    return 1.0f / (1.0f + lanes_exp(-x));
}

/* The first `count` (0 to LANES) elements, then zeros. */
LANES_INLINE lanes lanes_load_part(const float *p, size_t count)
{
#if defined(__AVX512F__) && defined(__AVX512BW__)
    return (lanes)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
#else
    float x[LANES] = {0};
    for (size_t i = 0; i < LANES; i++)
        if (i < count)
            x[i] = p[i];
    return lanes_load(x);
#endif
}

LANES_INLINE void lanes_store_part(float *p, lanes x, size_t count)
{
#if defined(__AVX512F__) && defined(__AVX512BW__)
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)x);
#else
    for (size_t i = 0; i < LANES; i++)
        if (i < count)
            p[i] = x[i];
#endif
}

/* Whole vectors are much the commonest: they go the short way. */
LANES_INLINE lanes lanes_load_some(const float *p, size_t left)
{
    return left >= LANES ? lanes_load(p) : lanes_load_part(p, left);
}

LANES_INLINE void lanes_store_some(float *p, lanes x, size_t left)
{
    if (left >= LANES)
        lanes_store(p, x);
    else
        lanes_store_part(p, x, left);
}

LANES_INLINE lanes lanes_widen(lanes_half x)
{
#if defined(__AVX512F__) && defined(__AVX512BW__)
    return (lanes)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)x), 16);
#elif defined(LANES_AVX2)
    return (lanes)_mm256_slli_epi32(_mm256_cvtepu16_epi32((__m128i)x), 16);
#else
    return (lanes)(__builtin_convertvector(x, lanes_bits) << 16);
#endif
}

/* To the nearest bfloat16, ties to even; NaN stays NaN. */
LANES_INLINE lanes_half lanes_narrow(lanes x)
{
    lanes_bits bits = (lanes_bits)x, rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    lanes_bits number = (lanes_bits)(x == x);
    return __builtin_convertvector((number & rounded) | (~number & (bits >> 16 | 0x40)), lanes_half);
}

LANES_INLINE lanes lanes_load_bf16(const uint16_t *p)
{
    lanes_half x;
    memcpy(&x, p, sizeof x);
    return lanes_widen(x);
}

LANES_INLINE lanes lanes_load_part_bf16(const uint16_t *p, size_t count)
{
    uint16_t x[LANES] = {0};
    for (size_t i = 0; i < LANES; i++)
        if (i < count)
            x[i] = p[i];
    return lanes_load_bf16(x);
}

LANES_INLINE void lanes_store_bf16(uint16_t *p, lanes x)
{
    lanes_half narrow = lanes_narrow(x);
    memcpy(p, &narrow, sizeof narrow);
}

LANES_INLINE void lanes_store_part_bf16(uint16_t *p, lanes x, size_t count)
{
    lanes_half narrow = lanes_narrow(x);
    for (size_t i = 0; i < LANES; i++)
        if (i < count)
            p[i] = narrow[i];
}

/* The groups of 4 at p, p + stride, …: one for each 4 lanes. */
LANES_INLINE lanes lanes_load_fours(const float *p, size_t stride)
{
#if defined(__AVX512F__) && defined(__AVX512BW__)
    __m512 x = _mm512_castps128_ps512(_mm_loadu_ps(p));
    x = _mm512_insertf32x4(x, _mm_loadu_ps(p + stride), 1);
    x = _mm512_insertf32x4(x, _mm_loadu_ps(p + 2 * stride), 2);
    return (lanes)_mm512_insertf32x4(x, _mm_loadu_ps(p + 3 * stride), 3);
#elif defined(LANES_AVX2)
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
#elif defined(LANES_AVX2)
    __m256 a = _mm256_unpacklo_ps((__m256)x[0], (__m256)x[1]), b = _mm256_unpackhi_ps((__m256)x[0], (__m256)x[1]);
    __m256 c = _mm256_unpacklo_ps((__m256)x[2], (__m256)x[3]), d = _mm256_unpackhi_ps((__m256)x[2], (__m256)x[3]);
    x[0] = (lanes)_mm256_unpacklo_pd((__m256d)a, (__m256d)c);
    x[1] = (lanes)_mm256_unpackhi_pd((__m256d)a, (__m256d)c);
    x[2] = (lanes)_mm256_unpacklo_pd((__m256d)b, (__m256d)d);
    x[3] = (lanes)_mm256_unpackhi_pd((__m256d)b, (__m256d)d);
#else
    lanes a = x[0], b = x[1], c = x[2], d = x[3];
    x[0] = (lanes){a[0], b[0], c[0], d[0]};
    x[1] = (lanes){a[1], b[1], c[1], d[1]};
    x[2] = (lanes){a[2], b[2], c[2], d[2]};
    x[3] = (lanes){a[3], b[3], c[3], d[3]};
#endif
}

/* The four sums over all lanes of x[0], x[1], x[2], x[3]. */
LANES_INLINE void lanes_sum_four(lanes x[4], float sums[4])
{
    lanes_transpose_fours(x);
    lanes total = (x[0] + x[1]) + (x[2] + x[3]);
    for (size_t i = 0; i < 4; i++)
        sums[i] = total[i];
    for (size_t four = 4; four < LANES; four += 4)
        for (size_t i = 0; i < 4; i++)
            sums[i] += total[four + i];
}

#endif
