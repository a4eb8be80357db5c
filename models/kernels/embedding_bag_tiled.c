/* Embedding bags, and the table of one instruction set's kernels for recommendation models: see recommender.h.
 *
 * A row of a table is a cache miss more often than not, and the hardware can't guess the next one: so rows are
 * prefetched AHEAD look-ups before they are needed, enough to cover a memory's latency by the adding of the others. */
#include "models/kernels/layout.h"
#include "models/kernels/recommender_variants.h"
#include "models/kernels/variant.h"

enum { AHEAD = 24, MOST_VECTORS = 4 };

LANES_INLINE size_t row_of(const struct bags *bags, size_t lookup)
{
    int32_t index = bags->indices[lookup];
    return (size_t)index < bags->rows ? (size_t)index : 0; /* a negative one is a very large size_t */
}

LANES_INLINE void prefetch(const char *row, size_t bytes)
{
    for (size_t line = 0; line < bytes; line += CACHE_LINE_BYTES)
        __builtin_prefetch(row + line);
}

LANES_INLINE lanes load(const void *table, enum dtype dtype, size_t at, size_t left)
{
    if (dtype == DTYPE_F32)
        return lanes_load_some((const float *)table + at, left);
    const uint16_t *half = (const uint16_t *)table + at;
    return left >= LANES ? lanes_load_bf16(half) : lanes_load_part_bf16(half, left);
}

/* Up to `vectors` vectors of columns from `column` on, of one bag: their sums stay in registers. */
LANES_INLINE void sum_columns(const struct bags *bags, size_t bag, const void *table, enum dtype dtype, size_t column,
                              size_t vectors, size_t end, float *y)
{
    size_t columns = bags->columns, from = bag * bags->lookups, element = dtype == DTYPE_F32 ? 4 : 2;
    lanes sums[MOST_VECTORS];
#pragma GCC unroll 4
    for (size_t v = 0; v < vectors; v++)
        sums[v] = lanes_zero();
    for (size_t l = from; l < from + bags->lookups; l++) {
        if (column == 0 && l + AHEAD < end)
            prefetch((const char *)table + row_of(bags, l + AHEAD) * columns * element, columns * element);
        size_t row = row_of(bags, l) * columns + column;
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++)
            sums[v] += load(table, dtype, row + v * LANES, columns - column - v * LANES);
    }
#pragma GCC unroll 4
    for (size_t v = 0; v < vectors; v++)
        lanes_store_some(y + bag * columns + column + v * LANES, sums[v], columns - column - v * LANES);
}

LANES_INLINE void sum_bags(const struct bags *bags, const void *table, enum dtype dtype, float *y)
{
    size_t end = bags->last * bags->lookups;
    for (size_t b = bags->first; b < bags->last; b++)
        for (size_t c = 0, vectors; c < bags->columns; c += vectors * LANES) {
            vectors = least((bags->columns - c + LANES - 1) / LANES, MOST_VECTORS);
            if (vectors == 4)
                sum_columns(bags, b, table, dtype, c, 4, end, y);
            else if (vectors == 3)
                sum_columns(bags, b, table, dtype, c, 3, end, y);
            else if (vectors == 2)
                sum_columns(bags, b, table, dtype, c, 2, end, y);
            else
                sum_columns(bags, b, table, dtype, c, 1, end, y);
        }
}

static void bag_sum(const struct bags *bags, const void *table, enum dtype dtype, float *y)
{
    if (dtype == DTYPE_F32)
        sum_bags(bags, table, DTYPE_F32, y);
    else
        sum_bags(bags, table, DTYPE_BF16, y);
}

LANES_INLINE void add_row(const float *y, lanes factor, size_t columns, float *row, uint16_t *rounded)
{
    for (size_t c = 0; c < columns; c += LANES) {
        size_t left = columns - c;
        lanes value = lanes_fma(factor, lanes_load_some(y + c, left), lanes_load_some(row + c, left));
        lanes_store_some(row + c, value, left);
        if (rounded && left >= LANES)
            lanes_store_bf16(rounded + c, value);
        else if (rounded)
            lanes_store_part_bf16(rounded + c, value, left);
    }
}

static void bag_add(const struct bags *bags, const float *y, float factor, size_t part, size_t parts, float *table,
                    uint16_t *rounded)
{
    size_t columns = bags->columns, end = bags->last * bags->lookups;
    const uint32_t all = (uint32_t)parts, mine = (uint32_t)part;
    for (size_t b = bags->first; b < bags->last; b++)
        for (size_t l = b * bags->lookups; l < (b + 1) * bags->lookups; l++) {
            if (l + AHEAD < end) {
                size_t later = row_of(bags, l + AHEAD);
                if ((uint32_t)later % all == mine)
                    prefetch((const char *)(table + later * columns), columns * sizeof(float));
            }
            size_t row = row_of(bags, l);
            if ((uint32_t)row % all == mine)
                add_row(y + b * columns, lanes_set(factor), columns, table + row * columns,
                        rounded ? rounded + row * columns : NULL);
        }
}

const struct recommender_kernels VARIANT_NAME(recommender) = {
    .name = VARIANT_STRING,
    .bag_sum = bag_sum,
    .bag_add = bag_add,
    .interaction_workspace = VARIANT_NAME(interaction_workspace),
    .interact = VARIANT_NAME(interact),
    .interact_gradient = VARIANT_NAME(interact_gradient)};
