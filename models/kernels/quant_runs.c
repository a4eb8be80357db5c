/* q8_0 and q4_0, whose blocks of 32 have one scale. The operations and their order are those of gguf.quants, so this
 * file is compiled without contraction: a fused multiply-add would round once less. */
#include <math.h>

#include "models/kernels/quant_variants.h"

/* 1 / d, or 0 for a block of zeros (and of what is too small to have a reciprocal). */
static float reciprocal(float d)
{
    float r = d == 0 ? 0 : 1 / d;
    return isfinite(r) ? r : 0;
}

/* Half away from zero, as gguf rounds: floor(a) + floor(2 · (a − floor(a))) of the magnitude a. */
QUANT_INLINE lanes half_away(lanes v)
{
    lanes a = lanes_clamp(lanes_magnitude(v), 0, 127);
    lanes whole = __builtin_convertvector(__builtin_convertvector(a, lanes_int), lanes);
    lanes more = __builtin_convertvector(__builtin_convertvector(2 * (a - whole), lanes_int), lanes);
    return lanes_choose(v < 0, -(whole + more), whole + more);
}

void VARIANT_NAME(quantise_q8_0)(const float *x, uint8_t *blocks, size_t count)
{
    for (size_t b = 0; b < count / QUANT_RUN; b++, x += QUANT_RUN, blocks += 34) {
        lanes most = {0};
        float largest = 0;
        for (int i = 0; i < QUANT_RUN; i += LANES) {
            lanes a = lanes_magnitude(lanes_load(x + i));
            most = lanes_choose(a > most, a, most);
        }
        for (int i = 0; i < LANES; i++)
            largest = most[i] > largest ? most[i] : largest;
        float d = largest / 127, factor = reciprocal(d);
        quant_put_f16(blocks, d);
        for (int i = 0; i < QUANT_RUN; i += LANES)
            lanes_store_bytes(blocks + 2 + i, half_away(lanes_load(x + i) * factor));
    }
}

void VARIANT_NAME(dequantise_q8_0)(const uint8_t *blocks, float *x, size_t count)
{
    for (size_t b = 0; b < count / QUANT_RUN; b++, x += QUANT_RUN, blocks += 34) {
        float d = quant_f16(blocks);
        for (int i = 0; i < QUANT_RUN; i++)
            x[i] = d * (float)(int8_t)blocks[2 + i];
    }
}

/* The element of largest magnitude, the first of several. */
static float extreme_of(const float *x)
{
    float extreme = x[0];
    for (int i = 1; i < QUANT_RUN; i++)
        extreme = fabsf(x[i]) > fabsf(extreme) ? x[i] : extreme;
    return extreme;
}

/* That element becomes −8, the end of the range that has one value more. */
void VARIANT_NAME(quantise_q4_0)(const float *x, uint8_t *blocks, size_t count)
{
    for (size_t b = 0; b < count / QUANT_RUN; b++, x += QUANT_RUN, blocks += 18) {
        float d = extreme_of(x) / -8, factor = reciprocal(d);
        uint8_t q[QUANT_RUN];
        quant_put_f16(blocks, d);
        for (int i = 0; i < QUANT_RUN; i += LANES)
            lanes_store_bytes(q + i, lanes_clamp(lanes_load(x + i) * factor + 8.5f, 0, 15));
        for (int i = 0; i < QUANT_RUN / 2; i++)
            blocks[2 + i] = (uint8_t)(q[i] | q[i + QUANT_RUN / 2] << 4);
    }
}

void VARIANT_NAME(dequantise_q4_0)(const uint8_t *blocks, float *x, size_t count)
{
    for (size_t b = 0; b < count / QUANT_RUN; b++, x += QUANT_RUN, blocks += 18) {
        float d = quant_f16(blocks);
        for (int i = 0; i < QUANT_RUN / 2; i++) {
            x[i] = d * (float)((blocks[2 + i] & 15) - 8);
            x[i + QUANT_RUN / 2] = d * (float)((blocks[2 + i] >> 4) - 8);
        }
    }
}

const struct quant_types VARIANT_NAME(quant_types) = {
    .name = VARIANT_STRING,
    .quantise = {[DTYPE_Q8_0] = VARIANT_NAME(quantise_q8_0),
                 [DTYPE_Q4_0] = VARIANT_NAME(quantise_q4_0),
                 [DTYPE_Q4_K] = VARIANT_NAME(quantise_q4k),
                 [DTYPE_Q6_K] = VARIANT_NAME(quantise_q6k)},
    .dequantise = {[DTYPE_Q8_0] = VARIANT_NAME(dequantise_q8_0),
                   [DTYPE_Q4_0] = VARIANT_NAME(dequantise_q4_0),
                   [DTYPE_Q4_K] = VARIANT_NAME(dequantise_q4k),
                   [DTYPE_Q6_K] = VARIANT_NAME(dequantise_q6k)},
};
