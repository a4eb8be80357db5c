/* Bringing matrices into the layout that register tiles want (tile.h): f32, whole vectors in a row, transposed. */
#ifndef KERNELS_LAYOUT_H
#define KERNELS_LAYOUT_H

#include "harness/base/sizes.h"
#include "models/graph/dtype.h"
#include "models/kernels/lanes.h"

enum { LINE_FLOATS = 16 }; /* floats in a cache line */

/* Keeps `count` floats in a workspace whose first free one is *total; returns where they start. */
LANES_INLINE size_t reserve(size_t *total, size_t count)
{
    size_t start = *total;
    *total += round_up(count, LINE_FLOATS);
    return start;
}

/* Where element `index` of rows of any type starts; of a q8_0 it begins a block. */
LANES_INLINE const void *element_at(const void *data, enum dtype dtype, size_t index)
{
    size_t bytes = dtype == DTYPE_F32 ? 4 * index : dtype == DTYPE_Q8_0 ? index / 32 * 34 : 2 * index;
    return (const char *)data + bytes;
}

/* The vector from element c of a row of any type, which begins a block; zeros after its `columns`. */
LANES_INLINE lanes load_row(const void *row, enum dtype dtype, size_t c, size_t columns)
{
    size_t left = columns - c;
    if (dtype == DTYPE_F32)
        return lanes_load_some((const float *)row + c, left);
    const uint16_t *half = (const uint16_t *)row + c;
    if (dtype == DTYPE_BF16)
        return left >= LANES ? lanes_load_bf16(half) : lanes_load_part_bf16(half, left);
    if (dtype == DTYPE_F16)
        return left >= LANES ? lanes_load_f16(half) : lanes_load_part_f16(half, left);
    const char *block = element_at(row, DTYPE_Q8_0, c);
    uint16_t scale;
    memcpy(&scale, block, sizeof scale);
    return lanes_load_i8((const int8_t *)block + 2 + c % 32) * f16_to_f32(scale);
}

LANES_INLINE void pack_rows_of(enum dtype dtype, const void *from, size_t stride, size_t rows, size_t columns,
                               float *to, size_t to_row)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c += LANES)
            lanes_store(to + r * to_row + c, load_row(element_at(from, dtype, r * stride), dtype, c, columns));
}

/* Rows of any type and stride to f32 rows of `to_row` (a multiple of LANES), zeros after the last column and up to
 * `padded_rows` after the last row. */
static inline __attribute__((unused)) void pack_rows(const void *from, enum dtype dtype, size_t stride, size_t rows,
                                                     size_t padded_rows, size_t columns, float *to, size_t to_row)
{
    if (dtype == DTYPE_F32)
        pack_rows_of(DTYPE_F32, from, stride, rows, columns, to, to_row);
    else if (dtype == DTYPE_BF16)
        pack_rows_of(DTYPE_BF16, from, stride, rows, columns, to, to_row);
    else if (dtype == DTYPE_F16)
        pack_rows_of(DTYPE_F16, from, stride, rows, columns, to, to_row);
    else
        pack_rows_of(DTYPE_Q8_0, from, stride, rows, columns, to, to_row);
    if (padded_rows > rows)
        memset(to + rows * to_row, 0, (padded_rows - rows) * to_row * sizeof *to);
}

/* A row of f32, multiplied, to `columns` elements of any type. */
static inline __attribute__((unused)) void unpack_row(const float *from, float factor, void *to, enum dtype dtype,
                                                      size_t columns)
{
    size_t whole = columns / LANES * LANES;
    for (size_t c = 0; c < columns; c += LANES) {
        lanes x = lanes_load(from + c) * factor;
        if (dtype == DTYPE_BF16 && c < whole)
            lanes_store_bf16((uint16_t *)to + c, x);
        else if (dtype == DTYPE_BF16)
            lanes_store_part_bf16((uint16_t *)to + c, x, columns - c);
        else if (c < whole)
            lanes_store((float *)to + c, x);
        else
            lanes_store_part((float *)to + c, x, columns - c);
    }
}

/* to[c,r] = factor · from[r,c]; rows and from_row are multiples of LANES, to has room for from_row rows. */
static inline __attribute__((unused)) void transpose(const float *from, size_t from_row, size_t rows, size_t columns,
                                                     float factor, float *to, size_t to_row)
{
    for (size_t r = 0; r < rows; r += LANES)
        for (size_t c = 0; c < columns; c += 4) {
            const float *x = from + r * from_row + c;
            lanes square[4];
            for (size_t i = 0; i < 4; i++)
                square[i] = lanes_load_fours(x + i * from_row, 4 * from_row);
            lanes_transpose_fours(square);
            for (size_t i = 0; i < 4; i++)
                lanes_store(to + (c + i) * to_row + r, square[i] * factor);
        }
}

#endif
