/* The optimizers' steps on vectors, built once for each instruction set. Each reads and writes every array once; on
 * arrays beyond the caches that is all that counts. Formulas in elementwise.h. */
#include "models/kernels/elementwise_variants.h"
#include "models/kernels/vector.h"

struct regulariser {
    vector scale, l1, l2;
    int any;
};

static inline struct regulariser regulariser_of(const struct optimizer_step *step)
{
    struct regulariser r = {vector_set((float)step->gradient_scale), vector_set((float)step->l1),
                            vector_set((float)step->l2), step->l1 != 0 || step->l2 != 0};
    return r;
}

/* g · scale + l1 · sign(w) + l2 · w. A weight that is no number must not enter when neither l1 nor l2 is asked for. */
VECTOR_INLINE vector regularised(const struct regulariser *r, vector gradient, vector w)
{
    vector g = gradient * r->scale;
    if (r->any) {
        vector sign = vector_select(vector_less(vector_zero(), w), vector_set(1), vector_zero()) -
                      vector_select(vector_less(w, vector_zero()), vector_set(1), vector_zero());
        g = vector_fma(r->l2, w, vector_fma(r->l1, sign, g));
    }
    return g;
}

VECTOR_INLINE void store_bf16_up_to(uint16_t *to, vector v, size_t n)
{
    if (n >= VECTOR_LANES) {
        vector_store_bf16(to, v);
    } else {
        uint16_t last[VECTOR_LANES];
        vector_store_bf16(last, v);
        memcpy(to, last, n * sizeof *to);
    }
}

void VECTOR_NAME(sgd)(const struct optimizer_step *step, float *w, const float *g, float *v, uint16_t *w_bf16,
                      size_t count)
{
    const struct regulariser regulariser = regulariser_of(step);
    const vector rate = vector_set((float)-step->learning_rate), momentum = vector_set((float)step->momentum);
    for (size_t i = 0; i < count; i += VECTOR_LANES) {
        size_t left = count - i;
        vector weight = vector_load_up_to(w + i, left);
        vector direction = regularised(&regulariser, vector_load_up_to(g + i, left), weight);
        if (v) {
            direction = vector_fma(momentum, vector_load_up_to(v + i, left), direction);
            vector_store_up_to(v + i, direction, left);
        }
        weight = vector_fma(rate, direction, weight);
        vector_store_up_to(w + i, weight, left);
        if (w_bf16)
            store_bf16_up_to(w_bf16 + i, weight, left);
    }
}

void VECTOR_NAME(rmsprop)(const struct optimizer_step *step, float *w, const float *g, float *s, uint16_t *w_bf16,
                          size_t count)
{
    const struct regulariser regulariser = regulariser_of(step);
    const vector rate = vector_set((float)-step->learning_rate), epsilon = vector_set((float)step->epsilon);
    const vector alpha = vector_set((float)step->decay), rest = vector_set((float)(1 - step->decay));
    for (size_t i = 0; i < count; i += VECTOR_LANES) {
        size_t left = count - i;
        vector weight = vector_load_up_to(w + i, left);
        vector gradient = regularised(&regulariser, vector_load_up_to(g + i, left), weight);
        vector square = vector_fma(alpha, vector_load_up_to(s + i, left), rest * (gradient * gradient));
        vector_store_up_to(s + i, square, left);
        weight += rate * gradient / (vector_sqrt(square) + epsilon);
        vector_store_up_to(w + i, weight, left);
        if (w_bf16)
            store_bf16_up_to(w_bf16 + i, weight, left);
    }
}

void VECTOR_NAME(adam)(const struct optimizer_step *step, float *w, const float *g, float *m, float *v,
                       uint16_t *w_bf16, size_t count)
{
    const struct regulariser regulariser = regulariser_of(step);
    const vector rate = vector_set((float)(-step->learning_rate / step->bias_correction1));
    const vector correction = vector_set((float)(1 / sqrt(step->bias_correction2)));
    const vector epsilon = vector_set((float)step->epsilon);
    const vector kept = vector_set((float)(1 - step->learning_rate * step->decay));
    const vector beta1 = vector_set((float)step->beta1), rest1 = vector_set((float)(1 - step->beta1));
    const vector beta2 = vector_set((float)step->beta2), rest2 = vector_set((float)(1 - step->beta2));
    for (size_t i = 0; i < count; i += VECTOR_LANES) {
        size_t left = count - i;
        vector weight = vector_load_up_to(w + i, left);
        vector gradient = regularised(&regulariser, vector_load_up_to(g + i, left), weight);
        vector mean = vector_fma(beta1, vector_load_up_to(m + i, left), rest1 * gradient);
        vector square = vector_fma(beta2, vector_load_up_to(v + i, left), rest2 * (gradient * gradient));
        vector_store_up_to(m + i, mean, left);
        vector_store_up_to(v + i, square, left);
        vector root = vector_fma(vector_sqrt(square), correction, epsilon);
        weight = vector_fma(weight, kept, rate * mean / root);
        vector_store_up_to(w + i, weight, left);
        if (w_bf16)
            store_bf16_up_to(w_bf16 + i, weight, left);
    }
}
