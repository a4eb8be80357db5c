/* The specification of gemm.h: every element's sum in double, straight from the definitions. */
#include <math.h>

#include "models/kernels/gemm_kernel.h"

static double element(const struct operand *operand, size_t at)
{
    return operand->dtype == DTYPE_BF16 ? (double)bf16_to_f32(((const uint16_t *)operand->data)[at])
                                        : (double)((const float *)operand->data)[at];
}

/* Column (kernel_row, kernel_column, channel) of the patch at row (image, y, x). */
static double patch_element(const struct operand *operand, size_t row, size_t column)
{
    const struct conv_shape *conv = operand->conv;
    bool transposed = operand->kind == OPERAND_PATCHES_TRANSPOSED;
    size_t channel = operand->channel_offset + column % operand->channel_count;
    size_t tap = column / operand->channel_count;
    ptrdiff_t kernel_y = (ptrdiff_t)(tap / conv->kernel_width * conv->dilation_height);
    ptrdiff_t kernel_x = (ptrdiff_t)(tap % conv->kernel_width * conv->dilation_width);
    ptrdiff_t stride_y = (ptrdiff_t)conv->stride_height, stride_x = (ptrdiff_t)conv->stride_width;
    size_t rows_high = transposed ? conv->height : conv->out_height;
    size_t rows_wide = transposed ? conv->width : conv->out_width;
    ptrdiff_t x = (ptrdiff_t)(row % rows_wide), y = (ptrdiff_t)(row / rows_wide % rows_high);
    size_t image = row / rows_wide / rows_high;
    if (!transposed) {
        y = y * stride_y - (ptrdiff_t)conv->pad_top + kernel_y;
        x = x * stride_x - (ptrdiff_t)conv->pad_left + kernel_x;
    } else { /* y = oh · stride − pad + kernel_y, solved for oh */
        y += (ptrdiff_t)conv->pad_top - kernel_y;
        x += (ptrdiff_t)conv->pad_left - kernel_x;
        if (y < 0 || x < 0 || y % stride_y || x % stride_x)
            return 0;
        y /= stride_y;
        x /= stride_x;
    }
    size_t height = transposed ? conv->out_height : conv->height, width = transposed ? conv->out_width : conv->width;
    size_t channels = transposed ? conv->out_channels : conv->channels;
    if (y < 0 || x < 0 || (size_t)y >= height || (size_t)x >= width)
        return 0;
    return element(operand, ((image * height + (size_t)y) * width + (size_t)x) * channels + channel);
}

static double operand_element(const struct operand *operand, size_t i, size_t j)
{
    size_t row = operand->transposed ? j : i, column = operand->transposed ? i : j;
    return operand->kind == OPERAND_MATRIX ? element(operand, row * operand->row_stride + column)
                                           : patch_element(operand, row, column);
}

static double clamp(double x, double most)
{
    return x < 0 ? 0 : x > most ? most : x;
}

static double activate(enum activation activation, double x)
{
    switch (activation) {
    case ACTIVATION_RELU:
        return x > 0 ? x : x != x ? x : 0;
    case ACTIVATION_GELU:
        return x * 0.5 * erfc(-x * M_SQRT1_2);
    case ACTIVATION_GELU_TANH:
        return 0.5 * x * (1 + tanh(M_2_SQRTPI * M_SQRT1_2 * (x + 0.044715 * x * x * x)));
    case ACTIVATION_SILU:
        return x / (1 + exp(-x));
    case ACTIVATION_TANH:
        return tanh(x);
    case ACTIVATION_SIGMOID:
        return 1 / (1 + exp(-x));
    case ACTIVATION_RELU6:
        return clamp(x, 6);
    case ACTIVATION_HARD_SIGMOID:
        return clamp(x / 6 + 0.5, 1);
    case ACTIVATION_HARD_SWISH:
        return x * clamp(x / 6 + 0.5, 1);
    case ACTIVATION_QUICK_GELU:
        return x / (1 + exp(-1.702 * x));
    default:
        return x;
    }
}

static double stored(const struct gemm *gemm, const void *matrix, size_t at)
{
    return gemm->c_dtype == DTYPE_BF16 ? (double)bf16_to_f32(((const uint16_t *)matrix)[at])
                                       : (double)((const float *)matrix)[at];
}

static void store(const struct gemm *gemm, void *matrix, size_t at, double value)
{
    if (gemm->c_dtype == DTYPE_BF16)
        ((uint16_t *)matrix)[at] = f32_to_bf16((float)value);
    else
        ((float *)matrix)[at] = (float)value;
}

void gemm_reference(const struct gemm *gemm)
{
    for (size_t i = 0; i < gemm->m; i++)
        for (size_t j = 0; j < gemm->n; j++) {
            double sum = 0;
            for (size_t p = 0; p < gemm->k; p++)
                sum += operand_element(&gemm->a, i, p) * operand_element(&gemm->b, p, j);
            size_t at = i * gemm->c_row_stride + j;
            sum += gemm->bias ? (double)gemm->bias[j] : 0;
            sum += gemm->accumulate ? stored(gemm, gemm->c, at) : 0;
            if (gemm->pre_activation)
                store(gemm, gemm->pre_activation, at, sum);
            store(gemm, gemm->c, at, activate(gemm->activation, sum));
        }
}
