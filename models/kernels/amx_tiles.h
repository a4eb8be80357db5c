/* What every kernel on Intel's AMX tiles is made of: the tile instructions, a 32 × 32 tile of sums in four of the eight
 * tiles, and the splitting of f32 into three bf16 parts. gemm_amx.c explains the splitting and its bounds. */
#ifndef KERNELS_AMX_TILES_H
#define KERNELS_AMX_TILES_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/graph/dtype.h"

enum { STEP = 32, LINES = 16, TILE_BYTES = 1024, PARTS = 3 };
/* What sums of products of split values are to be multiplied with. */
#define SPLIT_SCALE 0x1p-48f

static inline __m512i load_f32(const float *from, size_t at, size_t count)
{
    if (count >= LINES)
        return _mm512_loadu_si512(from + at);
    return count ? _mm512_maskz_loadu_epi32((__mmask16)((1u << count) - 1), from + at) : _mm512_setzero_si512();
}

static inline __m512i load_16_bf16(const uint16_t *from, size_t at, size_t count)
{
    __m256i narrow = count >= LINES ? _mm256_loadu_si256((const __m256i *)(from + at))
                     : count        ? _mm256_maskz_loadu_epi16((__mmask16)((1u << count) - 1), from + at)
                                    : _mm256_setzero_si256();
    return _mm512_cvtepu16_epi32(narrow);
}

/* 16 values as f32 times 2²⁴. */
static inline __m512 load_scaled(enum dtype dtype, const void *from, size_t at, size_t count)
{
    __m512i bits =
        dtype == DTYPE_F32 ? load_f32(from, at, count) : _mm512_slli_epi32(load_16_bf16(from, at, count), 16);
    return _mm512_mul_ps(_mm512_castsi512_ps(bits), _mm512_set1_ps(0x1p24f));
}

/* The bf16 nearest to each value, as f32 bits; the rest is left in *value. */
static inline __m512i take_part(__m512 *value)
{
    __m512i bits = _mm512_add_epi32(_mm512_castps_si512(*value), _mm512_set1_epi32(0x8000));
    bits = _mm512_and_si512(bits, _mm512_set1_epi32((int)0xffff0000));
    *value = _mm512_sub_ps(*value, _mm512_castsi512_ps(bits));
    return bits;
}

/* One line of each part, and the largest magnitude seen. */
static inline void split_line(__m512 first, __m512 second, int parts, __m512i *line, size_t line_step, __m512i *largest)
{
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    *largest = _mm512_max_epu32(*largest, _mm512_and_si512(_mm512_castps_si512(first), magnitude));
    *largest = _mm512_max_epu32(*largest, _mm512_and_si512(_mm512_castps_si512(second), magnitude));
    for (int part = 0; part < parts - 1; part++) {
        __m512i low = take_part(&first), high = take_part(&second);
        line[(size_t)part * line_step] = _mm512_or_si512(_mm512_srli_epi32(low, 16), high);
    }
    /* What is left needs no rounding: f32 has 24 bits, three times bf16's 8; and bf16 has none to round. */
    __m512i low = _mm512_castps_si512(first), high = _mm512_castps_si512(second);
    line[(size_t)(parts - 1) * line_step] = _mm512_or_si512(_mm512_srli_epi32(low, 16), high);
}

/* Whether the largest magnitude seen, scaled, is one that parts can hold: below 2⁵⁵, so no infinity and no NaN. */
static inline bool parts_hold(__m512i largest)
{
    return _mm512_reduce_max_epu32(largest) < 0x5b000000;
}

/* Tiles 0 to 3 hold the sums, 4 and 5 a tall part's halves, 6 and 7 a wide part's. */
#define TILE_LOAD(tile, address, stride)                                                                               \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile ::"r"(address), "r"((size_t)(stride)) : "memory")
#define TILE_STORE(tile, address, stride)                                                                              \
    __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(address), "r"((size_t)(stride)) : "memory")
#define TILE_ZERO(tile) __asm__ volatile("tilezero %tmm" #tile)
#define TILE_MULTIPLY(sum, tall, wide) __asm__ volatile("tdpbf16ps %tmm" #wide ", %tmm" #tall ", %tmm" #sum)

static inline void multiply_loaded(void)
{
    TILE_MULTIPLY(0, 4, 6);
    TILE_MULTIPLY(1, 4, 7);
    TILE_MULTIPLY(2, 5, 6);
    TILE_MULTIPLY(3, 5, 7);
}

static inline void load_sums(const float *sums, bool add)
{
    if (!add) {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        TILE_ZERO(3);
        return;
    }
    TILE_LOAD(0, sums, 128);
    TILE_LOAD(1, sums + 16, 128);
    TILE_LOAD(2, sums + 512, 128);
    TILE_LOAD(3, sums + 528, 128);
}

static inline void store_sums(float *sums)
{
    TILE_STORE(0, sums, 128);
    TILE_STORE(1, sums + 16, 128);
    TILE_STORE(2, sums + 512, 128);
    TILE_STORE(3, sums + 528, 128);
}

/* Palette 1: eight tiles of 16 lines of 64 bytes. */
static inline void amx_begin(void)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t line_bytes[16];
        uint8_t lines[16];
    } configuration = {.palette = 1};
    for (int tile = 0; tile < 8; tile++) {
        configuration.line_bytes[tile] = 64;
        configuration.lines[tile] = LINES;
    }
    __asm__ volatile("ldtilecfg %0" ::"m"(configuration));
}

static inline void amx_end(void)
{
    __asm__ volatile("tilerelease");
}

#endif
