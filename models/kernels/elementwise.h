/* Elementwise functions over ranges: activations and their gradients, sums and products, dropout, type conversion, and
 * the optimizers' one-pass updates. Each works on `count` consecutive elements on the calling thread; callers split
 * work among threads. Pointers need no alignment; outputs may equal inputs of the same type, but not overlap otherwise.
 *
 * Activations:  relu max(x,0) · gelu x·Φ(x) · gelu_tanh ½x(1+tanh(√(2/π)(x+0.044715x³))) · silu x·σ(x) · tanh · σ
 *               relu6 min(max(x,0),6) · hard_sigmoid min(max(x/6+½,0),1) · hard_swish x·hard_sigmoid(x) · quick_gelu
 * x·σ(1.702x) accurate to 4 ulp-of-1 (2^-22) absolute or relative over all finite x; NaN stays NaN. Gradients take x,
 * the value before the activation, except where it says y. */
#ifndef KERNELS_ELEMENTWISE_H
#define KERNELS_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

#include "models/kernels/gemm.h" /* enum activation */

/* One step of an optimizer for `count` parameters. Formulas as PyTorch's (torch.optim), so that a step gives its
 * numbers: its scalars are doubles (in float, 1 − 0.999 is wrong in the fifth digit). The gradient is first multiplied
 * by gradient_scale, then regularised: g += l1 · sign(w) + l2 · w. */
struct optimizer_step {
    double learning_rate, momentum, beta1, beta2, epsilon, decay /* AdamW's decoupled, or RMSprop's alpha */;
    double l1, l2, gradient_scale;
    double bias_correction1, bias_correction2; /* 1 − βᵗ for this step t */
};

struct elementwise_kernels {
    const char *name; /* "plain", "avx2", "avx512" */
    void (*activate)(enum activation kind, const float *x, float *y, size_t count);
    /* dx = dy · f'(x) */
    void (*activate_gradient)(enum activation kind, const float *x, const float *dy, float *dx, size_t count);
    /* the same from y = f(x), for relu, tanh, sigmoid, relu6 and hard_sigmoid, which don't need x */
    void (*activate_gradient_from_output)(enum activation kind, const float *y, const float *dy, float *dx,
                                          size_t count);
    void (*add)(const float *a, const float *b, float *y, size_t count);
    void (*multiply)(const float *a, const float *b, float *y, size_t count);
    void (*scale)(const float *x, float factor, float *y, size_t count);
    void (*fill)(float *y, float value, size_t count);
    float (*sum)(const float *x, size_t count);
    void (*widen_bf16)(const uint16_t *x, float *y, size_t count);
    void (*narrow_bf16)(const float *x, uint16_t *y, size_t count); /* to nearest even; NaN stays NaN */
    void (*widen_f16)(const uint16_t *x, float *y, size_t count);
    void (*narrow_f16)(const float *x, uint16_t *y, size_t count);
    /* y[i] = keep(i) ? x[i] / (1 − rate) : 0, keep(i) = random_uniform(key, first + i) >= rate; its own gradient */
    void (*dropout)(uint64_t key, uint64_t first, float rate, const float *x, float *y, size_t count);
    /* w -= lr · g;  with momentum: v = momentum · v + g (v may be NULL when momentum is 0), w -= lr · v */
    void (*sgd)(const struct optimizer_step *, float *w, const float *g, float *v, uint16_t *w_bf16, size_t count);
    /* s = α s + (1−α) g²;  w -= lr · g / (√s + ε) */
    void (*rmsprop)(const struct optimizer_step *, float *w, const float *g, float *s, uint16_t *w_bf16, size_t count);
    /* m = β₁m + (1−β₁)g;  v = β₂v + (1−β₂)g²;  w -= lr/c₁ · m / (√v/√c₂ + ε);  AdamW first w -= lr · decay · w.
     * w_bf16, when not NULL, receives the updated weights rounded to bf16 (in all three). */
    void (*adam)(const struct optimizer_step *, float *w, const float *g, float *m, float *v, uint16_t *w_bf16,
                 size_t count);
};

/* The fastest variant that this machine has. */
const struct elementwise_kernels *elementwise_kernels(void);
/* Every variant that this machine can run, fastest first, the plain one last, ended by NULL. */
const struct elementwise_kernels *const *elementwise_variants(void);
/* The specification of the others. */
extern const struct elementwise_kernels elementwise_kernels_plain;

#endif
