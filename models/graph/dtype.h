/* Element types, their storage, and rounding between them. Block types are laid out as GGUF lays them out. */
#ifndef GRAPH_DTYPE_H
#define GRAPH_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum dtype {
    DTYPE_F32,
    DTYPE_BF16,
    DTYPE_F16,
    DTYPE_I32,
    DTYPE_Q8_0, /* quantised, of weights only: kernels/quant.h has their formulas */
    DTYPE_Q4_0,
    DTYPE_Q4_K,
    DTYPE_Q6_K,
    DTYPE_COUNT
};

struct dtype_info {
    const char *name;     /* "bf16" */
    uint32_t block;       /* elements in a block; 1 for plain types */
    uint32_t block_bytes; /* bytes of a block */
    bool floating;        /* each element a floating-point number of its own */
};

/* Stored in blocks: a tensor's last dimension is a multiple of the block, so that each row begins a block. */
bool dtype_quantised(enum dtype dtype);

const struct dtype_info *dtype_info(enum dtype dtype);
/* False when no type has that name. */
bool dtype_parse(const char *name, enum dtype *dtype);
/* Bytes of `count` elements; count must be a multiple of the block. */
size_t dtype_bytes(enum dtype dtype, size_t count);

/* bfloat16 is the upper half of a float; rounding is to nearest even, NaN stays NaN. */
static inline float bf16_to_f32(uint16_t value)
{
    uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

static inline uint16_t f32_to_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. Converting makes a NaN quiet, as every processor does. */
static inline float f16_to_f32(uint16_t half)
{
    uint32_t exponent = half >> 10 & 31, fraction = half & 0x3ff, sign = (uint32_t)(half & 0x8000) << 16, bits;
    float value;
    if (exponent == 31)
        bits = 0x7f800000 | fraction << 13 | (fraction ? 0x400000 : 0);
    else if (exponent)
        bits = (exponent + 112) << 23 | fraction << 13;
    else {
        value = (float)fraction * 0x1p-24f;
        memcpy(&bits, &value, sizeof bits);
    }
    bits |= sign;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint16_t f32_to_f16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = bits >> 16 & 0x8000;
    uint32_t magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000)
        return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    if (magnitude >= 0x477ff000) /* 65520 and more round to infinity */
        return sign | 0x7c00;
    if (magnitude < 0x38800000) { /* below 2^-14: a whole multiple of 2^-24, rounded to even by adding 1.5 · 2^52 */
        double whole = (value < 0 ? -(double)value : (double)value) * 0x1p24 + 0x1.8p52;
        uint64_t digits;
        memcpy(&digits, &whole, sizeof digits);
        return (uint16_t)(sign | (digits & 0xffff));
    }
    uint32_t rounded = magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1);
    return (uint16_t)(sign | rounded >> 13);
}

#endif
