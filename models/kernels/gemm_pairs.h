/* Panels of bf16 in pairs of neighbouring k, as TDPBF16PS and VDPBF16PS multiply them: for each 32 of k, for each half
 * of the panel's 32 rows, 16 lines of 64 bytes. A tall line is a row's 32 k; a wide line is two k of 16 rows,
 * interleaved. Included by the kernel files that multiply such panels. */
#ifndef KERNELS_GEMM_PAIRS_H
#define KERNELS_GEMM_PAIRS_H

#include <immintrin.h>

#include "models/kernels/amx_tiles.h"
#include "models/kernels/gemm_kernel.h"
#include "models/kernels/quant_unpack.h"

#define LANES 16
#include "models/kernels/gemm_transpose.h"

enum { ROWS = 32, BF16_DEPTH = 256 };

static inline __attribute__((always_inline)) void store_tile(const __m512i lines[LINES], bool transposed, __m512i *to)
{
    vector rows[LINES];
    for (int i = 0; i < LINES; i++)
        rows[i] = (vector)lines[i];
    if (transposed)
        transpose_square(rows);
    for (int i = 0; i < LINES; i++)
        _mm512_store_si512(to + i, (__m512i)rows[i]);
}

/* The lines of 16 rows from `row`, 32 k from `k`: copied or interleaved. */
static inline void copy_lines(const struct gemm_block *block, size_t row, size_t k, __m512i lines[LINES])
{
    const uint16_t *from = block->data;
    size_t rows = block->rows > row ? block->rows - row : 0, depth = block->depth - k;
    for (size_t i = 0; i < LINES; i++) {
        lines[i] = _mm512_setzero_si512();
        if (block->deep && i < rows) {
            const uint16_t *line = from + (row + i) * block->stride + k;
            lines[i] = depth >= STEP ? _mm512_loadu_si512(line)
                                     : _mm512_maskz_loadu_epi16((__mmask32)((1u << depth) - 1), line);
        } else if (!block->deep && 2 * i < depth) {
            size_t at = (k + 2 * i) * block->stride + row;
            lines[i] = load_16_bf16(from, at, rows);
            if (2 * i + 1 < depth)
                lines[i] =
                    _mm512_or_si512(lines[i], _mm512_slli_epi32(load_16_bf16(from, at + block->stride, rows), 16));
        }
    }
}

/* A whole panel whose lines lie in memory as they are wanted. */
static void copy_whole(const struct gemm_block *block, __m512i *to)
{
    for (size_t half = 0; half < 2; half++)
        for (size_t i = 0; i < LINES; i++) {
            const uint16_t *from = (const uint16_t *)block->data + (half * LINES + i) * block->stride;
            for (size_t k = 0; k < block->depth; k += STEP)
                _mm512_store_si512(to + (k / STEP * 2 + half) * LINES + i, _mm512_loadu_si512(from + k));
        }
}

static inline __attribute__((always_inline)) bool copy_panel(const struct gemm_block *block, void *panel, bool wide)
{
    __m512i *to = panel;
    if (!wide && block->deep && block->rows == ROWS && block->depth % STEP == 0) {
        copy_whole(block, to);
        return true;
    }
    for (size_t k = 0; k < block->depth; k += STEP)
        for (size_t half = 0; half < 2; half++) {
            __m512i lines[LINES];
            copy_lines(block, half * LINES, k, lines);
            store_tile(lines, block->deep == wide, to + (k / STEP * 2 + half) * LINES);
        }
    return true;
}

static bool copy_tall(const struct gemm_block *block, void *panel)
{
    return copy_panel(block, panel, false);
}

/* A line is a row's run of 32, so dequantised runs go straight to their lines. */
static bool unpack_tall(const struct operand *operand, size_t row, size_t rows, size_t k, size_t depth, void *panel)
{
    size_t row_bytes = dtype_bytes(operand->stored, operand->row_stride);
    __m512i *to = panel;
    for (size_t r = 0; r < ROWS; r++)
        if (r < rows)
            quant_unpack_bf16(operand->stored, (const uint8_t *)operand->data + (row + r) * row_bytes, k, depth,
                              (uint16_t *)(to + r), ROWS * STEP);
        else
            for (size_t step = 0; step < depth / STEP; step++)
                to[step * ROWS + r] = _mm512_setzero_si512();
    return true;
}

static bool copy_wide(const struct gemm_block *block, void *panel)
{
    return copy_panel(block, panel, true);
}

#define PANEL_BYTES(depth, parts) ((size_t)(depth) / STEP * (parts)*2 * TILE_BYTES)
#define BF16_PAIRS                                                                                                     \
    .depth = BF16_DEPTH, .scale = 1, .tall_bytes = PANEL_BYTES(BF16_DEPTH, 1),                                         \
    .wide_bytes = PANEL_BYTES(BF16_DEPTH, 1), .tall_slice_bytes = PANEL_BYTES(GEMM_SLICE, 1),                          \
    .wide_slice_bytes = PANEL_BYTES(GEMM_SLICE, 1), .tall_turn = 0.3f, .wide_turn = 0.3f, .pack_tall = copy_tall,      \
    .unpack_tall = unpack_tall, .pack_wide = copy_wide

/* What is done alike on all AVX-512 machines. */
extern const struct gemm_kernel gemm_kernel_avx512;

static void turn(const float *from, size_t rows, float *to, size_t to_stride)
{
    gemm_kernel_avx512.turn(from, rows, to, to_stride);
}

static void finish_values(const struct gemm_finish *finish, float *values, size_t stride, float scale, size_t row,
                          size_t rows, size_t column, size_t columns)
{
    gemm_kernel_avx512.finish(finish, values, stride, scale, row, rows, column, columns);
}

static void dot(size_t k, enum dtype dtype, const void *const rows[GEMM_DOT_ROWS], const float *vectors,
                size_t vector_stride, size_t count, float sums[][GEMM_DOT_ROWS])
{
    gemm_kernel_avx512.dot(k, dtype, rows, vectors, vector_stride, count, sums);
}

#endif
