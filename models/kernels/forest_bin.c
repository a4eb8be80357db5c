/* Sorting features into bins: see forest.h. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "models/kernels/forest.h"

enum { DIGIT = 11, BUCKETS = 1 << DIGIT, PASSES = 3 };

/* Whole numbers that are ordered as the floats are; -0 is 0. */
static uint32_t ordered(float value)
{
    uint32_t bits;
    value += 0.0f;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 31 ? ~bits : bits | UINT32_C(1) << 31;
}

static float value_of(uint32_t key)
{
    uint32_t bits = key >> 31 ? key & ~(UINT32_C(1) << 31) : ~key;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* By radix, the last digits first; `other` is as large as `keys`. Returns where the sorted keys are. */
static uint32_t *sort(uint32_t *keys, uint32_t *other, size_t count)
{
    for (int pass = 0; pass < PASSES; pass++) {
        uint32_t starts[BUCKETS] = {0}, sum = 0;
        for (size_t i = 0; i < count; i++)
            starts[keys[i] >> (pass * DIGIT) & (BUCKETS - 1)]++;
        for (int b = 0; b < BUCKETS; b++) {
            uint32_t many = starts[b];
            starts[b] = sum;
            sum += many;
        }
        for (size_t i = 0; i < count; i++)
            other[starts[keys[i] >> (pass * DIGIT) & (BUCKETS - 1)]++] = keys[i];
        uint32_t *sorted = other;
        other = keys;
        keys = sorted;
    }
    return keys;
}

/* Cuts the sorted values into FOREST_BINS parts, equal but for equal values, which stay together. */
static void find_edges(const uint32_t *sorted, size_t count, float *edges)
{
    size_t found = 0, at = 0;
    for (size_t bin = 1; bin < FOREST_BINS; bin++) {
        size_t wanted = count * bin / FOREST_BINS;
        at = at + 1 > wanted ? at + 1 : wanted;
        while (at < count && sorted[at - 1] == sorted[at])
            at++;
        if (at >= count)
            break;
        float low = value_of(sorted[at - 1]), high = value_of(sorted[at]), middle = low + (high - low) / 2;
        edges[found++] = middle < high ? middle : low; /* neighbours in f32 have nothing between them */
    }
    while (found < FOREST_BINS)
        edges[found++] = INFINITY;
}

static uint8_t code_of(const float *edges, float value)
{
    unsigned code = 0;
    for (unsigned step = FOREST_BINS / 2; step; step /= 2)
        code += value > edges[code + step - 1] ? step : 0;
    return (uint8_t)code;
}

static void bin_column(const struct forest_problem *problem, size_t column, float *edges, uint8_t *codes,
                       uint32_t *keys)
{
    const float *x = problem->x + column;
    for (size_t r = 0; r < problem->rows; r++)
        keys[r] = ordered(x[r * problem->columns]);
    const uint32_t *sorted = sort(keys, keys + problem->rows, problem->rows);
    find_edges(sorted, problem->rows, edges);
    for (size_t r = 0; r < problem->rows; r++)
        codes[r] = code_of(edges, x[r * problem->columns]);
}

void forest_bin(const struct forest_problem *problem, float *edges, uint8_t *codes, void *room, int threads)
{
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (size_t c = 0; c < problem->columns; c++)
        bin_column(problem, c, edges + c * FOREST_BINS, codes + c * problem->rows,
                   (uint32_t *)room + (size_t)omp_get_thread_num() * 2 * problem->rows);
}
