/* Element types, their storage, and rounding between them. Block types are laid out as GGUF lays them out. */
#ifndef GRAPH_DTYPE_H
#define GRAPH_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum dtype { DTYPE_F32, DTYPE_BF16, DTYPE_F16, DTYPE_I32, DTYPE_COUNT };

struct dtype_info {
    const char *name;     /* "bf16" */
    uint32_t block;       /* elements in a block; 1 for plain types */
    uint32_t block_bytes; /* bytes of a block */
    bool floating;
};

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

#endif
