/* The recurrent weights' gradient, a sum over all steps of all sequences:
 *
 *     dW[j,k] = Σ_b Σ_{t>=1} left[b,t,j] · right[b,t−1,k]
 *
 * Each thread makes its own rows j, summing over all pairs in one order, so the result doesn't depend on the number of
 * threads. Pairs are taken in chunks that are copied into contiguous blocks, whatever the sequences' length. */
#ifndef KERNELS_RECURRENT_OUTER_H
#define KERNELS_RECURRENT_OUTER_H

#include "models/kernels/layout.h"
#include "models/kernels/tile.h"

enum { OUTER_PAIRS = 96, OUTER_ROWS = 64, OUTER_VECTORS = TILE_COLUMN_VECTORS };

struct outer {
    size_t batch, steps;
    const float *left;  /* [batch, steps, rows] */
    const float *right; /* [batch, steps, columns] */
    size_t rows, columns;
    float *sum; /* [rows, columns], overwritten */
};

/* Floats of a thread's workspace: the left pairs [blocks of rows][pairs][64], a right panel [pairs][vectors], and the
 * sums of its rows with whole vectors. */
LANES_INLINE size_t outer_left_floats(const struct outer *o)
{
    return OUTER_PAIRS * round_up(o->rows, OUTER_ROWS);
}

LANES_INLINE size_t outer_right_floats(void)
{
    return OUTER_PAIRS * OUTER_VECTORS * LANES;
}

LANES_INLINE size_t outer_floats(const struct outer *o)
{
    return outer_left_floats(o) + outer_right_floats() + OUTER_ROWS * OUTER_VECTORS * LANES;
}

/* Columns [column, column + columns) of pairs [from, from + count), shifted by `later` steps, to rows of to_row. */
static void outer_gather(const struct outer *o, const float *matrix, size_t width, size_t later, size_t from,
                         size_t count, size_t column, size_t columns, float *to, size_t to_row)
{
    size_t pairs = o->steps - 1;
    for (size_t r = from, n; r < from + count; r += n) {
        size_t b = r / pairs, t = r % pairs;
        n = least(from + count - r, pairs - t);
        pack_rows(matrix + (b * o->steps + t + later) * width + column, DTYPE_F32, width, n, n, columns,
                  to + (r - from) * to_row, to_row);
    }
}

/* One block of rows times one panel of columns, added to what earlier chunks of pairs gave. */
static void outer_block(const struct outer *o, const float *left, const float *right, size_t row, size_t rows,
                        size_t column, size_t columns, size_t count, bool add, float *block)
{
    size_t vectors = (columns + LANES - 1) / LANES, panel = OUTER_VECTORS * LANES;
    float *sum = o->sum + row * o->columns + column;
    if (columns % LANES == 0) {
        product_by_column(rows, vectors, left, OUTER_ROWS, right, panel, count, sum, o->columns, add);
        return;
    }
    if (add)
        pack_rows(sum, DTYPE_F32, o->columns, rows, rows, columns, block, panel);
    product_by_column(rows, vectors, left, OUTER_ROWS, right, panel, count, block, panel, add);
    for (size_t i = 0; i < rows; i++)
        unpack_row(block + i * panel, 1, sum + i * o->columns, DTYPE_F32, columns);
}

/* Rows [from, to) of the sum. */
static void outer_run(const struct outer *o, size_t from, size_t to, float *workspace)
{
    float *left = workspace, *right = left + outer_left_floats(o), *block = right + outer_right_floats();
    size_t all = o->steps > 1 ? o->batch * (o->steps - 1) : 0;
    if (!all || from == to) {
        for (size_t i = from * o->columns; i < to * o->columns; i++)
            o->sum[i] = 0;
        return;
    }
    for (size_t pair = 0, count; pair < all; pair += count) {
        count = least(OUTER_PAIRS, all - pair);
        for (size_t j = from; j < to; j += OUTER_ROWS)
            outer_gather(o, o->left, o->rows, 1, pair, count, j, least(OUTER_ROWS, to - j),
                         left + (j - from) * OUTER_PAIRS, OUTER_ROWS);
        for (size_t k = 0, columns; k < o->columns; k += columns) {
            columns = least(OUTER_VECTORS * LANES, o->columns - k);
            outer_gather(o, o->right, o->columns, 0, pair, count, k, columns, right, OUTER_VECTORS * LANES);
            for (size_t j = from; j < to; j += OUTER_ROWS)
                outer_block(o, left + (j - from) * OUTER_PAIRS, right, j, least(OUTER_ROWS, to - j), k, columns, count,
                            pair > 0, block);
        }
    }
}

#endif
