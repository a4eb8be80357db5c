/* Arithmetic on counts and bytes. */
#ifndef BASE_SIZES_H
#define BASE_SIZES_H

#include <stddef.h>

enum { CACHE_LINE_BYTES = 64 };

static inline size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* a / b, rounded up; b > 0. */
static inline size_t quotient_up(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}

/* The least multiple of `multiple` that isn't below `count`. */
static inline size_t round_up(size_t count, size_t multiple)
{
    return quotient_up(count, multiple) * multiple;
}

/* Whole cache lines. */
static inline size_t aligned(size_t bytes)
{
    return round_up(bytes, CACHE_LINE_BYTES);
}

#endif
