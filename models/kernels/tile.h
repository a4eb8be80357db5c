/* Small matrix products held in registers: what attention and recurrent cells spend their time in.
 *
 *     C[i,j] (+)= Σ_k A(i,k) · B[k,j],   j in whole vectors
 *
 * B's rows lie b_row apart, C's c_row. A comes in two forms: `by_row`, whose sum runs along memory (A[i·a_row + k]),
 * and `by_column`, which is given transposed (A[k·a_row + i]). Each call splits its shape into register tiles; the
 * loop over k then holds nothing but loads and multiply-adds. Nothing here is blocked for a cache: callers do that. */
#ifndef KERNELS_TILE_H
#define KERNELS_TILE_H

#include <stdbool.h>

#include "models/kernels/lanes.h"

/* Tiles that leave registers for a row of B and a broadcast: 32 vector registers, or 16. */
#if defined(__AVX512F__) || defined(__aarch64__)
enum { TILE_ROWS = 6, TILE_VECTORS = 4, TILE_COLUMN_ROWS = 4, TILE_COLUMN_VECTORS = 4 };
#else
enum { TILE_ROWS = 6, TILE_VECTORS = 2, TILE_COLUMN_ROWS = 4, TILE_COLUMN_VECTORS = 3 };
#endif

LANES_INLINE void tile_multiply(size_t rows, size_t vectors, const float *a, size_t a_row, size_t a_column,
                                const float *b, size_t b_row, size_t depth, float *c, size_t c_row, bool add)
{
    lanes sum[6][4];
#pragma GCC unroll 6
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++)
            sum[i][v] = add ? lanes_load(c + i * c_row + v * LANES) : lanes_zero();
    for (size_t k = 0; k < depth; k++) {
        lanes right[4];
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++)
            right[v] = lanes_load(b + k * b_row + v * LANES);
#pragma GCC unroll 6
        for (size_t i = 0; i < rows; i++) {
            lanes left = lanes_set(a[i * a_row + k * a_column]);
#pragma GCC unroll 4
            for (size_t v = 0; v < vectors; v++)
                sum[i][v] = lanes_fma(left, right[v], sum[i][v]);
        }
    }
#pragma GCC unroll 6
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++)
            lanes_store(c + i * c_row + v * LANES, sum[i][v]);
}

#define TILE_CASE(r, v, a_row, a_column)                                                                               \
    case (r)*8 + (v):                                                                                                  \
        tile_multiply(r, v, a, a_row, a_column, b, b_row, depth, c, c_row, add);                                       \
        break;
#define TILE_CASES(r, a_row, a_column)                                                                                 \
    TILE_CASE(r, 1, a_row, a_column)                                                                                   \
    TILE_CASE(r, 2, a_row, a_column) TILE_CASE(r, 3, a_row, a_column) TILE_CASE(r, 4, a_row, a_column)

/* rows <= TILE_ROWS, vectors <= TILE_VECTORS */
static __attribute__((noinline, unused)) void tile_by_row(size_t rows, size_t vectors, const float *a, size_t a_row,
                                                          const float *b, size_t b_row, size_t depth, float *c,
                                                          size_t c_row, bool add)
{
    switch (rows * 8 + vectors) {
        TILE_CASES(1, a_row, 1)
        TILE_CASES(2, a_row, 1)
        TILE_CASES(3, a_row, 1)
        TILE_CASES(4, a_row, 1)
        TILE_CASES(5, a_row, 1)
        TILE_CASES(6, a_row, 1)
    }
}

/* rows <= TILE_COLUMN_ROWS, vectors <= TILE_COLUMN_VECTORS */
static __attribute__((noinline, unused)) void tile_by_column(size_t rows, size_t vectors, const float *a, size_t a_row,
                                                             const float *b, size_t b_row, size_t depth, float *c,
                                                             size_t c_row, bool add)
{
    switch (rows * 8 + vectors) {
        TILE_CASES(1, 1, a_row)
        TILE_CASES(2, 1, a_row)
        TILE_CASES(3, 1, a_row)
        TILE_CASES(4, 1, a_row)
    }
}

/* The next tile's width when `left` vectors remain: equal widths rather than a wide one and a sliver. */
LANES_INLINE size_t tile_width(size_t left, size_t most)
{
    size_t tiles = (left + most - 1) / most;
    return (left + tiles - 1) / tiles;
}

/* Any number of rows and vectors. */
static __attribute__((unused)) void product_by_row(size_t rows, size_t vectors, const float *a, size_t a_row,
                                                   const float *b, size_t b_row, size_t depth, float *c, size_t c_row,
                                                   bool add)
{
    for (size_t v = 0, width; v < vectors; v += width) {
        width = tile_width(vectors - v, TILE_VECTORS);
        for (size_t i = 0, height; i < rows; i += height) {
            height = rows - i < TILE_ROWS ? rows - i : TILE_ROWS;
            tile_by_row(height, width, a + i * a_row, a_row, b + v * LANES, b_row, depth, c + i * c_row + v * LANES,
                        c_row, add);
        }
    }
}

static __attribute__((unused)) void product_by_column(size_t rows, size_t vectors, const float *a, size_t a_row,
                                                      const float *b, size_t b_row, size_t depth, float *c,
                                                      size_t c_row, bool add)
{
    for (size_t v = 0, width; v < vectors; v += width) {
        width = tile_width(vectors - v, TILE_COLUMN_VECTORS);
        for (size_t i = 0, height; i < rows; i += height) {
            height = rows - i < TILE_COLUMN_ROWS ? rows - i : TILE_COLUMN_ROWS;
            tile_by_column(height, width, a + i, a_row, b + v * LANES, b_row, depth, c + i * c_row + v * LANES, c_row,
                           add);
        }
    }
}

#endif
