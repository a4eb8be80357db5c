/* Attention's specification: the formulas of attention.h, one score at a time, in double precision. */
#include "models/kernels/attention.h"

#include <math.h>

enum { CHUNK = 256 }; /* elements of a head that are summed in one sweep over the scores */

static double element(const void *data, enum dtype dtype, size_t index)
{
    if (dtype == DTYPE_F32)
        return ((const float *)data)[index];
    if (dtype == DTYPE_Q8_0) {
        const char *block = (const char *)data + dtype_bytes(dtype, index / 32 * 32);
        uint16_t scale;
        memcpy(&scale, block, sizeof scale);
        return (double)((const int8_t *)block)[2 + index % 32] * (double)f16_to_f32(scale);
    }
    uint16_t half = ((const uint16_t *)data)[index];
    return dtype == DTYPE_BF16 ? bf16_to_f32(half) : f16_to_f32(half);
}

static void put(void *data, enum dtype dtype, size_t index, double value)
{
    if (dtype == DTYPE_BF16)
        ((uint16_t *)data)[index] = f32_to_bf16((float)value);
    else
        ((float *)data)[index] = (float)value;
}

static size_t query_at(const struct attention *a, size_t b, size_t t, size_t h)
{
    return b * a->q_batch_stride + t * a->q_stride + h * a->head_dim;
}

static size_t key_at(const struct attention *a, size_t b, size_t s, size_t g)
{
    return b * a->k_batch_stride + s * a->k_stride + g * a->head_dim;
}

static size_t value_at(const struct attention *a, size_t b, size_t s, size_t g)
{
    return b * a->v_batch_stride + s * a->v_stride + g * a->head_dim;
}

static size_t out_at(const struct attention *a, size_t b, size_t t, size_t h)
{
    return ((b * a->length + t) * a->heads + h) * a->head_dim;
}

static size_t group_of(const struct attention *a, size_t h)
{
    return h / (a->heads / a->kv_heads);
}

static bool allowed(const struct attention *a, size_t t, size_t s)
{
    size_t position = t + (a->kv_length - a->length);
    return (!a->causal || s <= position) && (!a->window || s + a->window > position || a->window > position);
}

static double score(const struct attention *a, size_t b, size_t t, size_t h, size_t s)
{
    size_t q = query_at(a, b, t, h), k = key_at(a, b, s, group_of(a, h));
    double sum = 0;
    for (size_t d = 0; d < a->head_dim; d++)
        sum += element(a->q, a->dtype, q + d) * element(a->k, a->kv_dtype, k + d);
    sum *= a->scale;
    if (a->distance_bias)
        sum += a->distance_bias[h * attention_bias_row(a) + t + a->kv_length - 1 - s];
    return a->softcap > 0 ? a->softcap * tanh(sum / a->softcap) : sum;
}

static void one_query(const struct attention *a, size_t b, size_t t, size_t h)
{
    double largest = a->sinks ? a->sinks[h] : -INFINITY, total = 0;
    for (size_t s = 0; s < a->kv_length; s++)
        if (allowed(a, t, s))
            largest = fmax(largest, score(a, b, t, h, s));
    for (size_t from = 0; from < a->head_dim; from += CHUNK) {
        size_t count = a->head_dim - from < CHUNK ? a->head_dim - from : CHUNK;
        double sums[CHUNK] = {0};
        total = a->sinks ? exp(a->sinks[h] - largest) : 0;
        for (size_t s = 0; s < a->kv_length; s++) {
            if (!allowed(a, t, s))
                continue;
            double weight = exp(score(a, b, t, h, s) - largest);
            total += weight;
            size_t v = value_at(a, b, s, group_of(a, h)) + from;
            for (size_t d = 0; d < count; d++)
                sums[d] += weight * element(a->v, a->kv_dtype, v + d);
        }
        for (size_t d = 0; d < count; d++)
            put(a->out, a->dtype, out_at(a, b, t, h) + from + d, sums[d] / total);
    }
    if (a->log_sum)
        a->log_sum[(b * a->heads + h) * a->length + t] = (float)(largest + log(total));
}

void attention_reference(const struct attention *attention)
{
    for (size_t b = 0; b < attention->batch; b++)
        for (size_t h = 0; h < attention->heads; h++)
            for (size_t t = 0; t < attention->length; t++)
                one_query(attention, b, t, h);
}

/* P and dS of one query and key. */
static void weight_gradient(const struct attention_gradient *g, size_t b, size_t t, size_t h, size_t s, double *weight,
                            double *dscore)
{
    const struct attention *a = &g->forward;
    size_t out = out_at(a, b, t, h), v = value_at(a, b, s, group_of(a, h));
    double dweight = 0, centre = 0;
    for (size_t d = 0; d < a->head_dim; d++) {
        double dout = element(g->dout, a->dtype, out + d);
        dweight += dout * element(a->v, a->kv_dtype, v + d);
        centre += dout * element(a->out, a->dtype, out + d);
    }
    double bent = score(a, b, t, h, s), ratio = a->softcap > 0 ? bent / a->softcap : 0;
    *weight = exp(bent - a->log_sum[(b * a->heads + h) * a->length + t]);
    *dscore = *weight * (dweight - centre) * (1 - ratio * ratio);
}

static void one_query_gradient(const struct attention_gradient *g, size_t b, size_t t, size_t h)
{
    const struct attention *a = &g->forward;
    for (size_t from = 0; from < a->head_dim; from += CHUNK) {
        size_t count = a->head_dim - from < CHUNK ? a->head_dim - from : CHUNK;
        double sums[CHUNK] = {0};
        for (size_t s = 0; s < a->kv_length; s++) {
            double weight, dscore;
            if (!allowed(a, t, s))
                continue;
            weight_gradient(g, b, t, h, s, &weight, &dscore);
            size_t k = key_at(a, b, s, group_of(a, h)) + from;
            for (size_t d = 0; d < count; d++)
                sums[d] += dscore * element(a->k, a->kv_dtype, k + d);
        }
        for (size_t d = 0; d < count; d++)
            put(g->dq, a->dtype, query_at(a, b, t, h) + from + d, a->scale * sums[d]);
    }
}

static void one_key_gradient(const struct attention_gradient *g, size_t b, size_t s, size_t group)
{
    const struct attention *a = &g->forward;
    size_t sharing = a->heads / a->kv_heads;
    for (size_t from = 0; from < a->head_dim; from += CHUNK) {
        size_t count = a->head_dim - from < CHUNK ? a->head_dim - from : CHUNK;
        double dk[CHUNK] = {0}, dv[CHUNK] = {0};
        for (size_t h = group * sharing; h < (group + 1) * sharing; h++)
            for (size_t t = 0; t < a->length; t++) {
                double weight, dscore;
                if (!allowed(a, t, s))
                    continue;
                weight_gradient(g, b, t, h, s, &weight, &dscore);
                size_t q = query_at(a, b, t, h) + from, out = out_at(a, b, t, h) + from;
                for (size_t d = 0; d < count; d++) {
                    dk[d] += dscore * element(a->q, a->dtype, q + d);
                    dv[d] += weight * element(g->dout, a->dtype, out + d);
                }
            }
        for (size_t d = 0; d < count; d++) {
            put(g->dk, a->dtype, key_at(a, b, s, group) + from + d, a->scale * dk[d]);
            put(g->dv, a->dtype, value_at(a, b, s, group) + from + d, dv[d]);
        }
    }
}

/* Of all pairs of head h that are so far apart. */
static double bias_gradient(const struct attention_gradient *g, size_t h, size_t apart)
{
    const struct attention *a = &g->forward;
    double sum = 0, weight, dscore;
    for (size_t b = 0; b < a->batch; b++)
        for (size_t t = 0; t < a->length; t++) {
            size_t s = t + a->kv_length - 1 - apart; /* wraps where there is no such key */
            if (s >= a->kv_length || !allowed(a, t, s))
                continue;
            weight_gradient(g, b, t, h, s, &weight, &dscore);
            sum += dscore;
        }
    return sum;
}

static double sink_gradient(const struct attention_gradient *g, size_t h)
{
    const struct attention *a = &g->forward;
    double sum = 0;
    for (size_t b = 0; b < a->batch; b++)
        for (size_t t = 0; t < a->length; t++) {
            double centre = 0;
            for (size_t d = 0, out = out_at(a, b, t, h); d < a->head_dim; d++)
                centre += element(g->dout, a->dtype, out + d) * element(a->out, a->dtype, out + d);
            sum -= exp(a->sinks[h] - a->log_sum[(b * a->heads + h) * a->length + t]) * centre;
        }
    return sum;
}

void attention_gradient_reference(const struct attention_gradient *gradient)
{
    const struct attention *a = &gradient->forward;
    for (size_t h = 0; h < a->heads; h++) {
        for (size_t i = 0; gradient->ddistance_bias && i < attention_bias_row(a); i++)
            gradient->ddistance_bias[h * attention_bias_row(a) + i] = (float)bias_gradient(gradient, h, i);
        if (gradient->dsinks)
            gradient->dsinks[h] = (float)sink_gradient(gradient, h);
    }
    for (size_t b = 0; b < a->batch; b++) {
        for (size_t h = 0; h < a->heads; h++)
            for (size_t t = 0; t < a->length; t++)
                one_query_gradient(gradient, b, t, h);
        for (size_t g = 0; g < a->kv_heads; g++)
            for (size_t s = 0; s < a->kv_length; s++)
                one_key_gradient(gradient, b, s, g);
    }
}
