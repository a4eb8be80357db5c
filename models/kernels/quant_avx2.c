/* Packed rows on AVX2, 32 elements at a time; built a second time for processors with AVX-VNNI. */
#include <immintrin.h>

#include "models/kernels/quant_kernel.h"

#define INLINE static inline __attribute__((always_inline))
enum { SIGNED_PRODUCTS = 0, WIDTH = 32 };
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

INLINE __m256 spread(float first, float second)
{
    return _mm256_insertf128_ps(_mm256_set1_ps(first), _mm_set1_ps(second), 1);
}

/* The d of two blocks, each in the four lanes of its run. */
INLINE __m256 two_scales(const uint8_t *first, const uint8_t *second)
{
    return _mm256_cvtph_ps(
        _mm_unpacklo_epi64(_mm_set1_epi16((short)quant_u16(first)), _mm_set1_epi16((short)quant_u16(second))));
}

/* Sixteen bytes from each of two places. */
INLINE __m256i load_two(const uint8_t *a, const uint8_t *b)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load_16(a)), load_16(b), 1);
}

INLINE __m256 unpack_q8_0(const uint8_t *blocks, __m256i w[2])
{
    const __m256i flip = _mm256_set1_epi8((char)0x80);
    w[0] = _mm256_xor_si256(load_two(blocks + 2, blocks + 36), flip);
    w[1] = _mm256_xor_si256(load_two(blocks + 18, blocks + 52), flip);
    return two_scales(blocks, blocks + 34);
}

INLINE __m256 unpack_q4_0(const uint8_t *blocks, __m256i w[2])
{
    __m256i both = load_two(blocks + 2, blocks + 20);
    w[0] = _mm256_and_si256(both, _mm256_set1_epi8(15));
    w[1] = _mm256_and_si256(_mm256_srli_epi32(both, 4), _mm256_set1_epi8(15));
    return two_scales(blocks, blocks + 18);
}

/* Two runs in each 32 bytes: one in the lower halves, the next in the upper. */
INLINE __m256 unpack_q4k(const uint8_t *block, const struct group *group, int part, __m256i w[2])
{
    const __m256i shift = _mm256_set_epi32(4, 4, 4, 4, 0, 0, 0, 0);
    for (int half = 0; half < 2; half++) {
        __m256i both = _mm256_broadcastsi128_si256(load_16(block + 16 + part * 32 + 16 * half));
        w[half] = _mm256_and_si256(_mm256_srlv_epi32(both, shift), _mm256_set1_epi8(15));
    }
    return spread(group->scales[2 * part], group->scales[2 * part + 1]);
}

INLINE __m256 unpack(enum dtype type, const uint8_t *block, const struct group *group, int part, __m256i w[2])
{
    switch (type) {
    case DTYPE_Q8_0:
        return unpack_q8_0(block + part * 68, w);
    case DTYPE_Q4_0:
        return unpack_q4_0(block + part * 36, w);
    case DTYPE_Q4_K:
        return unpack_q4k(block, group, part, w);
    default:
        w[0] = unpack_q6k(block, part);
        return spread(group->scales[2 * part], group->scales[2 * part + 1]);
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

#include "models/kernels/quant_dot.h"
#include "models/kernels/quant_ready.h"

const struct quant_kernel KERNEL = {.name = KERNEL_NAME, .ready = ready, .dot = dot};
