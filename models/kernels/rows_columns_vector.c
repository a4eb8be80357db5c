/* Sums and affine maps down the columns of a matrix, on vectors; built once for each instruction set. See rows.h.
 * Eight rows are read side by side, so that the running sums are loaded and stored once for eight, and their rounding
 * grows with an eighth of the rows. */
#include "models/kernels/rows_variants.h"
#include "models/kernels/vector.h"

enum { GROUP = 8 };

void VECTOR_NAME(column_sums)(const float *x, float *sum, size_t rows, size_t columns, size_t row_stride)
{
    size_t r = 0;
    for (; r + GROUP <= rows; r += GROUP, x += GROUP * row_stride)
        for (size_t c = 0; c < columns; c += VECTOR_LANES) {
            size_t left = columns - c;
            vector part[2] = {vector_load_up_to(x + c, left), vector_load_up_to(x + row_stride + c, left)};
            for (size_t i = 2; i < GROUP; i++)
                part[i % 2] += vector_load_up_to(x + i * row_stride + c, left);
            vector_store_up_to(sum + c, vector_load_up_to(sum + c, left) + (part[0] + part[1]), left);
        }
    for (; r < rows; r++, x += row_stride)
        for (size_t c = 0; c < columns; c += VECTOR_LANES) {
            size_t left = columns - c;
            vector_store_up_to(sum + c, vector_load_up_to(sum + c, left) + vector_load_up_to(x + c, left), left);
        }
}

/* The moments of `group` rows at the columns from c. */
VECTOR_INLINE void moments_of(const float *x, const float *shift, float *sum, float *square, size_t group,
                              size_t columns, size_t c)
{
    size_t left = columns - c;
    const vector centre = shift ? vector_load_up_to(shift + c, left) : vector_zero();
    vector first = vector_zero(), second = vector_zero();
    for (size_t i = 0; i < group; i++) {
        vector value = vector_load_up_to(x + i * columns + c, left) - centre;
        first += value;
        second = vector_fma(value, value, second);
    }
    vector_store_up_to(sum + c, vector_load_up_to(sum + c, left) + first, left);
    vector_store_up_to(square + c, vector_load_up_to(square + c, left) + second, left);
}

void VECTOR_NAME(column_moments)(const float *x, const float *shift, float *sum, float *square, size_t rows,
                                 size_t columns)
{
    size_t r = 0;
    for (; r + GROUP <= rows; r += GROUP, x += GROUP * columns)
        for (size_t c = 0; c < columns; c += VECTOR_LANES)
            moments_of(x, shift, sum, square, GROUP, columns, c);
    for (; r < rows; r++, x += columns)
        for (size_t c = 0; c < columns; c += VECTOR_LANES)
            moments_of(x, shift, sum, square, 1, columns, c);
}

/* The products of `group` rows at the columns from c. */
VECTOR_INLINE void products_of(const float *a, const float *b, float *sum, size_t group, size_t columns, size_t c)
{
    size_t left = columns - c;
    vector part = vector_zero();
    for (size_t i = 0; i < group; i++)
        part = vector_fma(vector_load_up_to(a + i * columns + c, left), vector_load_up_to(b + i * columns + c, left),
                          part);
    vector_store_up_to(sum + c, vector_load_up_to(sum + c, left) + part, left);
}

void VECTOR_NAME(column_products)(const float *a, const float *b, float *sum, size_t rows, size_t columns)
{
    size_t r = 0;
    for (; r + GROUP <= rows; r += GROUP, a += GROUP * columns, b += GROUP * columns)
        for (size_t c = 0; c < columns; c += VECTOR_LANES)
            products_of(a, b, sum, GROUP, columns, c);
    for (; r < rows; r++, a += columns, b += columns)
        for (size_t c = 0; c < columns; c += VECTOR_LANES)
            products_of(a, b, sum, 1, columns, c);
}

VECTOR_INLINE void affine_rows(const float *x, const float *scale, const float *shift, int relu, float *y, size_t rows,
                               size_t columns)
{
    for (size_t r = 0; r < rows; r++, x += columns, y += columns)
        for (size_t c = 0; c < columns; c += VECTOR_LANES) {
            size_t left = columns - c;
            vector factor = vector_load_up_to(scale + c, left), offset = vector_load_up_to(shift + c, left);
            vector value = vector_fma(vector_load_up_to(x + c, left), factor, offset);
            vector_store_up_to(y + c, relu ? vector_max(vector_zero(), value) : value, left);
        }
}

void VECTOR_NAME(column_affine)(const float *x, const float *scale, const float *shift, int relu, float *y, size_t rows,
                                size_t columns)
{
    if (relu)
        affine_rows(x, scale, shift, 1, y, rows, columns);
    else
        affine_rows(x, scale, shift, 0, y, rows, columns);
}
