/* Packed rows on AVX-512 with VNNI: 64 elements at a time. */
#include <immintrin.h>

#include "models/kernels/quant_kernel.h"

#define INLINE static inline __attribute__((always_inline))
enum { WIDTH = 64 };
typedef __m512i ints;
typedef __m512 floats;

#define load_ints(from) _mm512_loadu_si512(from)
#define zero_ints() _mm512_setzero_si512()
#define load_floats(from) _mm512_loadu_ps(from)
#define zero_floats() _mm512_setzero_ps()
#define to_floats(i) _mm512_cvtepi32_ps(i)
#define times(a, b) _mm512_mul_ps(a, b)
#define fused(a, b, c) _mm512_fmadd_ps(a, b, c)
#define add_lanes(v) _mm512_reduce_add_ps(v)
#define load_halves(from) _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)(from)))

/* Lane i of the result is scales[...] of the run that the part's element 4i is in. */
struct group {
    __m512 scales; /* of runs (q6_K: of half runs); of a q4_K block the upper 8 are its mins */
};

INLINE __m128i load_16(const uint8_t *from)
{
    return _mm_loadu_si128((const __m128i *)(const void *)from);
}

INLINE __m256i load_32(const uint8_t *from)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

INLINE __m512 widen_4(__m512i words)
{
    return _mm512_castps128_ps512(_mm_cvtph_ps(_mm512_castsi512_si128(words)));
}

/* The four d are words of the group: 9 apart in q4_0, 17 in q8_0, whose last two take a second load. */
INLINE __m512 read_block_scales(enum dtype type, const uint8_t *block)
{
    __m512i words = _mm512_loadu_si512(block);
    if (type == DTYPE_Q4_0)
        return widen_4(_mm512_permutexvar_epi16(_mm512_set_epi64(0, 0, 0, 0, 0, 0, 0, 0x001b001200090000), words));
    __m512i first = _mm512_permutexvar_epi16(_mm512_set_epi64(0, 0, 0, 0, 0, 0, 0, 0x00110000), words);
    words = _mm512_loadu_si512(block + 68);
    return widen_4(
        _mm512_mask_permutexvar_epi16(first, 0xc, _mm512_set_epi64(0, 0, 0, 0, 0, 0, 0, 0x0011000000000000), words));
}

INLINE __m512 read_q4k_scales(const uint8_t *block)
{
    uint32_t packed[4];
    quant_q4k_scales(block, packed);
    __m128i bytes = _mm_set_epi32((int)packed[3], (int)packed[2], (int)packed[1], (int)packed[0]);
    int both;
    memcpy(&both, block, sizeof both);
    __m512 d = _mm512_castps128_ps512(_mm_cvtph_ps(_mm_cvtsi32_si128(both)));
    d = _mm512_permutexvar_ps(_mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0), d);
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)), d);
}

INLINE void read_group(enum dtype type, const uint8_t *block, struct group *group)
{
    if (type == DTYPE_Q4_K)
        group->scales = read_q4k_scales(block);
    else if (type == DTYPE_Q6_K)
        group->scales = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_16(block + 192))),
                                      _mm512_cvtph_ps(_mm256_set1_epi16((short)quant_u16(block + 208))));
    else
        group->scales = read_block_scales(type, block);
}

INLINE __m512 add_mins(const struct group *group, const float *shift, __m512 sum)
{
    return _mm512_fmadd_ps(group->scales, _mm512_loadu_ps(shift), sum);
}

/* Runs 2·part and 2·part + 1, or for q6_K half runs 4·part to 4·part + 3. */
INLINE __m512 spread(enum dtype type, const struct group *group, int part)
{
    __m512i lanes = type == DTYPE_Q6_K ? _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0)
                                       : _mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
    lanes = _mm512_add_epi32(lanes, _mm512_set1_epi32(type == DTYPE_Q6_K ? 4 * part : 2 * part));
    return _mm512_permutexvar_ps(lanes, group->scales);
}

INLINE __m512i unpack_q8_0(const uint8_t *blocks)
{
    __m512i w = _mm512_inserti64x4(_mm512_castsi256_si512(load_32(blocks + 2)), load_32(blocks + 36), 1);
    return _mm512_xor_si512(w, _mm512_set1_epi8((char)0x80));
}

INLINE __m512i unpack_q4_0(const uint8_t *blocks)
{
    const __m512i shift = _mm512_set_epi32(4, 4, 4, 4, 0, 0, 0, 0, 4, 4, 4, 4, 0, 0, 0, 0);
    __m512i w = _mm512_broadcast_i32x4(load_16(blocks + 2));
    w = _mm512_mask_broadcast_i32x4(w, 0xff00, load_16(blocks + 20));
    return _mm512_and_si512(_mm512_srlv_epi32(w, shift), _mm512_set1_epi8(15));
}

INLINE __m512i unpack_q4k(const uint8_t *q)
{
    const __m512i shift = _mm512_set_epi32(4, 4, 4, 4, 4, 4, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0);
    return _mm512_and_si512(_mm512_srlv_epi32(_mm512_broadcast_i64x4(load_32(q)), shift), _mm512_set1_epi8(15));
}

/* The lower half of the vector is one run, the upper the next. */
INLINE __m512i unpack_q6k(const uint8_t *block, int part)
{
    __m512i low = _mm512_loadu_si512(block + part / 2 * 64);
    __m512i high = _mm512_broadcast_i64x4(load_32(block + 128 + part / 2 * 32));
    if (part % 2) {
        low = _mm512_srli_epi32(low, 4);
        high = _mm512_srlv_epi32(high, _mm512_set_epi32(2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0));
    } else {
        high = _mm512_sllv_epi32(high, _mm512_set_epi32(2, 2, 2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 4, 4));
    }
    low = _mm512_and_si512(low, _mm512_set1_epi8(15));
    /* low | (high & 0x30) */
    return _mm512_ternarylogic_epi32(low, high, _mm512_set1_epi8(0x30), 0xf8);
}

INLINE __m512i unpack(enum dtype type, const uint8_t *block, const struct group *group, int part, __m512 *scale)
{
    *scale = spread(type, group, part);
    return type == DTYPE_Q8_0   ? unpack_q8_0(block + part * 68)
           : type == DTYPE_Q4_0 ? unpack_q4_0(block + part * 36)
           : type == DTYPE_Q4_K ? unpack_q4k(block + 16 + part * 32)
                                : unpack_q6k(block, part);
}

INLINE __m512i multiply(enum dtype type, __m512i sums, __m512i w, __m512i q)
{
    (void)type;
    return _mm512_dpbusd_epi32(sums, w, q);
}

INLINE uint32_t largest_magnitude(const float *x)
{
    __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    return _mm512_reduce_max_epu32(_mm512_max_epu32(_mm512_and_si512(_mm512_loadu_si512(x), magnitude),
                                                    _mm512_and_si512(_mm512_loadu_si512(x + 16), magnitude)));
}

/* A run's whole numbers and what its fours add up to times −offset; returns the sum of all. */
INLINE int round_run(const float *x, float factor, int offset, int8_t *q, int32_t *fours)
{
    __m512 by = _mm512_set1_ps(factor);
    __m128i first = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), by)));
    __m128i second = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + 16), by)));
    __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
    if (!(factor > 0))
        both = _mm256_setzero_si256();
    _mm256_storeu_si256((__m256i *)(void *)q, both);
    __m256i sums = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), both);
    _mm256_storeu_si256((__m256i *)(void *)fours, _mm256_mullo_epi32(sums, _mm256_set1_epi32(-offset)));
    return _mm512_reduce_add_epi32(_mm512_zextsi256_si512(sums));
}

#include "models/kernels/quant_dot.h"

const struct quant_kernel quant_kernel_avx512_vnni = {.name = "avx512-vnni", .ready = ready, .dot = dot};
