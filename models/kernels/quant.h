/* Quantised rows of weights: the block types of GGUF (ggml's quantisation formats, as the `gguf` Python package of
 * llama.cpp reads and writes them), their layouts and the plain-C functions that specify them. Numbers are
 * little-endian; d and dmin are f16.
 *
 *   q8_0   32 elements, 34 bytes:  d, int8 q[32]                                    x = d · q
 *   q4_0   32 elements, 18 bytes:  d, 4-bit q[32]                                   x = d · (q − 8)
 *          byte i holds element i in its lower half and element 16 + i in its upper half
 *   q4_K  256 elements, 144 bytes: d, dmin, 8 × (6-bit scale, 6-bit min), 4-bit q   x = d·scale · q − dmin·min
 *          one scale and min for 32 elements; each 32 bytes of q hold one such run in their lower halves, the next in
 *          their upper ones; quant_super.c has the order of the scales' bits
 *   q6_K  256 elements, 210 bytes: lower 4 bits q[128], upper 2 bits q[64], int8 scale[16], d
 *          one scale for 16 elements                                                x = d·scale · (q − 32)
 *
 * Dequantising gives gguf.quants.dequantize's numbers bit for bit, and so does quantising to q8_0 and q4_0. The package
 * doesn't quantise to q4_K and q6_K; ours searches each run's scale for the least weighted square error. */
#ifndef KERNELS_QUANT_H
#define KERNELS_QUANT_H

#include <stddef.h>
#include <stdint.h>

#include "models/graph/dtype.h"

enum { QUANT_RUN = 32 /* a multiple of it is in every block */, QUANT_SUPER = 256 /* elements of a K block */ };

/* `count` elements, a multiple of the type's block. Blocks need no alignment. */
void quantise_row(enum dtype dtype, const float *x, void *blocks, size_t count);
void dequantise_row(enum dtype dtype, const void *blocks, float *x, size_t count);

/* ---- For the kernels that read blocks ---- */

static inline uint16_t quant_u16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline float quant_f16(const uint8_t *at)
{
    return f16_to_f32(quant_u16(at));
}

static inline void quant_put_f16(uint8_t *to, float value)
{
    uint16_t half = f32_to_f16(value);
    memcpy(to, &half, sizeof half);
}

/* The eight scales and then the eight mins of a q4_K block, whose bytes 4 to 15 hold them as 12 bytes s[]:
 *   j < 4:   scale = s[j] & 63                            min = s[j+4] & 63
 *   j >= 4:  scale = s[j+4] & 15 | s[j-4] >> 6 << 4       min = s[j+4] >> 4 | s[j] >> 6 << 4 */
static inline void quant_q4k_scales(const uint8_t *block, uint32_t scales[4])
{
    uint32_t a, b, c;
    memcpy(&a, block + 4, 4);
    memcpy(&b, block + 8, 4);
    memcpy(&c, block + 12, 4);
    scales[0] = a & 0x3f3f3f3f;
    scales[1] = (c & 0x0f0f0f0f) | (a >> 2 & 0x30303030);
    scales[2] = b & 0x3f3f3f3f;
    scales[3] = (c >> 4 & 0x0f0f0f0f) | (b >> 2 & 0x30303030);
}

/* The functions of each type, by dtype: plain C, built once per instruction set (quant_runs.c, quant_super.c), whose
 * results are the same bit for bit. */
typedef void quantise_blocks(const float *x, uint8_t *blocks, size_t count);
typedef void dequantise_blocks(const uint8_t *blocks, float *x, size_t count);

struct quant_types {
    const char *name;
    quantise_blocks *quantise[DTYPE_COUNT];
    dequantise_blocks *dequantise[DTYPE_COUNT];
};

/* Those that this machine can run, fastest first, plain last, ended by NULL. */
const struct quant_types *const *quant_types(void);

#endif
