/* vector.h for 64-bit Arm: 4 lanes. */
#ifndef KERNELS_VECTOR_NEON_H
#define KERNELS_VECTOR_NEON_H

#include <arm_neon.h>

#include "harness/base/random.h"

#define VECTOR_LANES ((size_t)4)
typedef float32x4_t vector;
typedef int32x4_t vector_int;
typedef uint32x4_t vector_mask;

VECTOR_INLINE vector vector_set(float value)
{
    return vdupq_n_f32(value);
}

VECTOR_INLINE vector_mask vector_first(size_t n)
{
    static const uint32_t order[4] = {0, 1, 2, 3};
    return vcltq_u32(vld1q_u32(order), vdupq_n_u32((uint32_t)n));
}

VECTOR_INLINE vector vector_load(const float *from)
{
    return vld1q_f32(from);
}

VECTOR_INLINE void vector_store(float *to, vector v)
{
    vst1q_f32(to, v);
}

VECTOR_INLINE vector vector_load_first(const float *from, size_t n)
{
    float lanes[4] = {0};
    memcpy(lanes, from, n * sizeof *from);
    return vld1q_f32(lanes);
}

VECTOR_INLINE void vector_store_first(float *to, vector v, size_t n)
{
    float lanes[4];
    vst1q_f32(lanes, v);
    memcpy(to, lanes, n * sizeof *to);
}

/* a · b + c, rounded once */
VECTOR_INLINE vector vector_fma(vector a, vector b, vector c)
{
    return vfmaq_f32(c, a, b);
}

VECTOR_INLINE vector vector_max(vector a, vector b)
{
    return vmaxq_f32(a, b);
}

VECTOR_INLINE vector vector_min(vector a, vector b)
{
    return vminq_f32(a, b);
}

VECTOR_INLINE vector vector_abs(vector v)
{
    return vabsq_f32(v);
}

VECTOR_INLINE vector vector_sqrt(vector v)
{
    return vsqrtq_f32(v);
}

/* to the nearest whole number, even among equals */
VECTOR_INLINE vector vector_round(vector v)
{
    return vrndnq_f32(v);
}

VECTOR_INLINE vector vector_exponent(int32x4_t n)
{
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
}

/* v · 2ⁿ for whole n of at most 252 in size: in two steps, so that infinity and the denormals come out right */
VECTOR_INLINE vector vector_scale2(vector v, vector n)
{
    int32x4_t whole = vcvtnq_s32_f32(n), half = vshrq_n_s32(whole, 1);
    return v * vector_exponent(half) * vector_exponent(vsubq_s32(whole, half));
}

VECTOR_INLINE vector vector_copysign(vector magnitude, vector sign)
{
    return vbslq_f32(vdupq_n_u32(0x80000000u), sign, magnitude);
}

VECTOR_INLINE vector_mask vector_less(vector a, vector b)
{
    return vcltq_f32(a, b);
}

/* a > b, or a is NaN */
VECTOR_INLINE vector_mask vector_above_or_nan(vector a, vector b)
{
    return vorrq_u32(vcgtq_f32(a, b), vmvnq_u32(vceqq_f32(a, a)));
}

/* mask ? a : b */
VECTOR_INLINE vector vector_select(vector_mask mask, vector a, vector b)
{
    return vbslq_f32(mask, a, b);
}

VECTOR_INLINE vector_int vector_int_set(int32_t value)
{
    return vdupq_n_s32(value);
}

VECTOR_INLINE vector_int vector_int_load_first(const int32_t *from, size_t n)
{
    int32_t lanes[4] = {0};
    memcpy(lanes, from, n * sizeof *from);
    return vld1q_s32(lanes);
}

VECTOR_INLINE void vector_int_store_first(int32_t *to, vector_int v, size_t n)
{
    int32_t lanes[4];
    vst1q_s32(lanes, v);
    memcpy(to, lanes, n * sizeof *to);
}

VECTOR_INLINE vector_int vector_int_select(vector_mask mask, vector_int a, vector_int b)
{
    return vbslq_s32(mask, a, b);
}

VECTOR_INLINE vector_mask vector_int_equal(vector_int a, vector_int b)
{
    return vceqq_s32(a, b);
}

VECTOR_INLINE float vector_sum(vector v)
{
    return vaddvq_f32(v);
}

VECTOR_INLINE float vector_largest(vector v)
{
    return vmaxvq_f32(v);
}

VECTOR_INLINE vector vector_load_bf16(const uint16_t *from)
{
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(from), 16));
}

VECTOR_INLINE void vector_store_bf16(uint16_t *to, vector v)
{
    uint32x4_t bits = vreinterpretq_u32_f32(v), upper = vshrq_n_u32(bits, 16);
    uint32x4_t odd = vandq_u32(upper, vdupq_n_u32(1));
    uint32x4_t rounded = vaddq_u32(vaddq_u32(bits, odd), vdupq_n_u32(0x7fff));
    uint32x4_t quiet = vorrq_u32(upper, vdupq_n_u32(0x40));
    vst1_u16(to, vmovn_u32(vbslq_u32(vceqq_f32(v, v), vshrq_n_u32(rounded, 16), quiet)));
}

VECTOR_INLINE vector vector_load_f16(const uint16_t *from)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from)));
}

VECTOR_INLINE void vector_store_f16(uint16_t *to, vector v)
{
    vst1_u16(to, vreinterpret_u16_f16(vcvt_f16_f32(v)));
}

/* The lanes whose random bits, from the counters counter, counter + step, ..., are at least `threshold`. The scalar
 * unit multiplies 64 bits by 64; NEON doesn't. */
VECTOR_INLINE vector_mask vector_random_at_least(uint64_t counter, uint64_t step, uint64_t threshold)
{
    uint32_t lanes[4];
    for (uint64_t i = 0; i < 4; i++)
        lanes[i] = random_mix(counter + i * step) >= threshold ? UINT32_MAX : 0;
    return vld1q_u32(lanes);
}

#endif
