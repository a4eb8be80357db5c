/* One vector of floats of the widest kind that the file is being compiled for, so that a kernel is written once and
 * built once per instruction set (meson.build passes the flags and VECTOR_SUFFIX). Arithmetic is C's own operators:
 * GCC and Clang have + - * / on these types.
 *
 *     vector          VECTOR_LANES floats          vector_int   as many int32_t
 *     vector_mask     one truth value a lane
 *
 * load and store need no alignment. The `_first` forms touch only the first n <= VECTOR_LANES elements of memory; the
 * other lanes are zero. max and min give b when either is NaN on x86 and NaN on Arm: so keep what may be NaN in b. */
#ifndef KERNELS_VECTOR_H
#define KERNELS_VECTOR_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VECTOR_INLINE static inline __attribute__((always_inline))
#define VECTOR_PASTE2(name, suffix) name##_##suffix
#define VECTOR_PASTE(name, suffix) VECTOR_PASTE2(name, suffix)
/* The name of a public symbol of this variant: VECTOR_NAME(row_kernels) is row_kernels_avx512. */
#define VECTOR_NAME(name) VECTOR_PASTE(name, VECTOR_SUFFIX)
#define VECTOR_STRING2(text) #text
#define VECTOR_STRING(text) VECTOR_STRING2(text)

#if defined(__AVX512F__)
#include "models/kernels/vector_avx512.h" /* IWYU pragma: export */
#elif defined(__AVX2__)
#include "models/kernels/vector_avx2.h" /* IWYU pragma: export */
#elif defined(__ARM_NEON)
#include "models/kernels/vector_neon.h" /* IWYU pragma: export */
#else
#error "vector.h is for AVX-512, AVX2 with FMA, and NEON; other machines run the plain variants"
#endif

VECTOR_INLINE vector vector_zero(void)
{
    return vector_set(0);
}

/* How many of the `left` elements one more vector takes. */
VECTOR_INLINE size_t vector_take(size_t left)
{
    return left < VECTOR_LANES ? left : VECTOR_LANES;
}

/* Whole vectors are much the commonest: they go the short way. */
VECTOR_INLINE vector vector_load_up_to(const float *from, size_t n)
{
    return n >= VECTOR_LANES ? vector_load(from) : vector_load_first(from, n);
}

VECTOR_INLINE void vector_store_up_to(float *to, vector v, size_t n)
{
    if (n >= VECTOR_LANES)
        vector_store(to, v);
    else
        vector_store_first(to, v, n);
}

VECTOR_INLINE vector vector_clamp(vector v, float low, float high)
{
    return vector_min(vector_set(high), vector_max(vector_set(low), v));
}

#endif
