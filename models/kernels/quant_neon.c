/* Packed rows on Arm's NEON with dot products of bytes (SDOT), 16 elements at a time. */
#include <arm_neon.h>

#include "models/kernels/quant_kernel.h"

#define INLINE static inline __attribute__((always_inline))
enum { SIGNED_PRODUCTS = 1, WIDTH = 16 };
typedef int32x4_t ints;
typedef float32x4_t floats;

#define load_ints(from) vld1q_s32((const int32_t *)(const void *)(from))
#define zero_ints() vdupq_n_s32(0)
#define load_floats(from) vld1q_f32(from)
#define zero_floats() vdupq_n_f32(0)
#define to_floats(i) vcvtq_f32_s32(i)
#define times(a, b) vmulq_f32(a, b)
#define fused(a, b, c) vfmaq_f32(c, a, b)
#define add_lanes(v) vaddvq_f32(v)
#define load_halves(from) vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16((const uint16_t *)(const void *)(from))))

struct group {
    float scales[16]; /* of a K block's runs (q6_K: half runs); of q4_K the second 8 are its mins */
};

INLINE void read_group(enum dtype type, const uint8_t *block, struct group *group)
{
    if (type == DTYPE_Q4_K) {
        uint32_t packed[4];
        uint8_t whole[16];
        quant_q4k_scales(block, packed);
        memcpy(whole, packed, sizeof whole);
        float d = quant_f16(block), dmin = quant_f16(block + 2);
        for (int i = 0; i < 16; i++)
            group->scales[i] = (i < 8 ? d : dmin) * (float)whole[i];
    } else if (type == DTYPE_Q6_K) {
        float d = quant_f16(block + 208);
        for (int i = 0; i < 16; i++)
            group->scales[i] = d * (float)(int8_t)block[192 + i];
    }
}

INLINE float32x4_t add_mins(const struct group *group, const float *shift, float32x4_t sum)
{
    sum = vfmaq_f32(sum, vld1q_f32(group->scales + 8), vld1q_f32(shift + 8));
    return vfmaq_f32(sum, vld1q_f32(group->scales + 12), vld1q_f32(shift + 12));
}

INLINE int32x4_t as_ints(uint8x16_t bytes)
{
    return vreinterpretq_s32_u8(bytes);
}

/* A negative count shifts to the right. */
INLINE uint8x16_t shifted(uint8x16_t bytes, int count)
{
    return vshlq_u8(bytes, vdupq_n_s8((int8_t)count));
}

/* Half run `part` of a block. */
INLINE int32x4_t unpack_q6k(const uint8_t *block, int part)
{
    int run = part / 2, at = part % 2 * 16;
    uint8x16_t low = vld1q_u8(block + run / 4 * 64 + run % 2 * 32 + at);
    uint8x16_t high = vld1q_u8(block + 128 + run / 4 * 32 + at);
    low = vandq_u8(shifted(low, -(run % 4 / 2 * 4)), vdupq_n_u8(15));
    return as_ints(vorrq_u8(low, vandq_u8(shifted(high, 4 - run % 4 * 2), vdupq_n_u8(0x30))));
}

INLINE float32x4_t unpack(enum dtype type, const uint8_t *block, const struct group *group, int part, int32x4_t w[2])
{
    const uint8x16_t mask = vdupq_n_u8(15);
    if (type == DTYPE_Q8_0) {
        w[0] = load_ints(block + part * 34 + 2);
        w[1] = load_ints(block + part * 34 + 18);
        return vdupq_n_f32(quant_f16(block + part * 34));
    }
    if (type == DTYPE_Q4_0) {
        uint8x16_t both = vld1q_u8(block + part * 18 + 2);
        w[0] = as_ints(vandq_u8(both, mask));
        w[1] = as_ints(vshrq_n_u8(both, 4));
        return vdupq_n_f32(quant_f16(block + part * 18));
    }
    if (type == DTYPE_Q4_K)
        for (int half = 0; half < 2; half++) { /* two runs share their bytes */
            uint8x16_t both = vld1q_u8(block + 16 + part / 2 * 32 + 16 * half);
            w[half] = as_ints(part % 2 ? vshrq_n_u8(both, 4) : vandq_u8(both, mask));
        }
    else
        w[0] = unpack_q6k(block, part);
    return vdupq_n_f32(group->scales[part]);
}

INLINE int32x4_t multiply(enum dtype type, int32x4_t sums, int32x4_t w, int32x4_t q)
{
    (void)type;
    return vdotq_s32(sums, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(q));
}

#include "models/kernels/quant_dot.h"

const struct quant_kernel quant_kernel_neon = {.name = "neon-dotprod", .ready = quant_ready_plain, .dot = dot};
