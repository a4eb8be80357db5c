/* From an operand to the rectangles that packers take. A matrix is pointed at where it lies. The patches of a
 * convolution are gathered (im2col; Chellapilla et al. 2006), but only one panel of them at a time, into a buffer that
 * stays in cache. */
#include <string.h>

#include "models/kernels/gemm_kernel.h"
#include "models/kernels/quant_unpack.h"

enum { BATCH = 32 }; /* rows of patches whose pixels are worked out together */

/* A described row's place: the pixel that tap (0,0) falls on, before bounds and strides are looked at. */
struct pixel {
    const char *image;
    ptrdiff_t row, column;
};

/* Consecutive columns of one tap: the same (kernel_row, kernel_column), channels side by side. */
struct run {
    ptrdiff_t row_offset, column_offset;
    size_t channel, count;
};

struct geometry {
    const struct conv_shape *conv;
    bool transposed;       /* PATCHES_TRANSPOSED: the image is the output's gradient */
    size_t height, width;  /* of the image */
    size_t pixel_elements; /* channels of the image */
    size_t element_bytes;
};

static struct geometry geometry_of(const struct operand *operand)
{
    const struct conv_shape *conv = operand->conv;
    bool transposed = operand->kind == OPERAND_PATCHES_TRANSPOSED;
    return (struct geometry){
        .conv = conv,
        .transposed = transposed,
        .height = transposed ? conv->out_height : conv->height,
        .width = transposed ? conv->out_width : conv->width,
        .pixel_elements = transposed ? conv->out_channels : conv->channels,
        .element_bytes = operand->dtype == DTYPE_BF16 ? 2 : 4,
    };
}

/* The pixels of described rows row, row + 1, ...: (n, oh, ow) of the output, or (n, h, w) of the input. */
static void find_pixels(const struct operand *operand, const struct geometry *geometry, size_t row, size_t rows,
                        struct pixel *pixels)
{
    const struct conv_shape *conv = geometry->conv;
    size_t height = geometry->transposed ? conv->height : conv->out_height;
    size_t width = geometry->transposed ? conv->width : conv->out_width;
    size_t x = row % width, y = row / width % height, n = row / width / height;
    size_t image_bytes = geometry->height * geometry->width * geometry->pixel_elements * geometry->element_bytes;
    const char *image = (const char *)operand->data + operand->channel_offset * geometry->element_bytes;
    for (size_t i = 0; i < rows; i++) {
        pixels[i].image = image + n * image_bytes;
        if (geometry->transposed) {
            pixels[i].row = (ptrdiff_t)(y + conv->pad_top);
            pixels[i].column = (ptrdiff_t)(x + conv->pad_left);
        } else {
            pixels[i].row = (ptrdiff_t)(y * conv->stride_height) - (ptrdiff_t)conv->pad_top;
            pixels[i].column = (ptrdiff_t)(x * conv->stride_width) - (ptrdiff_t)conv->pad_left;
        }
        if (++x == width) {
            x = 0;
            if (++y == height) {
                y = 0;
                n++;
            }
        }
    }
}

/* Where a tap of that pixel lies in the image, or NULL when it falls on padding or, transposed, between strides. */
static inline const char *tap_address(const struct geometry *geometry, const struct pixel *pixel, const struct run *run)
{
    ptrdiff_t y, x;
    if (geometry->transposed) {
        y = pixel->row - run->row_offset;
        x = pixel->column - run->column_offset;
        if (y < 0 || x < 0)
            return NULL;
        const struct conv_shape *conv = geometry->conv;
        if (conv->stride_height > 1) {
            if ((size_t)y % conv->stride_height)
                return NULL;
            y /= (ptrdiff_t)conv->stride_height;
        }
        if (conv->stride_width > 1) {
            if ((size_t)x % conv->stride_width)
                return NULL;
            x /= (ptrdiff_t)conv->stride_width;
        }
    } else {
        y = pixel->row + run->row_offset;
        x = pixel->column + run->column_offset;
    }
    if ((size_t)y >= geometry->height || (size_t)x >= geometry->width)
        return NULL;
    size_t at = ((size_t)y * geometry->width + (size_t)x) * geometry->pixel_elements + run->channel;
    return pixel->image + at * geometry->element_bytes;
}

static void gather_run(const struct geometry *geometry, const struct pixel *pixels, size_t rows, const struct run *run,
                       char *to, size_t to_stride_bytes)
{
    size_t bytes = run->count * geometry->element_bytes;
    for (size_t i = 0; i < rows; i++, to += to_stride_bytes) {
        const char *from = tap_address(geometry, &pixels[i], run);
        if (!from)
            memset(to, 0, bytes);
        else if (bytes == 4)
            memcpy(to, from, 4);
        else if (bytes % 64 == 0)
            for (size_t b = 0; b < bytes; b += 64)
                memcpy(to + b, from + b, 64);
        else
            memcpy(to, from, bytes);
    }
}

/* The rectangle (row.., column..) of the described matrix, into to [rows, to_stride]. */
static void gather(const struct operand *operand, size_t row, size_t rows, size_t column, size_t columns, char *to,
                   size_t to_stride)
{
    struct geometry geometry = geometry_of(operand);
    const struct conv_shape *conv = operand->conv;
    size_t channels = operand->channel_count, to_stride_bytes = to_stride * geometry.element_bytes;
    for (size_t i = 0; i < rows; i += BATCH) {
        struct pixel pixels[BATCH];
        size_t batch = rows - i < BATCH ? rows - i : BATCH;
        find_pixels(operand, &geometry, row + i, batch, pixels);
        size_t tap = column / channels, channel = column % channels;
        for (size_t done = 0; done < columns;) {
            struct run run = {
                .row_offset = (ptrdiff_t)(tap / conv->kernel_width * conv->dilation_height),
                .column_offset = (ptrdiff_t)(tap % conv->kernel_width * conv->dilation_width),
                .channel = channel,
                .count = channels - channel < columns - done ? channels - channel : columns - done,
            };
            gather_run(&geometry, pixels, batch, &run, to + i * to_stride_bytes + done * geometry.element_bytes,
                       to_stride_bytes);
            done += run.count;
            channel = 0;
            tap++;
        }
    }
}

/* Rows of a staging buffer are kept off each other's cache sets. */
static size_t staging_stride(bool deep, size_t rows, size_t depth)
{
    return (deep ? depth : rows) + 32;
}

size_t gemm_staging_bytes(const struct operand *operand, size_t rows, size_t depth)
{
    if (operand->kind == OPERAND_MATRIX)
        return 0;
    size_t deep = staging_stride(true, rows, depth) * rows, flat = staging_stride(false, rows, depth) * depth;
    return ((deep > flat ? deep : flat) * 4 + 63) / 64 * 64;
}

struct gemm_block gemm_operand_block(const struct operand *operand, bool deep, size_t row, size_t rows, size_t k,
                                     size_t depth, void *staging)
{
    struct gemm_block block = {.dtype = operand->dtype, .deep = deep, .rows = rows, .depth = depth};
    size_t first_row = deep ? row : k, first_column = deep ? k : row;
    if (operand->kind == OPERAND_MATRIX) {
        size_t element_bytes = operand->dtype == DTYPE_BF16 ? 2 : 4;
        block.data = (const char *)operand->data + (first_row * operand->row_stride + first_column) * element_bytes;
        block.stride = operand->row_stride;
        return block;
    }
    block.data = staging;
    block.stride = staging_stride(deep, rows, depth);
    if (operand->kind == OPERAND_QUANTISED) {
        size_t row_bytes = dtype_bytes(operand->stored, operand->row_stride);
        for (size_t r = 0; r < rows; r++)
            quant_unpack_bf16(operand->stored, (const uint8_t *)operand->data + (row + r) * row_bytes, k, depth,
                              (uint16_t *)staging + r * block.stride, QUANT_RUN);
        return block;
    }
    gather(operand, first_row, deep ? rows : depth, first_column, deep ? depth : rows, staging, block.stride);
    return block;
}
