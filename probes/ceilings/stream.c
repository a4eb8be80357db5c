/* Built once per vector width: -DVARIANT=name -DVECTOR_BYTES=n -DVARIANT_ISA=flags. */
#include "probes/ceilings/stream.h"

#include <stdint.h>
#include <string.h>

#include "probes/isa.h"

#define JOIN2(a, b) a##b
#define STREAM_NAME(variant) JOIN2(stream_, variant)

typedef float vector __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef uint32_t bits __attribute__((vector_size(VECTOR_BYTES), may_alias));
enum { LANES = VECTOR_BYTES / sizeof(float), PER_COUNT = 64 / VECTOR_BYTES };
/* From so many bytes on memory is read, and asked for so many ahead. */
enum { FAR_BYTES = 8 << 20, AHEAD_BYTES = 16 << 10, LINE_BYTES = 64 };

static vector spread(float value)
{
    vector v;
    for (int i = 0; i < LANES; i++)
        v[i] = value;
    return v;
}

static float sum_lanes(vector sum)
{
    float total = 0;
    for (int lane = 0; lane < LANES; lane++)
        total += sum[lane];
    return total;
}

/* In caches: eight sums, so that additions don't wait for each other: reading is what is timed. */
static float read_near(const float *from, size_t count)
{
    const vector *a = (const vector *)from;
    vector s0 = spread(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
    size_t vectors = count * PER_COUNT, i = 0;
    for (; i + 8 <= vectors; i += 8) {
        s0 += a[i], s1 += a[i + 1], s2 += a[i + 2], s3 += a[i + 3];
        s4 += a[i + 4], s5 += a[i + 5], s6 += a[i + 6], s7 += a[i + 7];
    }
    for (; i < vectors; i++)
        s0 += a[i];
    return sum_lanes(((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7)));
}

/* From memory: a line is asked for, a line is read. Asking helps since the processor's own prefetching stops at the end
 * of each page, and one step at a time keeps reading from overtaking what was asked for and taking its place. */
static float read_far(const float *from, size_t count)
{
    const bits *a = (const bits *)from;
    bits sum[PER_COUNT];
    memset(sum, 0, sizeof sum);
    for (size_t line = 0; line < count; line++, a += PER_COUNT) {
        __builtin_prefetch((const char *)a + AHEAD_BYTES, 0, 2);
        for (int i = 0; i < PER_COUNT; i++)
            sum[i] ^= a[i];
    }
    for (int i = 1; i < PER_COUNT; i++)
        sum[0] ^= sum[i];
    return sum_lanes(__builtin_convertvector(sum[0], vector));
}

static float run_read(const float *from, size_t count)
{
    return count >= FAR_BYTES / LINE_BYTES ? read_far(from, count) : read_near(from, count);
}

/* The empty statements keep compilers from calling memset and memcpy instead, which choose stores of their own. */
static void run_write(float *to, float value, size_t count)
{
    vector *a = (vector *)to, v = spread(value);
    for (size_t i = 0; i < count * PER_COUNT; i++) {
        a[i] = v;
        __asm__ volatile("" ::: "memory");
    }
}

static void run_copy(float *to, const float *from, size_t count)
{
    vector *a = (vector *)to;
    const vector *b = (const vector *)from;
    for (size_t i = 0; i < count * PER_COUNT; i++) {
        a[i] = b[i];
        __asm__ volatile("" ::: "memory");
    }
}

static void run_triad(float *to, const float *left, const float *right, float scale, size_t count)
{
    vector *a = (vector *)to, s = spread(scale);
    const vector *b = (const vector *)left, *c = (const vector *)right;
    for (size_t i = 0; i < count * PER_COUNT; i++)
        a[i] = b[i] + s * c[i];
}

const struct stream_loops STREAM_NAME(VARIANT) = {VARIANT_ISA, run_read, run_write, run_copy, run_triad};
