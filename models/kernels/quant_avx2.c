/* Packed rows on AVX2, 32 elements at a time; built a second time for processors with AVX-VNNI. */
#include <immintrin.h>

#include "models/kernels/quant_kernel.h"

#define INLINE static inline __attribute__((always_inline))
enum { WIDTH = 32 };
typedef __m256i ints;
typedef __m256 floats;

#define load_ints(from) _mm256_loadu_si256((const __m256i *)(const void *)(from))
#define zero_ints() _mm256_setzero_si256()
#define load_floats(from) _mm256_loadu_ps(from)
#define zero_floats() _mm256_setzero_ps()
#define to_floats(i) _mm256_cvtepi32_ps(i)
#define times(a, b) _mm256_mul_ps(a, b)
#define fused(a, b, c) _mm256_fmadd_ps(a, b, c)
#define load_halves(from) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(from)))

INLINE float add_lanes(__m256 v)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

struct group {
    float scales[16]; /* of a K block's runs (q6_K: half runs); of q4_K the second 8 are its mins */
};

INLINE __m128i load_16(const uint8_t *from)
{
    return _mm_loadu_si128((const __m128i *)(const void *)from);
}

INLINE __m256 set_half(const uint8_t *from)
{
    return _mm256_cvtph_ps(_mm_set1_epi16((short)quant_u16(from)));
}

INLINE void put_scales(struct group *group, __m256i first, __m256i second, __m256 d, __m256 dmin)
{
    _mm256_storeu_ps(group->scales, _mm256_mul_ps(_mm256_cvtepi32_ps(first), d));
    _mm256_storeu_ps(group->scales + 8, _mm256_mul_ps(_mm256_cvtepi32_ps(second), dmin));
}

INLINE void read_group(enum dtype type, const uint8_t *block, struct group *group)
{
    if (type == DTYPE_Q4_K) {
        uint32_t packed[4];
        quant_q4k_scales(block, packed);
        __m128i bytes = _mm_set_epi32((int)packed[3], (int)packed[2], (int)packed[1], (int)packed[0]);
        put_scales(group, _mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)), set_half(block),
                   set_half(block + 2));
    } else if (type == DTYPE_Q6_K) {
        __m128i bytes = load_16(block + 192);
        __m256 d = set_half(block + 208);
        put_scales(group, _mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)), d, d);
    }
}

INLINE __m256 add_mins(const struct group *group, const float *shift, __m256 sum)
{
    return _mm256_fmadd_ps(_mm256_loadu_ps(group->scales + 8), _mm256_loadu_ps(shift + 8), sum);
}

INLINE __m256i unpack_q6k(const uint8_t *block, int part)
{
    __m256i low = load_ints(block + part / 4 * 64 + part % 2 * 32), high = load_ints(block + 128 + part / 4 * 32);
    if (part % 4 >= 2)
        low = _mm256_srli_epi32(low, 4);
    high = part % 4 < 2 ? _mm256_slli_epi32(high, 4 - part % 2 * 2) : _mm256_srli_epi32(high, part % 2 * 2);
    return _mm256_or_si256(_mm256_and_si256(low, _mm256_set1_epi8(15)), _mm256_and_si256(high, _mm256_set1_epi8(0x30)));
}

INLINE __m256i unpack_q4_0(const uint8_t *q)
{
    const __m256i shift = _mm256_set_epi32(4, 4, 4, 4, 0, 0, 0, 0);
    return _mm256_and_si256(_mm256_srlv_epi32(_mm256_broadcastsi128_si256(load_16(q)), shift), _mm256_set1_epi8(15));
}

INLINE __m256i unpack_q4k(const uint8_t *q, int part)
{
    __m256i w = load_ints(q + part / 2 * 32);
    return _mm256_and_si256(part % 2 ? _mm256_srli_epi32(w, 4) : w, _mm256_set1_epi8(15));
}

INLINE __m256i unpack(enum dtype type, const uint8_t *block, const struct group *group, int part, __m256 *scale)
{
    switch (type) {
    case DTYPE_Q8_0:
        *scale = set_half(block + part * 34);
        return _mm256_xor_si256(load_ints(block + part * 34 + 2), _mm256_set1_epi8((char)0x80));
    case DTYPE_Q4_0:
        *scale = set_half(block + part * 18);
        return unpack_q4_0(block + part * 18 + 2);
    case DTYPE_Q4_K:
        *scale = _mm256_set1_ps(group->scales[part]);
        return unpack_q4k(block + 16, part);
    default:
        *scale =
            _mm256_insertf128_ps(_mm256_set1_ps(group->scales[2 * part]), _mm_set1_ps(group->scales[2 * part + 1]), 1);
        return unpack_q6k(block, part);
    }
}

#if defined(__AVXVNNI__)
#define KERNEL quant_kernel_avx_vnni
#define KERNEL_NAME "avx-vnni"
#define SUM_PRODUCTS(sums, w, q) _mm256_dpbusd_avx_epi32(sums, w, q)

INLINE __m256i multiply(enum dtype type, __m256i sums, __m256i w, __m256i q)
{
    (void)type;
    return SUM_PRODUCTS(sums, w, q);
}
#else
#define KERNEL quant_kernel_avx2
#define KERNEL_NAME "avx2"
#define SUM_PRODUCTS(sums, w, q)                                                                                       \
    _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_maddubs_epi16(w, q), _mm256_set1_epi16(1)))

/* Pairs of products are summed in 16 bits: enough for 63 · 127 twice, but not for 255 · 127. So q8_0's w is taken to
 * halves, 2 · (w >> 1) + (w & 1): 127 · 127 twice is below 2^15. */
INLINE __m256i multiply(enum dtype type, __m256i sums, __m256i w, __m256i q)
{
    if (type != DTYPE_Q8_0)
        return SUM_PRODUCTS(sums, w, q);
    __m256i half = _mm256_and_si256(_mm256_srli_epi16(w, 1), _mm256_set1_epi8(0x7f));
    __m256i odd = _mm256_and_si256(w, _mm256_set1_epi8(1));
    __m256i twice = _mm256_madd_epi16(_mm256_maddubs_epi16(half, q), _mm256_set1_epi16(2));
    return _mm256_add_epi32(SUM_PRODUCTS(sums, odd, q), twice);
}
#endif

INLINE uint32_t largest_magnitude(const float *x)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i largest = _mm256_setzero_si256();
    for (int i = 0; i < QUANT_RUN; i += 8)
        largest = _mm256_max_epu32(largest, _mm256_and_si256(load_ints(x + i), magnitude));
    __m128i four = _mm_max_epu32(_mm256_castsi256_si128(largest), _mm256_extracti128_si256(largest, 1));
    four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(four);
}

INLINE __m256i rounded(const float *x, __m256 by)
{
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x), by));
}

/* A run's whole numbers and what its fours add up to times −offset; returns the sum of all. */
INLINE int round_run(const float *x, float factor, int offset, int8_t *q, int32_t *fours)
{
    __m256 by = _mm256_set1_ps(factor);
    __m256i first = _mm256_packs_epi32(rounded(x, by), rounded(x + 8, by));
    __m256i second = _mm256_packs_epi32(rounded(x + 16, by), rounded(x + 24, by));
    /* Packing works in 128-bit halves: fours come out as 0 2 4 6 1 3 5 7. */
    __m256i both =
        _mm256_permutevar8x32_epi32(_mm256_packs_epi16(first, second), _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0));
    if (!(factor > 0))
        both = _mm256_setzero_si256();
    _mm256_storeu_si256((__m256i *)(void *)q, both);
    __m256i sums = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), both), _mm256_set1_epi16(1));
    _mm256_storeu_si256((__m256i *)(void *)fours, _mm256_mullo_epi32(sums, _mm256_set1_epi32(-offset)));
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
}

#include "models/kernels/quant_dot.h"

const struct quant_kernel KERNEL = {.name = KERNEL_NAME, .ready = ready, .dot = dot};
