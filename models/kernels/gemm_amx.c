/* Multiplication on Intel's AMX tiles (Intel 64 and IA-32 Architectures Software Developer's Manual, TDPBF16PS): 16 ×
 * 16 f32 sums of products of bf16 pairs. Four such tiles make the 32 × 32 tile of this kernel.
 *
 * f32 operands are split exactly into three bf16 parts, a = a₁ + a₂ + a₃, each part the rounded rest of those before
 * (Henry, Tang, Heinecke 2019). Of the nine products the six largest are summed; those left out are below 2⁻²⁶ |a||b|,
 * a quarter of f32's own rounding. So six products at the tiles' rate give f32 accuracy faster than FMA does.
 *
 * The tiles take denormals for zero. Parts would be denormal where values are tiny, so both operands are scaled by 2²⁴
 * while they are split, which makes even f32's smallest denormal a normal bf16, and the sums by 2⁻⁴⁸ afterwards. Values
 * of 2³¹ and more, infinities and NaNs are refused: scaled sums of up to 2¹⁵ products of values below stay under 2¹²⁶.
 *
 * Panels: for each 32 of k, for each part, for each half of the panel's rows, one tile's 16 lines of 64 bytes. A tall
 * line is a row's 32 k; a wide line is two k of 16 rows, interleaved. Which two k form a pair is free as long as both
 * sides agree: split operands pair k with k + 16, which needs no shuffle; plain bf16 pairs neighbours as memory does.
 */
#include <immintrin.h>

#include "models/kernels/gemm_pairs.h"

enum { SPLIT_DEPTH = 64 };

/* The lines of one tile of each part: 16 rows from `row`, 32 k from `k`, as they lie in memory. */
static inline void split_lines(const struct gemm_block *block, bool deep, enum dtype dtype, int parts, size_t row,
                               size_t k, __m512i lines[][LINES], __m512i *largest)
{
    size_t rows = block->rows > row ? block->rows - row : 0, depth = block->depth - k;
    for (size_t i = 0; i < LINES; i++) {
        __m512 first = _mm512_setzero_ps(), second = first;
        if (deep && i < rows) {
            size_t at = (row + i) * block->stride + k;
            first = load_scaled(dtype, block->data, at, depth);
            second = load_scaled(dtype, block->data, at + LINES, depth > LINES ? depth - LINES : 0);
        } else if (!deep) {
            size_t at = (k + i) * block->stride + row;
            if (i < depth)
                first = load_scaled(dtype, block->data, at, rows);
            if (i + LINES < depth)
                second = load_scaled(dtype, block->data, at + LINES * block->stride, rows);
        }
        split_line(first, second, parts, &lines[0][i], LINES, largest);
    }
}

static inline __attribute__((always_inline)) bool split_panel(const struct gemm_block *block, void *panel, bool wide,
                                                              bool deep, enum dtype dtype, int parts)
{
    __m512i largest = _mm512_setzero_si512(), *to = panel;
    for (size_t k = 0; k < block->depth; k += STEP)
        for (size_t half = 0; half < 2; half++) {
            __m512i lines[PARTS][LINES];
            split_lines(block, deep, dtype, parts, half * LINES, k, lines, &largest);
            for (int part = 0; part < parts; part++)
                store_tile(lines[part], deep == wide,
                           to + ((k / STEP * (size_t)parts + (size_t)part) * 2 + half) * LINES);
        }
    return parts_hold(largest);
}

static inline __attribute__((always_inline)) bool split_side(const struct gemm_block *block, void *panel, bool wide,
                                                             enum dtype dtype, int parts)
{
    return block->deep ? split_panel(block, panel, wide, true, dtype, parts)
                       : split_panel(block, panel, wide, false, dtype, parts);
}

static bool split_tall(const struct gemm_block *block, void *panel)
{
    return split_side(block, panel, false, DTYPE_F32, PARTS);
}

static bool split_wide(const struct gemm_block *block, void *panel)
{
    return split_side(block, panel, true, DTYPE_F32, PARTS);
}

static bool widen_tall(const struct gemm_block *block, void *panel)
{
    return split_side(block, panel, false, DTYPE_BF16, 1);
}

static bool widen_wide(const struct gemm_block *block, void *panel)
{
    return split_side(block, panel, true, DTYPE_BF16, 1);
}

static inline void load_tall(const char *tall, size_t part)
{
    TILE_LOAD(4, tall + part * 2 * TILE_BYTES, 64);
    TILE_LOAD(5, tall + (part * 2 + 1) * TILE_BYTES, 64);
}

static inline void load_wide(const char *wide, size_t part)
{
    TILE_LOAD(6, wide + part * 2 * TILE_BYTES, 64);
    TILE_LOAD(7, wide + (part * 2 + 1) * TILE_BYTES, 64);
}

/* Six products in an order in which each needs only one side loaded anew. */
static void multiply_split(size_t depth, bool deep, const void *tall_panel, const void *wide_panel, float *sums,
                           bool add)
{
    (void)deep;
    const char *tall = tall_panel, *wide = wide_panel;
    load_sums(sums, add);
    for (size_t k = 0; k < depth; k += STEP) {
        load_tall(tall, 0);
        load_wide(wide, 2);
        multiply_loaded();
        load_wide(wide, 1);
        multiply_loaded();
        load_tall(tall, 1);
        multiply_loaded();
        load_wide(wide, 0);
        multiply_loaded();
        load_tall(tall, 2);
        multiply_loaded();
        load_tall(tall, 0);
        multiply_loaded();
        tall += PARTS * 2 * TILE_BYTES;
        wide += PARTS * 2 * TILE_BYTES;
    }
    store_sums(sums);
}

static inline __attribute__((always_inline)) void multiply_parts(size_t depth, const char *tall, const char *wide,
                                                                 size_t tall_parts, size_t wide_parts, float *sums,
                                                                 bool add)
{
    load_sums(sums, add);
    for (size_t k = 0; k < depth; k += STEP) {
        for (size_t part = 0; part < tall_parts * wide_parts; part++) {
            if (part == 0 || tall_parts > 1)
                load_tall(tall, tall_parts > 1 ? part : 0);
            if (part == 0 || wide_parts > 1)
                load_wide(wide, wide_parts > 1 ? part : 0);
            multiply_loaded();
        }
        tall += tall_parts * 2 * TILE_BYTES;
        wide += wide_parts * 2 * TILE_BYTES;
    }
    store_sums(sums);
}

static void multiply_split_tall(size_t depth, bool deep, const void *tall, const void *wide, float *sums, bool add)
{
    (void)deep;
    multiply_parts(depth, tall, wide, PARTS, 1, sums, add);
}

static void multiply_split_wide(size_t depth, bool deep, const void *tall, const void *wide, float *sums, bool add)
{
    (void)deep;
    multiply_parts(depth, tall, wide, 1, PARTS, sums, add);
}

static void multiply_bf16(size_t depth, bool deep, const void *tall, const void *wide, float *sums, bool add)
{
    (void)deep;
    multiply_parts(depth, tall, wide, 1, 1, sums, add);
}

#define EVERYWHERE                                                                                                     \
    .tall = ROWS, .wide = ROWS, .turn = turn, .finish = finish_values, .dot = dot, .dot_most = 12,                     \
    .whole_bytes = 1 << 20, .begin = amx_begin, .end = amx_end
#define SPLIT .depth = SPLIT_DEPTH, .scale = SPLIT_SCALE, .exact = &gemm_kernel_avx512

const struct gemm_kernel gemm_kernel_amx_f32 = {
    EVERYWHERE,
    SPLIT,
    .name = "amx-f32",
    .tall_bytes = PANEL_BYTES(SPLIT_DEPTH, PARTS),
    .wide_bytes = PANEL_BYTES(SPLIT_DEPTH, PARTS),
    .tall_slice_bytes = PANEL_BYTES(GEMM_SLICE, PARTS),
    .wide_slice_bytes = PANEL_BYTES(GEMM_SLICE, PARTS),
    .speed = 75,
    .tall_turn = 0.8f,
    .wide_turn = 0.8f,
    .pack_tall = split_tall,
    .pack_wide = split_wide,
    .multiply = multiply_split,
};

const struct gemm_kernel gemm_kernel_amx_f32_bf16 = {
    EVERYWHERE,
    SPLIT,
    .name = "amx-f32-bf16",
    .tall_bytes = PANEL_BYTES(SPLIT_DEPTH, PARTS),
    .wide_bytes = PANEL_BYTES(SPLIT_DEPTH, 1),
    .tall_slice_bytes = PANEL_BYTES(GEMM_SLICE, PARTS),
    .wide_slice_bytes = PANEL_BYTES(GEMM_SLICE, 1),
    .speed = 150,
    .tall_turn = 0.8f,
    .wide_turn = 0.3f,
    .pack_tall = split_tall,
    .pack_wide = widen_wide,
    .multiply = multiply_split_tall,
};

const struct gemm_kernel gemm_kernel_amx_bf16_f32 = {
    EVERYWHERE,
    SPLIT,
    .name = "amx-bf16-f32",
    .tall_bytes = PANEL_BYTES(SPLIT_DEPTH, 1),
    .wide_bytes = PANEL_BYTES(SPLIT_DEPTH, PARTS),
    .tall_slice_bytes = PANEL_BYTES(GEMM_SLICE, 1),
    .wide_slice_bytes = PANEL_BYTES(GEMM_SLICE, PARTS),
    .speed = 150,
    .tall_turn = 0.3f,
    .wide_turn = 0.8f,
    .pack_tall = widen_tall,
    .pack_wide = split_wide,
    .multiply = multiply_split_wide,
};

const struct gemm_kernel gemm_kernel_amx_bf16 = {
    EVERYWHERE, BF16_PAIRS, .name = "amx-bf16", .speed = 400, .multiply = multiply_bf16,
};
