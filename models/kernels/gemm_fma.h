/* The f32 kernel for any machine whose vectors have LANES floats: a tile of TALL × (WIDE_VECTORS · LANES) sums lives in
 * registers while a column of the tall panel is broadcast against a row of the wide one. Included by one file per
 * instruction set, which defines LANES, TALL, WIDE_VECTORS, DEPTH and KERNEL (the struct's name) beforehand. bf16
 * operands are widened while they are packed.
 *
 * Wide panel: [depth, WIDE]. Tall panel: [TALL, TALL_STRIDE] from a deep block, [depth, TALL] otherwise; both are plain
 * copies, so only a deep wide side has to be transposed. */
#include <string.h>

#include "models/kernels/gemm_kernel.h"
#include "models/kernels/gemm_transpose.h"

#define WIDE (WIDE_VECTORS * LANES)
#define TALL_STRIDE (DEPTH + 16) /* rows must not fall on the same cache sets */

static inline __attribute__((always_inline)) void sum_products(size_t depth, size_t row, size_t step, const float *tall,
                                                               const float *wide, float *sums, bool add)
{
    vector sum[TALL][WIDE_VECTORS];
#pragma GCC unroll 16
    for (int i = 0; i < TALL; i++)
#pragma GCC unroll 4
        for (int j = 0; j < WIDE_VECTORS; j++)
            sum[i][j] = (vector){0};
    for (size_t p = 0; p < depth; p++) {
        vector x[WIDE_VECTORS];
#pragma GCC unroll 4
        for (int j = 0; j < WIDE_VECTORS; j++)
            x[j] = *(const vector *)(wide + p * WIDE + (size_t)j * LANES);
#pragma GCC unroll 16
        for (size_t i = 0; i < TALL; i++)
#pragma GCC unroll 4
            for (int j = 0; j < WIDE_VECTORS; j++)
                sum[i][j] += tall[i * row + p * step] * x[j];
    }
#pragma GCC unroll 16
    for (int i = 0; i < TALL; i++)
#pragma GCC unroll 4
        for (int j = 0; j < WIDE_VECTORS; j++) {
            vector *to = (vector *)(sums + (size_t)i * WIDE + (size_t)j * LANES);
            *to = add ? *to + sum[i][j] : sum[i][j];
        }
}

static void multiply(size_t depth, bool deep, const void *tall, const void *wide, float *sums, bool add)
{
    if (deep)
        sum_products(depth, TALL_STRIDE, 1, tall, wide, sums, add);
    else
        sum_products(depth, 1, TALL, tall, wide, sums, add);
}

/* to[0..count) = from as f32, zeros up to `width`. */
static inline void copy_row(enum dtype dtype, const void *from, size_t at, size_t count, float *to, size_t width)
{
    if (dtype == DTYPE_F32) {
        memcpy(to, (const float *)from + at, count * sizeof *to);
    } else {
        const uint16_t *narrow = (const uint16_t *)from + at;
        for (size_t i = 0; i < count; i++)
            to[i] = bf16_to_f32(narrow[i]);
    }
    for (size_t i = count; i < width; i++)
        to[i] = 0;
}

static bool pack_tall(const struct gemm_block *block, void *panel)
{
    float *to = panel;
    if (block->deep) {
        for (size_t i = 0; i < block->rows; i++)
            copy_row(block->dtype, block->data, i * block->stride, block->depth, to + i * TALL_STRIDE, block->depth);
        for (size_t i = block->rows; i < TALL; i++)
            memset(to + i * TALL_STRIDE, 0, block->depth * sizeof *to);
        return true;
    }
    if (block->dtype == DTYPE_F32 && block->rows == TALL) {
        const float *from = block->data;
        for (size_t p = 0; p < block->depth; p++)
            memcpy(to + p * TALL, from + p * block->stride, TALL * sizeof *to);
        return true;
    }
    for (size_t p = 0; p < block->depth; p++)
        copy_row(block->dtype, block->data, p * block->stride, block->rows, to + p * TALL, TALL);
    return true;
}

static inline vector load_row(enum dtype dtype, const void *from, size_t at, size_t count)
{
    if (dtype == DTYPE_F32 && count >= LANES)
        return *(const vector_anywhere *)((const float *)from + at);
    float row[LANES] __attribute__((aligned(64)));
    copy_row(dtype, from, at, count < LANES ? count : LANES, row, LANES);
    return *(const vector *)row;
}

static bool pack_wide(const struct gemm_block *block, void *panel)
{
    float *to = panel;
    if (block->deep) {
        for (size_t j = 0; j < WIDE; j += LANES)
            for (size_t p = 0; p < block->depth; p += LANES) {
                vector rows[LANES];
                for (size_t i = 0; i < LANES; i++)
                    rows[i] = j + i < block->rows
                                  ? load_row(block->dtype, block->data, (j + i) * block->stride + p, block->depth - p)
                                  : (vector){0};
                transpose_square(rows);
                for (size_t i = 0; i < LANES; i++) /* the panel has room for whole squares */
                    *(vector *)(to + (p + i) * WIDE + j) = rows[i];
            }
        return true;
    }
    if (block->dtype == DTYPE_F32 && block->rows == WIDE) {
        const float *from = block->data;
        for (size_t p = 0; p < block->depth; p++)
            for (size_t j = 0; j < WIDE; j += LANES)
                *(vector *)(to + p * WIDE + j) = *(const vector_anywhere *)(from + p * block->stride + j);
        return true;
    }
    for (size_t p = 0; p < block->depth; p++)
        copy_row(block->dtype, block->data, p * block->stride, block->rows, to + p * WIDE, WIDE);
    return true;
}

static void turn(const float *from, size_t rows, float *to, size_t to_stride)
{
    for (size_t i = 0; i < rows; i += LANES)
        for (size_t j = 0; j < WIDE; j += LANES) {
            vector square[LANES];
            for (size_t r = 0; r < LANES; r++)
                square[r] = i + r < rows ? *(const vector *)(from + (i + r) * WIDE + j) : (vector){0};
            transpose_square(square);
            for (size_t r = 0; r < LANES; r++)
                *(vector_anywhere *)(to + (j + r) * to_stride + i) = square[r];
        }
}

#include "models/kernels/gemm_epilogue.h"
#include "models/kernels/gemm_skinny.h"

#define PANEL_BYTES(floats) (((floats) * sizeof(float) + 63) / 64 * 64)

const struct gemm_kernel KERNEL = {
    .name = KERNEL_NAME,
    .tall = TALL,
    .wide = WIDE,
    .depth = DEPTH,
    .tall_bytes = PANEL_BYTES(TALL * TALL_STRIDE),
    .wide_bytes = PANEL_BYTES(DEPTH * WIDE),
    .tall_slice_bytes = GEMM_SLICE * TALL * sizeof(float),
    .wide_slice_bytes = GEMM_SLICE * WIDE * sizeof(float),
    .scale = 1,
    .speed = KERNEL_SPEED,
    .tall_turn = 0,
    .wide_turn = 5.0f / LANES,
    .pack_tall = pack_tall,
    .pack_wide = pack_wide,
    .multiply = multiply,
    .turn = turn,
    .finish = finish_values,
    .dot = dot,
    .dot_most = 16,
};
