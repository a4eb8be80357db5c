/* A vector of f32 lanes, as wide as the flags of the including file allow: 16 with AVX-512, 8 with AVX2 and FMA, 4 with
 * NEON, all through vector.h; and 4 as well where there is no vector.h, so that the plain variant is the same source.
 * Beyond vector.h it has what register tiles need: comparisons as C's own operators, groups of four for transposing,
 * and an exponential that never makes denormals. */
#ifndef KERNELS_LANES_H
#define KERNELS_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if (defined(__AVX512F__) && defined(__AVX512BW__)) || (defined(__AVX2__) && defined(__FMA__)) || defined(__ARM_NEON)
#include "models/kernels/vector_math.h"
#define LANES_OF_VECTOR
enum { LANES = VECTOR_LANES };
#else
enum { LANES = 4 };
#endif

typedef float lanes __attribute__((vector_size(LANES * 4)));
typedef int32_t lanes_int __attribute__((vector_size(LANES * 4)));
typedef int8_t lanes_bytes __attribute__((vector_size(LANES)));

#define LANES_INLINE static inline __attribute__((always_inline, unused))

LANES_INLINE lanes lanes_load(const float *p)
{
    lanes x;
    memcpy(&x, p, sizeof x);
    return x;
}

LANES_INLINE void lanes_store(float *p, lanes x)
{
    memcpy(p, &x, sizeof x);
}

LANES_INLINE lanes lanes_set(float x)
{
    return x - (lanes){0}; /* −0 stays −0, unlike with + */
}

LANES_INLINE lanes lanes_zero(void)
{
    return (lanes){0};
}

/* Where `mask` has all bits of a lane set a, where it has none b. */
LANES_INLINE lanes lanes_select(lanes_int mask, lanes a, lanes b)
{
    return (lanes)((mask & (lanes_int)a) | (~mask & (lanes_int)b));
}

#if defined(LANES_OF_VECTOR)
#include "models/kernels/lanes_vector.h" /* IWYU pragma: export */
#else
#include "models/kernels/lanes_plain.h" /* IWYU pragma: export */
#endif

/* Whole vectors are much the commonest: they go the short way. */
LANES_INLINE lanes lanes_load_some(const float *p, size_t left)
{
    return left >= LANES ? lanes_load(p) : lanes_load_part(p, left);
}

LANES_INLINE void lanes_store_some(float *p, lanes x, size_t left)
{
    if (left >= LANES)
        lanes_store(p, x);
    else
        lanes_store_part(p, x, left);
}

LANES_INLINE lanes lanes_load_part_bf16(const uint16_t *p, size_t count)
{
    uint16_t x[LANES] = {0};
    for (size_t i = 0; i < LANES; i++)
        if (i < count)
            x[i] = p[i];
    return lanes_load_bf16(x);
}

LANES_INLINE lanes lanes_load_part_f16(const uint16_t *p, size_t count)
{
    uint16_t x[LANES] = {0};
    for (size_t i = 0; i < LANES; i++)
        if (i < count)
            x[i] = p[i];
    return lanes_load_f16(x);
}

LANES_INLINE lanes lanes_load_i8(const int8_t *p)
{
    lanes_bytes x;
    memcpy(&x, p, sizeof x);
    return __builtin_convertvector(__builtin_convertvector(x, lanes_int), lanes);
}

LANES_INLINE void lanes_store_part_bf16(uint16_t *p, lanes x, size_t count)
{
    uint16_t narrow[LANES];
    lanes_store_bf16(narrow, x);
    for (size_t i = 0; i < LANES; i++)
        if (i < count)
            p[i] = narrow[i];
}

/* The four sums over all lanes of x[0], x[1], x[2], x[3]. */
LANES_INLINE void lanes_sum_four(lanes x[4], float sums[4])
{
    lanes_transpose_fours(x);
    lanes total = (x[0] + x[1]) + (x[2] + x[3]);
    for (size_t i = 0; i < 4; i++)
        sums[i] = total[i];
    for (size_t four = 4; four < LANES; four += 4)
        for (size_t i = 0; i < 4; i++)
            sums[i] += total[four + i];
}

#endif
