/* The specification of elementwise.h in plain C, in double precision where rounding would show. */
#include <math.h>
#include <string.h>

#include "harness/base/random.h"
#include "models/graph/dtype.h"
#include "models/kernels/elementwise_variants.h"

static const double root_half = 0.70710678118654752440, root_two_over_pi = 0.79788456080286535588;
static const double cubic = 0.044715, quick = 1.702;

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* 2z of GPT-2's gelu: ½(1 + tanh z) is σ(2z) */
static double twice_z(double x)
{
    return 2 * root_two_over_pi * (x + cubic * x * x * x);
}

/* NaN stays NaN. */
static double clamp(double x, double most)
{
    return x < 0 ? 0 : x > most ? most : x;
}

static double value_of(enum activation kind, double x)
{
    switch (kind) {
    case ACTIVATION_RELU:
        return x > 0 || isnan(x) ? x : 0;
    case ACTIVATION_GELU:
        return x == -INFINITY ? 0 : x * 0.5 * erfc(-x * root_half);
    case ACTIVATION_GELU_TANH:
        return x == -INFINITY ? 0 : x * sigmoid(twice_z(x));
    case ACTIVATION_SILU:
        return x == -INFINITY ? 0 : x * sigmoid(x);
    case ACTIVATION_TANH:
        return tanh(x);
    case ACTIVATION_SIGMOID:
        return sigmoid(x);
    case ACTIVATION_RELU6:
        return clamp(x, 6);
    case ACTIVATION_HARD_SIGMOID:
        return clamp(x / 6 + 0.5, 1);
    case ACTIVATION_HARD_SWISH:
        return x == -INFINITY ? 0 : x * clamp(x / 6 + 0.5, 1);
    case ACTIVATION_QUICK_GELU:
        return x == -INFINITY ? 0 : x * sigmoid(quick * x);
    default:
        return x;
    }
}

/* Is it flat at +∞? */
static bool saturates(enum activation kind)
{
    return kind == ACTIVATION_TANH || kind == ACTIVATION_SIGMOID || kind == ACTIVATION_RELU6 ||
           kind == ACTIVATION_HARD_SIGMOID;
}

static double slope_of(enum activation kind, double x)
{
    if (isinf(x)) /* the limits, where the formulas below say ∞ · 0 */
        return kind == ACTIVATION_NONE || (x > 0 && !saturates(kind));
    double s;
    switch (kind) {
    case ACTIVATION_RELU:
        return !(x <= 0);
    case ACTIVATION_GELU:
        return 0.5 * erfc(-x * root_half) + x * exp(-x * x / 2) * 0.5 * root_half * M_2_SQRTPI;
    case ACTIVATION_GELU_TANH:
        s = sigmoid(twice_z(x));
        return s + (s > 0 && s < 1 ? x * s * (1 - s) * 2 * root_two_over_pi * (1 + 3 * cubic * x * x) : 0 * x);
    case ACTIVATION_SILU:
        s = sigmoid(x);
        return s + x * s * (1 - s);
    case ACTIVATION_TANH:
        return 1 - tanh(x) * tanh(x);
    case ACTIVATION_SIGMOID:
        s = sigmoid(x);
        return s * (1 - s);
    case ACTIVATION_RELU6:
        return !(x <= 0 || x >= 6);
    case ACTIVATION_HARD_SIGMOID:
        return x <= -3 || x >= 3 ? 0 : 1.0 / 6;
    case ACTIVATION_HARD_SWISH:
        return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
    case ACTIVATION_QUICK_GELU:
        s = sigmoid(quick * x);
        return s + quick * x * s * (1 - s);
    default:
        return 1;
    }
}

static double slope_from_output(enum activation kind, double y)
{
    switch (kind) {
    case ACTIVATION_RELU:
        return !(y <= 0);
    case ACTIVATION_TANH:
        return 1 - y * y;
    case ACTIVATION_SIGMOID:
        return y * (1 - y);
    case ACTIVATION_RELU6:
        return !(y <= 0 || y >= 6);
    case ACTIVATION_HARD_SIGMOID:
        return y <= 0 || y >= 1 ? 0 : 1.0 / 6;
    default:
        return ACTIVATION_NONE == kind ? 1 : NAN; /* the others don't follow from y */
    }
}

static void activate(enum activation kind, const float *x, float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = (float)value_of(kind, x[i]);
}

static void activate_gradient(enum activation kind, const float *x, const float *dy, float *dx, size_t count)
{
    for (size_t i = 0; i < count; i++)
        dx[i] = (float)(dy[i] * slope_of(kind, x[i]));
}

static void activate_gradient_from_output(enum activation kind, const float *y, const float *dy, float *dx,
                                          size_t count)
{
    for (size_t i = 0; i < count; i++)
        dx[i] = (float)(dy[i] * slope_from_output(kind, y[i]));
}

static void add(const float *a, const float *b, float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = a[i] + b[i];
}

static void multiply(const float *a, const float *b, float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = a[i] * b[i];
}

static void scale(const float *x, float factor, float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] * factor;
}

static void fill(float *y, float value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = value;
}

static float sum(const float *x, size_t count)
{
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += x[i];
    return (float)total;
}

static void widen_bf16(const uint16_t *x, float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = bf16_to_f32(x[i]);
}

static void narrow_bf16(const float *x, uint16_t *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = f32_to_bf16(x[i]);
}

static void widen_f16(const uint16_t *x, float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = f16_to_f32(x[i]);
}

static void narrow_f16(const float *x, uint16_t *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = f32_to_f16(x[i]);
}

static void dropout(uint64_t key, uint64_t first, float rate, const float *x, float *y, size_t count)
{
    const float factor = 1 / (1 - rate);
    for (size_t i = 0; i < count; i++)
        y[i] = random_uniform(key, first + i) >= rate ? x[i] * factor : 0;
}

const struct elementwise_kernels elementwise_kernels_plain = {
    .name = "plain",
    .activate = activate,
    .activate_gradient = activate_gradient,
    .activate_gradient_from_output = activate_gradient_from_output,
    .add = add,
    .multiply = multiply,
    .scale = scale,
    .fill = fill,
    .sum = sum,
    .widen_bf16 = widen_bf16,
    .narrow_bf16 = narrow_bf16,
    .widen_f16 = widen_f16,
    .narrow_f16 = narrow_f16,
    .dropout = dropout,
    .sgd = sgd_plain,
    .rmsprop = rmsprop_plain,
    .adam = adam_plain,
};
