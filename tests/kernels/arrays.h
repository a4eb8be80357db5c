/* Arrays for kernel tests: placed off alignment, ending where their allocation ends so that AddressSanitizer sees any
 * step beyond, filled with random or extreme numbers, and compared with a message that shows both. */
#ifndef TEST_KERNELS_ARRAYS_H
#define TEST_KERNELS_ARRAYS_H

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/random.h"
#include "tests/kernels/trials.h"
#include "tests/suite.h"

static const size_t odd_counts[] = {0, 1, 15, 16, 17, 33, 1000};
enum { ODD_COUNTS = sizeof odd_counts / sizeof *odd_counts };

struct array {
    void *allocation;
    float *f;
    size_t count;
};

/* `shift` floats off a 64-byte boundary */
static inline struct array array_new(size_t count, size_t shift)
{
    size_t bytes = (count + shift) * sizeof(float);
    struct array a = {.count = count};
    if (posix_memalign(&a.allocation, 64, bytes ? bytes : 1) != 0)
        abort();
    a.f = (float *)a.allocation + shift;
    for (size_t i = 0; i < count; i++)
        a.f[i] = -12345.75f; /* what a kernel must overwrite */
    return a;
}

static inline struct array array_random(size_t count, size_t shift, uint64_t seed, float scale)
{
    struct array a = array_new(count, shift);
    for (size_t i = 0; i < count; i++)
        a.f[i] = scale * random_normal(seed, i);
    return a;
}

static inline struct array array_copy(const struct array *of)
{
    struct array a = array_new(of->count, 2);
    if (of->count)
        memcpy(a.f, of->f, of->count * sizeof *a.f);
    return a;
}

static inline void array_free(struct array *a)
{
    free(a->allocation);
    *a = (struct array){0};
}

/* Any float there is, each bit pattern equally likely: NaNs, infinities, denormals, both zeros among them. */
static inline float any_float(uint64_t key, uint64_t index)
{
    static const float extremes[] = {
        0.0f,   -0.0f,  INFINITY, -INFINITY, NAN,     FLT_MAX,  -FLT_MAX, FLT_MIN,  -FLT_MIN, 0x1p-149f, -0x1p-149f,
        1e-40f, 88.72f, 88.73f,   -87.4f,    -103.9f, -104.1f,  5.7f,     -5.7f,    14.0f,    -14.0f,    20.0f,
        -20.0f, -12.0f, -7.5f,    1.0f,      -1.0f,   65504.0f, 65519.9f, 65520.0f, 0x1p-24f, 0x1p-25f};
    if (index < sizeof extremes / sizeof *extremes)
        return extremes[index];
    uint32_t bits = (uint32_t)(random_bits(key, index) >> 32);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Within `tolerance` relative to the expected value, or absolute when `scale` is larger than it. */
static inline bool near(float got, double want, double tolerance, double scale)
{
    if (isnan(want))
        return isnan(got);
    if (isinf((float)want))
        return got == (float)want;
    double size = fabs(want) > scale ? fabs(want) : scale;
    return fabs(got - want) <= tolerance * size;
}

#define check_near(what, variant, got, want, count, tolerance, scale)                                                  \
    for (size_t at_ = 0; at_ < (count); at_++)                                                                         \
    ck_assert_msg(near((got)[at_], (want)[at_], tolerance, scale), "%s, %s: element %zu of %zu is %.9g, not %.9g",     \
                  what, variant, at_, (size_t)(count), (double)(got)[at_], (double)(want)[at_])

static inline bool same_bits(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

#define check_same(what, variant, got, want, count)                                                                    \
    for (size_t at_ = 0; at_ < (count); at_++)                                                                         \
    ck_assert_msg(same_bits((got)[at_], (want)[at_]), "%s, %s: element %zu of %zu is %.9g, not %.9g", what, variant,   \
                  at_, (size_t)(count), (double)(got)[at_], (double)(want)[at_])

#endif
