/* Inside of quant: what one build for one instruction set holds. */
#ifndef KERNELS_QUANT_VARIANTS_H
#define KERNELS_QUANT_VARIANTS_H

#include "models/kernels/quant.h"
#include "models/kernels/variant.h"

/* Floats side by side, as many as the instruction set holds: every machine gets the same numbers. */
#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
typedef float lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t lanes_int __attribute__((vector_size(4 * LANES)));
#define QUANT_INLINE static inline __attribute__((always_inline))

QUANT_INLINE lanes lanes_load(const float *from)
{
    lanes v;
    memcpy(&v, from, sizeof v);
    return v;
}

/* yes where the mask's lanes are all ones, else no */
QUANT_INLINE lanes lanes_choose(lanes_int mask, lanes yes, lanes no)
{
    return (lanes)((mask & (lanes_int)yes) | (~mask & (lanes_int)no));
}

/* A NaN becomes `low`. */
QUANT_INLINE lanes lanes_clamp(lanes v, float low, float high)
{
    v = lanes_choose(v > low, v, (lanes){0} + low);
    return lanes_choose(v < high, v, (lanes){0} + high);
}

QUANT_INLINE lanes lanes_magnitude(lanes v)
{
    return (lanes)((lanes_int)v & 0x7fffffff);
}

/* To the nearest whole number, ties to even, for |v| < 2^22. */
QUANT_INLINE lanes lanes_nearest(lanes v)
{
    const float shift = 12582912; /* 1.5 · 2^23 */
    return v + shift - shift;
}

/* As bytes: v is whole numbers. */
QUANT_INLINE void lanes_store_bytes(uint8_t *to, lanes v)
{
    typedef uint8_t bytes __attribute__((vector_size(LANES)));
    bytes narrow = __builtin_convertvector(__builtin_convertvector(v, lanes_int), bytes);
    memcpy(to, &narrow, sizeof narrow);
}

quantise_blocks VARIANT_NAME(quantise_q8_0), VARIANT_NAME(quantise_q4_0); /* quant_runs.c */
quantise_blocks VARIANT_NAME(quantise_q4k), VARIANT_NAME(quantise_q6k);   /* quant_super.c */
dequantise_blocks VARIANT_NAME(dequantise_q8_0), VARIANT_NAME(dequantise_q4_0);
dequantise_blocks VARIANT_NAME(dequantise_q4k), VARIANT_NAME(dequantise_q6k);
extern const struct quant_types VARIANT_NAME(quant_types);

#endif
