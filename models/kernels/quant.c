/* q8_0 and q4_0, whose blocks of 32 have one scale, and the choice among all types. The operations and their order are
 * those of gguf.quants, so this file is compiled without contraction: a fused multiply-add would round once less. */
#include "models/kernels/quant.h"

#include <assert.h>
#include <math.h>

static void put_f16(uint8_t *to, float value)
{
    uint16_t half = f32_to_f16(value);
    memcpy(to, &half, sizeof half);
}

/* 1 / d, or 0 for a block of zeros (and of what is too small to have a reciprocal). */
static float reciprocal(float d)
{
    float r = d == 0 ? 0 : 1 / d;
    return isfinite(r) ? r : 0;
}

/* The whole number within [low, high]; 0 for a NaN. */
static int clamp_whole(float value, int low, int high)
{
    return !(value > (float)low) ? (isnan(value) ? 0 : low) : value < (float)high ? (int)value : high;
}

static void quantise_q8_0(const float *x, uint8_t *blocks, size_t count)
{
    for (size_t b = 0; b < count / QUANT_RUN; b++, x += QUANT_RUN, blocks += 34) {
        float largest = 0;
        for (int i = 0; i < QUANT_RUN; i++)
            largest = fmaxf(largest, fabsf(x[i]));
        float d = largest / 127, factor = reciprocal(d);
        put_f16(blocks, d);
        for (int i = 0; i < QUANT_RUN; i++)
            blocks[2 + i] = (uint8_t)(int8_t)clamp_whole(roundf(x[i] * factor), -128, 127);
    }
}

static void dequantise_q8_0(const uint8_t *blocks, float *x, size_t count)
{
    for (size_t b = 0; b < count / QUANT_RUN; b++, x += QUANT_RUN, blocks += 34) {
        float d = quant_f16(blocks);
        for (int i = 0; i < QUANT_RUN; i++)
            x[i] = d * (float)(int8_t)blocks[2 + i];
    }
}

/* The element of largest magnitude becomes −8, the end of the range that has one value more. */
static void quantise_q4_0(const float *x, uint8_t *blocks, size_t count)
{
    for (size_t b = 0; b < count / QUANT_RUN; b++, x += QUANT_RUN, blocks += 18) {
        float extreme = x[0];
        for (int i = 1; i < QUANT_RUN; i++)
            extreme = fabsf(x[i]) > fabsf(extreme) ? x[i] : extreme;
        float d = extreme / -8, factor = reciprocal(d);
        put_f16(blocks, d);
        for (int i = 0; i < QUANT_RUN / 2; i++) {
            int low = clamp_whole(x[i] * factor + 8.5f, 0, 15);
            int high = clamp_whole(x[i + QUANT_RUN / 2] * factor + 8.5f, 0, 15);
            blocks[2 + i] = (uint8_t)(low | high << 4);
        }
    }
}

static void dequantise_q4_0(const uint8_t *blocks, float *x, size_t count)
{
    for (size_t b = 0; b < count / QUANT_RUN; b++, x += QUANT_RUN, blocks += 18) {
        float d = quant_f16(blocks);
        for (int i = 0; i < QUANT_RUN / 2; i++) {
            x[i] = d * (float)((blocks[2 + i] & 15) - 8);
            x[i + QUANT_RUN / 2] = d * (float)((blocks[2 + i] >> 4) - 8);
        }
    }
}

static const struct {
    void (*quantise)(const float *, uint8_t *, size_t);
    void (*dequantise)(const uint8_t *, float *, size_t);
} types[DTYPE_COUNT] = {
    [DTYPE_Q8_0] = {quantise_q8_0, dequantise_q8_0},
    [DTYPE_Q4_0] = {quantise_q4_0, dequantise_q4_0},
    [DTYPE_Q4_K] = {quantise_q4k, dequantise_q4k},
    [DTYPE_Q6_K] = {quantise_q6k, dequantise_q6k},
};

void quantise_row(enum dtype dtype, const float *x, void *blocks, size_t count)
{
    assert(dtype_quantised(dtype) && count % dtype_info(dtype)->block == 0);
    types[dtype].quantise(x, blocks, count);
}

void dequantise_row(enum dtype dtype, const void *blocks, float *x, size_t count)
{
    assert(dtype_quantised(dtype) && count % dtype_info(dtype)->block == 0);
    types[dtype].dequantise(blocks, x, count);
}
