/* q4_K and q6_K: super-blocks of 256 whose runs have scales of their own, quantised too.
 *
 * Quantising tries 16 scales for a run, side by side in vectors' lanes, and keeps the one of least weighted square
 * error: for each, elements are rounded, and the scale (and min) that fits these whole numbers best follows in closed
 * form (weighted least squares). Larger elements weigh more, since they matter more in a product. After the scales have
 * been rounded themselves, the elements are rounded once more to what the block will really say. */
#include <math.h>

#include "models/kernels/quant_variants.h"

enum { TRIES = 16, GROUPS = TRIES / LANES }; /* vectors of tries */
enum { RUNS = QUANT_SUPER / QUANT_RUN, HALF_RUN = QUANT_RUN / 2, HALF_RUNS = QUANT_SUPER / HALF_RUN };

static float largest_of(const float *values, int count)
{
    float largest = 0;
    for (int i = 0; i < count; i++)
        largest = values[i] > largest ? values[i] : largest;
    return largest;
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

/* Elements of a run shifted, divided by the step and rounded to [low, high], as bytes from 0 up. */
static void put_run(uint8_t *to, const float *x, int count, float shift, float step, float low, float high)
{
    for (int i = 0; i < count; i += LANES) {
        lanes q = lanes_nearest(lanes_clamp((lanes_load(x + i) + shift) / step, low, high));
        lanes_store_bytes(to + i, q - low);
    }
}

/* ---- q4_K: x ≈ scale · q − min, q in 0..15, min >= 0 ---- */

/* The weighted sums over a run that the fit needs: of the weights and of products of x and q; q is each try's. */
struct fit {
    float weight, x, xx;
    lanes q[GROUPS], qq[GROUPS], xq[GROUPS];
};

/* The scale and min of least Σ w (x − (scale·q − min))², and that sum; min is not let below 0. */
static lanes solve(const struct fit *f, int group, lanes *scale, lanes *min)
{
    const lanes q = f->q[group], qq = f->qq[group], xq = f->xq[group];
    const lanes worst = (lanes){0} + INFINITY, none = {0};
    lanes determinant = f->weight * qq - q * q;
    lanes s = (f->weight * xq - f->x * q) / determinant, m = (q * xq - qq * f->x) / determinant;
    s = lanes_choose(m < 0, xq / qq, s);
    m = lanes_choose(m < 0, none, m);
    lanes error = f->xx + s * s * qq + m * m * f->weight - 2 * s * xq + 2 * m * f->x - 2 * s * m * q;
    *scale = s;
    *min = m;
    return lanes_choose((determinant > 0) & (s > 0), error, worst);
}

/* Factors of some of the tries: a little fewer and a little more than `levels` over the range. */
static lanes factors(int group, float levels, float range)
{
    lanes f;
    for (int i = 0; i < LANES; i++)
        f[i] = (levels + 0.1f * (float)(group * LANES + i - TRIES / 2)) / range;
    return f;
}

static struct fit fit_tries(const float *x, float least, float range, float typical)
{
    struct fit fit = {.weight = 0};
    lanes factor[GROUPS];
    for (int g = 0; g < GROUPS; g++)
        factor[g] = factors(g, 15, range);
    for (int i = 0; i < QUANT_RUN; i++) {
        float weight = typical + fabsf(x[i]), weighted = weight * x[i];
        fit.weight += weight;
        fit.x += weighted;
        fit.xx += weighted * x[i];
        for (int g = 0; g < GROUPS; g++) {
            lanes q = lanes_clamp(lanes_nearest((x[i] - least) * factor[g]), 0, 15), weighted_q = weight * q;
            fit.q[g] += weighted_q;
            fit.qq[g] += weighted_q * q;
            fit.xq[g] += weighted * q;
        }
    }
    return fit;
}

static void fit_run(const float *x, float *scale, float *min)
{
    float least = 0, most = x[0], square = 0;
    for (int i = 0; i < QUANT_RUN; i++) {
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
        square += x[i] * x[i];
    }
    *scale = 0;
    *min = -least;
    float range = most - least, typical = sqrtf(square / QUANT_RUN);
    if (!(range > 0) || !isfinite(range) || !isfinite(15 / range) || !isfinite(typical))
        return;
    struct fit fit = fit_tries(x, least, range, typical);
    *scale = range / 15;
    float best = INFINITY;
    for (int g = 0; g < GROUPS; g++) {
        lanes scales, mins, errors = solve(&fit, g, &scales, &mins);
        for (int i = 0; i < LANES; i++)
            if (errors[i] < best) {
                best = errors[i];
                *scale = scales[i];
                *min = mins[i];
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
    quant_put_f16(block, within_f16(largest_of(scale, RUNS) / 63));
    quant_put_f16(block + 2, within_f16(largest_of(min, RUNS) / 63));
    float d = quant_f16(block), dmin = quant_f16(block + 2);
    for (int r = 0; r < RUNS; r++) {
        scales[r] = (uint8_t)(d > 0 ? clamp(rintf(scale[r] / d), 0, 63) : 0);
        mins[r] = (uint8_t)(dmin > 0 ? clamp(rintf(min[r] / dmin), 0, 63) : 0);
        float step = d * (float)scales[r], shift = dmin * (float)mins[r];
        if (step > 0)
            put_run(q + r * QUANT_RUN, x + r * QUANT_RUN, QUANT_RUN, shift, step, 0, 15);
        else
            memset(q + r * QUANT_RUN, 0, QUANT_RUN);
    }
    put_scales(block + 4, scales, mins);
    for (int r = 0; r < RUNS; r += 2)
        for (int i = 0; i < QUANT_RUN; i++)
            block[16 + r / 2 * QUANT_RUN + i] = (uint8_t)(q[r * QUANT_RUN + i] | q[(r + 1) * QUANT_RUN + i] << 4);
}

void VARIANT_NAME(quantise_q4k)(const float *x, uint8_t *blocks, size_t count)
{
    for (size_t b = 0; b < count / QUANT_SUPER; b++)
        quantise_q4k_block(x + b * QUANT_SUPER, blocks + b * 144);
}

void VARIANT_NAME(dequantise_q4k)(const uint8_t *blocks, float *x, size_t count)
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

static float fit_half_run(const float *x)
{
    float extreme = 0;
    for (int i = 0; i < HALF_RUN; i++)
        extreme = fabsf(x[i]) > fabsf(extreme) ? x[i] : extreme;
    if (extreme == 0 || !isfinite(extreme) || !isfinite(35 / extreme))
        return 0;
    float best = 0, scale = extreme / -32;
    for (int g = 0; g < GROUPS; g++) {
        const lanes factor = factors(g, 32, -extreme);
        lanes xq = {0}, qq = {0};
        for (int i = 0; i < HALF_RUN; i++) {
            lanes q = lanes_clamp(lanes_nearest(x[i] * factor), -32, 31), weighted_q = x[i] * x[i] * q;
            xq += weighted_q * x[i];
            qq += weighted_q * q;
        }
        /* The error is Σ w x² − (Σ w x q)² / Σ w q²: the least has the largest of what is taken off. */
        lanes scales = xq / qq, gain = lanes_choose(qq > 0, xq * scales, (lanes){0});
        for (int i = 0; i < LANES; i++)
            if (gain[i] > best) {
                best = gain[i];
                scale = scales[i];
            }
    }
    return scale;
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
    quant_put_f16(block + 208, d < 0 ? -within_f16(-d) : within_f16(d));
    d = quant_f16(block + 208);
    for (int r = 0; r < HALF_RUNS; r++) {
        int8_t whole = (int8_t)(d != 0 ? rintf(clamp(scale[r] / d, -128, 127)) : 0);
        block[192 + r] = (uint8_t)whole;
        float step = d * (float)whole;
        if (step != 0)
            put_run(q + r * HALF_RUN, x + r * HALF_RUN, HALF_RUN, 0, step, -32, 31);
        else
            memset(q + r * HALF_RUN, 32, HALF_RUN);
    }
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < QUANT_RUN; i++) {
            const uint8_t *a = q + half * 128 + i, *b = a + 32, *c = a + 64, *e = a + 96;
            block[half * 64 + i] = (uint8_t)((*a & 15) | (*c & 15) << 4);
            block[half * 64 + 32 + i] = (uint8_t)((*b & 15) | (*e & 15) << 4);
            block[128 + half * 32 + i] = (uint8_t)(*a >> 4 | *b >> 4 << 2 | *c >> 4 << 4 | *e >> 4 << 6);
        }
}

void VARIANT_NAME(quantise_q6k)(const float *x, uint8_t *blocks, size_t count)
{
    for (size_t b = 0; b < count / QUANT_SUPER; b++)
        quantise_q6k_block(x + b * QUANT_SUPER, blocks + b * 210);
}

void VARIANT_NAME(dequantise_q6k)(const uint8_t *blocks, float *x, size_t count)
{
    for (size_t b = 0; b < count / QUANT_SUPER; b++, blocks += 210, x += QUANT_SUPER) {
        float d = quant_f16(blocks + 208);
        for (int run = 0; run < RUNS; run++) { /* the block's halves hold four runs each */
            const uint8_t *low = blocks + run / 4 * 64 + run % 2 * 32, *high = blocks + 128 + run / 4 * 32;
            int low_shift = run % 4 / 2 * 4, high_shift = run % 4 * 2;
            for (int i = 0; i < QUANT_RUN; i++) {
                float step = d * (float)(int8_t)blocks[192 + 2 * run + i / HALF_RUN];
                int q = (low[i] >> low_shift & 15) | (high[i] >> high_shift & 3) << 4;
                x[run * QUANT_RUN + i] = step * (float)(q - 32);
            }
        }
    }
}
