/* The optimizers' steps in plain C, the specification; formulas in elementwise.h, after torch.optim, whose scalars are
 * doubles rounded to float where they meet a tensor. */
#include <math.h>

#include "models/graph/dtype.h"
#include "models/kernels/elementwise_variants.h"

static float regularised(const struct optimizer_step *step, float gradient, float weight)
{
    float g = gradient * (float)step->gradient_scale;
    if (step->l1 != 0)
        g += (float)step->l1 * (float)((weight > 0) - (weight < 0));
    if (step->l2 != 0)
        g += (float)step->l2 * weight;
    return g;
}

void sgd_plain(const struct optimizer_step *step, float *w, const float *g, float *v, uint16_t *w_bf16, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float direction = regularised(step, g[i], w[i]);
        if (v)
            direction = v[i] = (float)step->momentum * v[i] + direction;
        w[i] -= (float)step->learning_rate * direction;
        if (w_bf16)
            w_bf16[i] = f32_to_bf16(w[i]);
    }
}

void rmsprop_plain(const struct optimizer_step *step, float *w, const float *g, float *s, uint16_t *w_bf16,
                   size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float gradient = regularised(step, g[i], w[i]);
        s[i] = (float)step->decay * s[i] + (float)(1 - step->decay) * (gradient * gradient);
        w[i] -= (float)step->learning_rate * gradient / (sqrtf(s[i]) + (float)step->epsilon);
        if (w_bf16)
            w_bf16[i] = f32_to_bf16(w[i]);
    }
}

void adam_plain(const struct optimizer_step *step, float *w, const float *g, float *m, float *v, uint16_t *w_bf16,
                size_t count)
{
    const float rate = (float)(step->learning_rate / step->bias_correction1);
    const float root_correction = (float)sqrt(step->bias_correction2);
    for (size_t i = 0; i < count; i++) {
        float gradient = regularised(step, g[i], w[i]);
        m[i] = (float)step->beta1 * m[i] + (float)(1 - step->beta1) * gradient;
        v[i] = (float)step->beta2 * v[i] + (float)(1 - step->beta2) * (gradient * gradient);
        float decayed = w[i] * (float)(1 - step->learning_rate * step->decay);
        w[i] = decayed - rate * m[i] / (sqrtf(v[i]) / root_correction + (float)step->epsilon);
        if (w_bf16)
            w_bf16[i] = f32_to_bf16(w[i]);
    }
}
