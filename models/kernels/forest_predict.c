/* Walking trees; built once for each instruction set. See forest.h.
 *
 * Rows in groups of LANES go down a tree together: a step of each is three loads and a comparison, and where there are
 * gather instructions the compiler makes them of these loops. A block of rows passes all trees before the next does, so
 * that its features stay in a second-level cache. */
#include <string.h>

#include "models/kernels/forest_variants.h"

enum { LANES = 16, BLOCK = 1024 };

/* One step down for every row that isn't at a leaf; false when all are. */
static inline uint32_t step(const struct forest_node *nodes, const float *x, const uint32_t *offset, uint32_t *at)
{
    uint32_t moved = 0;
    for (uint32_t i = 0; i < LANES; i++) {
        uint32_t link = nodes[at[i]].link, feature = link & 0xff, left = link >> 8;
        uint32_t next = left + (x[offset[i] + feature] > nodes[at[i]].value);
        at[i] = left ? next : at[i];
        moved |= left;
    }
    return moved;
}

static void predict_group(const struct forest_node *nodes, const float *x, const uint32_t *offset, float *sum)
{
    uint32_t at[LANES] = {0};
    while (step(nodes, x, offset, at)) {
    }
    for (size_t i = 0; i < LANES; i++)
        sum[i] += nodes[at[i]].value;
}

static void predict_block(const struct forest_node *nodes, size_t trees, size_t capacity, const float *x, size_t rows,
                          size_t columns, float *y)
{
    float sum[BLOCK] = {0};
    for (size_t t = 0; t < trees; t++)
        for (size_t first = 0; first < rows; first += LANES) {
            uint32_t offset[LANES];
            for (size_t i = 0; i < LANES; i++) { /* the last group's spare lanes walk with the last row */
                size_t row = first + i < rows ? first + i : rows - 1;
                offset[i] = (uint32_t)(row * columns);
            }
            predict_group(nodes + t * capacity, x, offset, sum + first);
        }
    for (size_t r = 0; r < rows; r++)
        y[r] = sum[r] / (float)trees;
}

static void predict(const struct forest_node *nodes, size_t trees, size_t capacity, const float *x, size_t rows,
                    size_t columns, float *y)
{
    for (size_t first = 0; first < rows; first += BLOCK)
        predict_block(nodes, trees, capacity, x + first * columns, rows - first < BLOCK ? rows - first : BLOCK, columns,
                      y + first);
}

const struct forest_kernels VARIANT_NAME(forest_kernels_walk) = {.name = VARIANT_STRING, .predict = predict};
