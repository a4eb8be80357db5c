/* Packed rows on AVX-512 with VNNI: 64 elements at a time. */
#include <immintrin.h>

#include "models/kernels/quant_kernel.h"

#define INLINE static inline __attribute__((always_inline))
enum { SIGNED_PRODUCTS = 0, WIDTH = 64 };
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

struct group {
    __m512 scales; /* of four blocks, each in four lanes; or of a K block's runs (the upper 8 of q4_K: its mins) */
};

INLINE __m128i load_16(const uint8_t *from)
{
    return _mm_loadu_si128((const __m128i *)(const void *)from);
}

INLINE __m256i load_32(const uint8_t *from)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

/* The four d are words of the group: 9 apart in q4_0, 17 in q8_0, whose last two take a second load. Each goes to the
 * four lanes of its run. */
INLINE __m512 read_block_scales(enum dtype type, const uint8_t *block)
{
    __m512i words = _mm512_loadu_si512(block);
    const uint64_t ones = 0x0001000100010001;
    if (type == DTYPE_Q4_0)
        words = _mm512_permutexvar_epi16(_mm512_set_epi64(0, 0, 0, 0, 27 * ones, 18 * ones, 9 * ones, 0), words);
    else
        words = _mm512_mask_permutexvar_epi16(
            _mm512_permutexvar_epi16(_mm512_set_epi64(0, 0, 0, 0, 0, 0, 17 * ones, 0), words), 0xff00,
            _mm512_set_epi64(0, 0, 0, 0, 17 * ones, 0, 0, 0), _mm512_loadu_si512(block + 68));
    return _mm512_cvtph_ps(_mm512_castsi512_si256(words));
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

/* Of a K block: four lanes of each of the scales 4·part to 4·part + 3. */
INLINE __m512 spread(const struct group *group, int part)
{
    const __m512i lanes = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
    return _mm512_permutexvar_ps(_mm512_add_epi32(lanes, _mm512_set1_epi32(4 * part)), group->scales);
}

/* Sixteen bytes from each of four places. */
INLINE __m512i load_four(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d)
{
    __m512i v = _mm512_castsi128_si512(load_16(a));
    v = _mm512_mask_broadcast_i32x4(v, 0x00f0, load_16(b));
    v = _mm512_mask_broadcast_i32x4(v, 0x0f00, load_16(c));
    return _mm512_mask_broadcast_i32x4(v, 0xf000, load_16(d));
}

INLINE void unpack_q8_0(const uint8_t *blocks, __m512i w[2])
{
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    const uint8_t *q = blocks + 2;
    w[0] = _mm512_xor_si512(load_four(q, q + 34, q + 68, q + 102), flip);
    w[1] = _mm512_xor_si512(load_four(q + 16, q + 50, q + 84, q + 118), flip);
}

INLINE void unpack_q4_0(const uint8_t *blocks, __m512i w[2])
{
    const uint8_t *q = blocks + 2;
    __m512i both = load_four(q, q + 18, q + 36, q + 54);
    w[0] = _mm512_and_si512(both, _mm512_set1_epi8(15));
    w[1] = _mm512_and_si512(_mm512_srli_epi32(both, 4), _mm512_set1_epi8(15));
}

/* Two runs in each 32 bytes: one in the lower halves, the next in the upper. */
INLINE void unpack_q4k(const uint8_t *q, __m512i w[2])
{
    const __m512i shift = _mm512_set_epi32(4, 4, 4, 4, 0, 0, 0, 0, 4, 4, 4, 4, 0, 0, 0, 0);
    for (int half = 0; half < 2; half++) {
        __m512i both = _mm512_broadcast_i32x4(load_16(q + 16 * half));
        both = _mm512_mask_broadcast_i32x4(both, 0xff00, load_16(q + 32 + 16 * half));
        w[half] = _mm512_and_si512(_mm512_srlv_epi32(both, shift), _mm512_set1_epi8(15));
    }
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

INLINE __m512 unpack(enum dtype type, const uint8_t *block, const struct group *group, int part, __m512i w[2])
{
    switch (type) {
    case DTYPE_Q8_0:
        unpack_q8_0(block, w);
        return group->scales;
    case DTYPE_Q4_0:
        unpack_q4_0(block, w);
        return group->scales;
    case DTYPE_Q4_K:
        unpack_q4k(block + 16 + part * 64, w);
        return spread(group, part);
    default:
        w[0] = unpack_q6k(block, part);
        return spread(group, part);
    }
}

INLINE __m512i multiply(enum dtype type, __m512i sums, __m512i w, __m512i q)
{
    (void)type;
    return _mm512_dpbusd_epi32(sums, w, q);
}

#include "models/kernels/quant_dot.h"
#include "models/kernels/quant_ready.h"

const struct quant_kernel quant_kernel_avx512_vnni = {.name = "avx512-vnni", .ready = ready, .dot = dot};
