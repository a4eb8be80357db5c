/* The specification of quant_matrix.h: every weight dequantised, every product and sum in double precision. */
#include "models/kernels/elementwise.h"
#include "models/kernels/quant.h"
#include "models/kernels/quant_matrix.h"

static double x_at(const struct quant_matrix *matrix, size_t at)
{
    return matrix->x_dtype == DTYPE_BF16 ? (double)bf16_to_f32(((const uint16_t *)matrix->x)[at])
                                         : (double)((const float *)matrix->x)[at];
}

static void put(const struct quant_matrix *matrix, void *to, size_t at, float value)
{
    if (matrix->y_dtype == DTYPE_BF16)
        ((uint16_t *)to)[at] = f32_to_bf16(value);
    else
        ((float *)to)[at] = value;
}

/* Element k of row n of W, read a block at a time. */
static void read_block(const struct quant_matrix *matrix, const uint8_t *row, size_t k, float *block)
{
    if (matrix->weight_dtype == DTYPE_F16)
        *block = quant_f16(row + 2 * k);
    else
        dequantise_row(matrix->weight_dtype, row + dtype_bytes(matrix->weight_dtype, k), block,
                       dtype_info(matrix->weight_dtype)->block);
}

void quant_matrix_reference(const struct quant_matrix *matrix)
{
    const struct elementwise_kernels *kernels = &elementwise_kernels_plain;
    size_t row_bytes = dtype_bytes(matrix->weight_dtype, matrix->k), step = dtype_info(matrix->weight_dtype)->block;
    for (size_t n = 0; n < matrix->n; n++)
        for (size_t r = 0; r < matrix->rows; r++) {
            double sum = 0;
            for (size_t k = 0; k < matrix->k; k += step) {
                float block[QUANT_SUPER];
                read_block(matrix, (const uint8_t *)matrix->weight + n * row_bytes, k, block);
                for (size_t i = 0; i < step; i++)
                    sum += (double)block[i] * x_at(matrix, r * matrix->k + k + i);
            }
            float value = (float)(sum + (matrix->bias ? (double)matrix->bias[n] : 0));
            if (matrix->pre_activation)
                put(matrix, matrix->pre_activation, r * matrix->n + n, value);
            if (matrix->activation != ACTIVATION_NONE)
                kernels->activate(matrix->activation, &value, &value, 1);
            put(matrix, matrix->y, r * matrix->n + n, value);
        }
}
