/* q4_K and q6_K: super-blocks of 256 whose runs have scales of their own, quantised too.
 *
 * Quantising tries several scales for a run and keeps the one of least weighted square error: for each, elements are
 * rounded, and the scale (and min) that fits these whole numbers best follows in closed form (weighted least squares).
 * Larger elements weigh more, since they matter more in a product. After the scales have been rounded themselves, the
 * elements are rounded once more to what the block will really say.
 *
 * Loops keep 16 sums side by side, so that compilers make vectors of them, and every machine the same numbers. */
#include <math.h>

#include "models/kernels/quant.h"

enum { LANES = 16, RUNS = QUANT_SUPER / QUANT_RUN, HALF_RUN = QUANT_RUN / 2, HALF_RUNS = QUANT_SUPER / HALF_RUN };

/* To the nearest whole number, ties to even, for |x| < 2^22. */
static inline float nearest(float x)
{
    const float shift = 12582912; /* 1.5 · 2^23 */
    return x + shift - shift;
}

static float add_up(const float sums[LANES])
{
    float total = 0;
    for (int i = 0; i < LANES; i++)
        total += sums[i];
    return total;
}

static float largest_of(const float *values, int count)
{
    float largest = 0;
    for (int i = 0; i < count; i++)
        largest = values[i] > largest ? values[i] : largest;
    return largest;
}

static void put_f16(uint8_t *to, float value)
{
    uint16_t half = f32_to_f16(value);
    memcpy(to, &half, sizeof half);
}

/* f16's largest number: a scale beyond it would be read as infinite. NaN becomes 0. */
static float within_f16(float value)
{
    return value > 65504 ? 65504 : value > 0 ? value : 0;
}

static inline float clamp(float value, float low, float high)
{
    return value > low ? (value < high ? value : high) : low; /* a NaN becomes low */
}

/* ---- q4_K: x ≈ scale · q − min, q in 0..15, min >= 0 ---- */

/* The weighted sums over a run that the fit needs: of the weights and of products of x and q. */
struct fit {
    float weight, x, xx, q, qq, xq;
};

static struct fit sums_for(const float x[QUANT_RUN], const float weights[QUANT_RUN], float factor, float least)
{
    float w[LANES] = {0}, wx[LANES] = {0}, wxx[LANES] = {0}, wq[LANES] = {0}, wqq[LANES] = {0}, wxq[LANES] = {0};
    for (int half = 0; half < QUANT_RUN; half += LANES)
        for (int i = 0; i < LANES; i++) {
            float value = x[half + i], weight = weights[half + i];
            float q = clamp(nearest((value - least) * factor), 0, 15);
            w[i] += weight;
            wx[i] += weight * value;
            wxx[i] += weight * value * value;
            wq[i] += weight * q;
            wqq[i] += weight * q * q;
            wxq[i] += weight * value * q;
        }
    return (struct fit){add_up(w), add_up(wx), add_up(wxx), add_up(wq), add_up(wqq), add_up(wxq)};
}

/* The scale and min of least Σ w (x − (scale·q − min))², and that sum; min is not let below 0. */
static float solve(const struct fit *f, float *scale, float *min)
{
    float determinant = f->weight * f->qq - f->q * f->q;
    if (!(determinant > 0))
        return INFINITY;
    *scale = (f->weight * f->xq - f->x * f->q) / determinant;
    *min = (f->q * f->xq - f->qq * f->x) / determinant;
    if (*min < 0) {
        *min = 0;
        *scale = f->xq / f->qq;
    }
    if (!(*scale > 0))
        return INFINITY;
    float s = *scale, m = *min;
    return f->xx + s * s * f->qq + m * m * f->weight - 2 * s * f->xq + 2 * m * f->x - 2 * s * m * f->q;
}

static void fit_run(const float x[QUANT_RUN], float *scale, float *min)
{
    float squares[LANES] = {0}, weights[QUANT_RUN], least = 0, most = x[0];
    for (int i = 0; i < QUANT_RUN; i++) {
        squares[i % LANES] += x[i] * x[i];
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
    }
    *scale = 0;
    *min = -least;
    float range = most - least, typical = sqrtf(add_up(squares) / QUANT_RUN);
    if (!(range > 0) || !isfinite(range) || !isfinite(15 / range) || !isfinite(typical))
        return;
    for (int i = 0; i < QUANT_RUN; i++)
        weights[i] = typical + fabsf(x[i]);
    *scale = range / 15;
    float best = INFINITY;
    for (int step = -6; step <= 6; step++) {
        float s, m;
        struct fit fit = sums_for(x, weights, (15 + 0.15f * (float)step) / range, least);
        float error = solve(&fit, &s, &m);
        if (error < best) {
            best = error;
            *scale = s;
            *min = m;
        }
    }
}

static void put_scales(uint8_t *to, const uint8_t scales[RUNS], const uint8_t mins[RUNS])
{
    for (int j = 0; j < 4; j++) {
        to[j] = (uint8_t)(scales[j] | scales[j + 4] >> 4 << 6);
        to[j + 4] = (uint8_t)(mins[j] | mins[j + 4] >> 4 << 6);
        to[j + 8] = (uint8_t)((scales[j + 4] & 15) | (mins[j + 4] & 15) << 4);
    }
}

static void quantise_q4k_block(const float *x, uint8_t *block)
{
    float scale[RUNS], min[RUNS];
    uint8_t scales[RUNS], mins[RUNS], q[QUANT_SUPER];
    for (int r = 0; r < RUNS; r++)
        fit_run(x + r * QUANT_RUN, &scale[r], &min[r]);
    put_f16(block, within_f16(largest_of(scale, RUNS) / 63));
    put_f16(block + 2, within_f16(largest_of(min, RUNS) / 63));
    float d = quant_f16(block), dmin = quant_f16(block + 2);
    for (int r = 0; r < RUNS; r++) {
        scales[r] = (uint8_t)(d > 0 ? clamp(nearest(scale[r] / d), 0, 63) : 0);
        mins[r] = (uint8_t)(dmin > 0 ? clamp(nearest(min[r] / dmin), 0, 63) : 0);
        float step = d * (float)scales[r], shift = dmin * (float)mins[r];
        for (int i = r * QUANT_RUN; i < (r + 1) * QUANT_RUN; i++)
            q[i] = (uint8_t)(step > 0 ? clamp(nearest(clamp((x[i] + shift) / step, 0, 15)), 0, 15) : 0);
    }
    put_scales(block + 4, scales, mins);
    for (int r = 0; r < RUNS; r += 2)
        for (int i = 0; i < QUANT_RUN; i++)
            block[16 + r / 2 * QUANT_RUN + i] = (uint8_t)(q[r * QUANT_RUN + i] | q[(r + 1) * QUANT_RUN + i] << 4);
}

void quantise_q4k(const float *x, uint8_t *blocks, size_t count)
{
    for (size_t b = 0; b < count / QUANT_SUPER; b++)
        quantise_q4k_block(x + b * QUANT_SUPER, blocks + b * 144);
}

void dequantise_q4k(const uint8_t *blocks, float *x, size_t count)
{
    for (size_t b = 0; b < count / QUANT_SUPER; b++, blocks += 144, x += QUANT_SUPER) {
        float d = quant_f16(blocks), dmin = quant_f16(blocks + 2);
        uint32_t packed[4];
        uint8_t scales[2 * RUNS];
        quant_q4k_scales(blocks, packed);
        memcpy(scales, packed, sizeof scales);
        for (int r = 0; r < RUNS; r++) {
            float step = d * (float)scales[r], shift = dmin * (float)scales[RUNS + r];
            const uint8_t *q = blocks + 16 + r / 2 * QUANT_RUN;
            for (int i = 0; i < QUANT_RUN; i++)
                x[r * QUANT_RUN + i] = step * (float)(r % 2 ? q[i] >> 4 : q[i] & 15) - shift;
        }
    }
}

/* ---- q6_K: x ≈ scale · q, q in −32..31, the scale of either sign ---- */

static float fit_half_run(const float x[HALF_RUN])
{
    float extreme = 0;
    for (int i = 0; i < HALF_RUN; i++)
        extreme = fabsf(x[i]) > fabsf(extreme) ? x[i] : extreme;
    float best = 0, scale = 0;
    if (!isfinite(extreme) || !isfinite(35 / extreme))
        return 0;
    for (int step = -6; step <= 6; step++) {
        float wxq[LANES], wqq[LANES], factor = -(32 + 0.15f * (float)step) / extreme;
        for (int i = 0; i < LANES; i++) {
            float q = clamp(nearest(x[i] * factor), -32, 31), weight = x[i] * x[i];
            wxq[i] = weight * x[i] * q;
            wqq[i] = weight * q * q;
        }
        /* The error is Σ w x² − (Σ w x q)² / Σ w q²: the least has the largest of what is taken off. */
        float xq = add_up(wxq), qq = add_up(wqq), gain = qq > 0 ? xq * xq / qq : 0;
        if (gain > best) {
            best = gain;
            scale = xq / qq;
        }
    }
    return best > 0 ? scale : extreme / -32;
}

static void quantise_q6k_block(const float *x, uint8_t *block)
{
    float scale[HALF_RUNS], extreme = 0;
    uint8_t q[QUANT_SUPER];
    for (int r = 0; r < HALF_RUNS; r++) {
        scale[r] = fit_half_run(x + r * HALF_RUN);
        extreme = fabsf(scale[r]) > fabsf(extreme) ? scale[r] : extreme;
    }
    float d = extreme / -128;
    put_f16(block + 208, d < 0 ? -within_f16(-d) : within_f16(d));
    d = quant_f16(block + 208);
    for (int r = 0; r < HALF_RUNS; r++) {
        int8_t whole = (int8_t)(d != 0 ? clamp(nearest(clamp(scale[r] / d, -128, 127)), -128, 127) : 0);
        block[192 + r] = (uint8_t)whole;
        float step = d * (float)whole;
        for (int i = r * HALF_RUN; i < (r + 1) * HALF_RUN; i++)
            q[i] = (uint8_t)(step != 0 ? clamp(nearest(clamp(x[i] / step, -32, 31)), -32, 31) + 32 : 32);
    }
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < QUANT_RUN; i++) {
            const uint8_t *a = q + half * 128 + i, *b = a + 32, *c = a + 64, *e = a + 96;
            block[half * 64 + i] = (uint8_t)((*a & 15) | (*c & 15) << 4);
            block[half * 64 + 32 + i] = (uint8_t)((*b & 15) | (*e & 15) << 4);
            block[128 + half * 32 + i] = (uint8_t)(*a >> 4 | *b >> 4 << 2 | *c >> 4 << 4 | *e >> 4 << 6);
        }
}

void quantise_q6k(const float *x, uint8_t *blocks, size_t count)
{
    for (size_t b = 0; b < count / QUANT_SUPER; b++)
        quantise_q6k_block(x + b * QUANT_SUPER, blocks + b * 210);
}

void dequantise_q6k(const uint8_t *blocks, float *x, size_t count)
{
    for (size_t b = 0; b < count / QUANT_SUPER; b++, blocks += 210, x += QUANT_SUPER) {
        float d = quant_f16(blocks + 208);
        for (int i = 0; i < QUANT_SUPER; i++) {
            int half = i / 128, part = i % 128 / 32, at = i % 32; /* the block's halves hold four runs of 32 each */
            int low = blocks[half * 64 + part % 2 * 32 + at] >> (part / 2 * 4) & 15;
            int high = blocks[128 + half * 32 + at] >> (part * 2) & 3;
            float step = d * (float)(int8_t)blocks[192 + i / HALF_RUN];
            x[i] = step * (float)((low | high << 4) - 32);
        }
    }
}
