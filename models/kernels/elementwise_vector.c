/* The elementwise kernels on vectors, built once for each instruction set; see elementwise.h for what they do and
 * vector_math.h for the functions themselves. */
#include "harness/base/random.h"
#include "models/kernels/elementwise_variants.h"
#include "models/kernels/vector_math.h"

VECTOR_INLINE void map(vector (*function)(vector), const float *x, float *y, size_t count)
{
    size_t i = 0;
    for (; i + VECTOR_LANES <= count; i += VECTOR_LANES)
        vector_store(y + i, function(vector_load(x + i)));
    if (i < count)
        vector_store_first(y + i, function(vector_load_first(x + i, count - i)), count - i);
}

VECTOR_INLINE void map2(vector (*function)(vector, vector), const float *a, const float *b, float *y, size_t count)
{
    size_t i = 0;
    for (; i + VECTOR_LANES <= count; i += VECTOR_LANES)
        vector_store(y + i, function(vector_load(a + i), vector_load(b + i)));
    if (i < count) {
        vector last = function(vector_load_first(a + i, count - i), vector_load_first(b + i, count - i));
        vector_store_first(y + i, last, count - i);
    }
}

static void activate(enum activation kind, const float *x, float *y, size_t count)
{
    switch (kind) {
    case ACTIVATION_RELU:
        map(vector_relu, x, y, count);
        break;
    case ACTIVATION_GELU:
        map(vector_gelu, x, y, count);
        break;
    case ACTIVATION_GELU_TANH:
        map(vector_gelu_tanh, x, y, count);
        break;
    case ACTIVATION_SILU:
        map(vector_silu, x, y, count);
        break;
    case ACTIVATION_TANH:
        map(vector_tanh, x, y, count);
        break;
    case ACTIVATION_SIGMOID:
        map(vector_sigmoid, x, y, count);
        break;
    case ACTIVATION_RELU6:
        map(vector_relu6, x, y, count);
        break;
    case ACTIVATION_HARD_SIGMOID:
        map(vector_hard_sigmoid, x, y, count);
        break;
    case ACTIVATION_HARD_SWISH:
        map(vector_hard_swish, x, y, count);
        break;
    case ACTIVATION_QUICK_GELU:
        map(vector_quick_gelu, x, y, count);
        break;
    default:
        if (x != y)
            memcpy(y, x, count * sizeof *y);
    }
}

VECTOR_INLINE vector relu_gradient(vector x, vector dy)
{
    return vector_select(vector_above_or_nan(x, vector_zero()), dy, vector_zero());
}

VECTOR_INLINE vector gelu_gradient(vector x, vector dy)
{
    return dy * vector_gelu_slope(x);
}

VECTOR_INLINE vector gelu_tanh_gradient(vector x, vector dy)
{
    return dy * vector_gelu_tanh_slope(x);
}

VECTOR_INLINE vector silu_gradient(vector x, vector dy)
{
    return dy * vector_silu_slope(x);
}

VECTOR_INLINE vector tanh_gradient(vector x, vector dy)
{
    return dy * vector_tanh_slope(x);
}

VECTOR_INLINE vector sigmoid_gradient(vector x, vector dy)
{
    return dy * vector_sigmoid_slope(x);
}

/* dy where x lies between the two, or is NaN */
VECTOR_INLINE vector gradient_between(vector x, float least, float most, vector dy)
{
    vector below = vector_select(vector_above_or_nan(-x, vector_set(-most)), dy, vector_zero());
    return vector_select(vector_above_or_nan(x, vector_set(least)), below, vector_zero());
}

VECTOR_INLINE vector relu6_gradient(vector x, vector dy)
{
    return gradient_between(x, 0, 6, dy);
}

VECTOR_INLINE vector hard_sigmoid_gradient(vector x, vector dy)
{
    return gradient_between(x, -3, 3, dy * vector_set(1 / 6.0f));
}

VECTOR_INLINE vector hard_swish_gradient(vector x, vector dy)
{
    return dy * vector_hard_swish_slope(x);
}

VECTOR_INLINE vector quick_gelu_gradient(vector x, vector dy)
{
    return dy * vector_quick_gelu_slope(x);
}

static void activate_gradient(enum activation kind, const float *x, const float *dy, float *dx, size_t count)
{
    switch (kind) {
    case ACTIVATION_RELU:
        map2(relu_gradient, x, dy, dx, count);
        break;
    case ACTIVATION_GELU:
        map2(gelu_gradient, x, dy, dx, count);
        break;
    case ACTIVATION_GELU_TANH:
        map2(gelu_tanh_gradient, x, dy, dx, count);
        break;
    case ACTIVATION_SILU:
        map2(silu_gradient, x, dy, dx, count);
        break;
    case ACTIVATION_TANH:
        map2(tanh_gradient, x, dy, dx, count);
        break;
    case ACTIVATION_SIGMOID:
        map2(sigmoid_gradient, x, dy, dx, count);
        break;
    case ACTIVATION_RELU6:
        map2(relu6_gradient, x, dy, dx, count);
        break;
    case ACTIVATION_HARD_SIGMOID:
        map2(hard_sigmoid_gradient, x, dy, dx, count);
        break;
    case ACTIVATION_HARD_SWISH:
        map2(hard_swish_gradient, x, dy, dx, count);
        break;
    case ACTIVATION_QUICK_GELU:
        map2(quick_gelu_gradient, x, dy, dx, count);
        break;
    default:
        if (dx != dy)
            memcpy(dx, dy, count * sizeof *dx);
    }
}

VECTOR_INLINE vector tanh_gradient_from_output(vector y, vector dy)
{
    return dy * (vector_set(1) - y * y);
}

VECTOR_INLINE vector sigmoid_gradient_from_output(vector y, vector dy)
{
    return dy * (y * (vector_set(1) - y));
}

VECTOR_INLINE vector hard_sigmoid_gradient_from_output(vector y, vector dy)
{
    return gradient_between(y, 0, 1, dy * vector_set(1 / 6.0f));
}

static void activate_gradient_from_output(enum activation kind, const float *y, const float *dy, float *dx,
                                          size_t count)
{
    if (kind == ACTIVATION_RELU)
        map2(relu_gradient, y, dy, dx, count);
    else if (kind == ACTIVATION_TANH)
        map2(tanh_gradient_from_output, y, dy, dx, count);
    else if (kind == ACTIVATION_SIGMOID)
        map2(sigmoid_gradient_from_output, y, dy, dx, count);
    else if (kind == ACTIVATION_RELU6)
        map2(relu6_gradient, y, dy, dx, count);
    else if (kind == ACTIVATION_HARD_SIGMOID)
        map2(hard_sigmoid_gradient_from_output, y, dy, dx, count);
    else
        elementwise_kernels_plain.activate_gradient_from_output(kind, y, dy, dx, count);
}

VECTOR_INLINE vector sum_of_two(vector a, vector b)
{
    return a + b;
}

VECTOR_INLINE vector product_of_two(vector a, vector b)
{
    return a * b;
}

static void add(const float *a, const float *b, float *y, size_t count)
{
    map2(sum_of_two, a, b, y, count);
}

static void multiply(const float *a, const float *b, float *y, size_t count)
{
    map2(product_of_two, a, b, y, count);
}

static void scale(const float *x, float factor, float *y, size_t count)
{
    const vector factors = vector_set(factor);
    size_t i = 0;
    for (; i + VECTOR_LANES <= count; i += VECTOR_LANES)
        vector_store(y + i, vector_load(x + i) * factors);
    if (i < count)
        vector_store_first(y + i, vector_load_first(x + i, count - i) * factors, count - i);
}

static void fill(float *y, float value, size_t count)
{
    const vector values = vector_set(value);
    for (size_t i = 0; i < count; i += VECTOR_LANES)
        vector_store_up_to(y + i, values, count - i);
}

/* Blocks summed in float, their sums in double: the error stays that of a block however long the range is. */
static float sum(const float *x, size_t count)
{
    const size_t block = 4096;
    double total = 0;
    for (size_t start = 0; start < count; start += block) {
        size_t end = count - start < block ? count : start + block, i = start;
        vector part[4] = {vector_zero(), vector_zero(), vector_zero(), vector_zero()};
        for (; i + 4 * VECTOR_LANES <= end; i += 4 * VECTOR_LANES)
            for (size_t j = 0; j < 4; j++)
                part[j] += vector_load(x + i + j * VECTOR_LANES);
        for (; i < end; i += VECTOR_LANES)
            part[0] += vector_load_up_to(x + i, end - i);
        total += vector_sum((part[0] + part[1]) + (part[2] + part[3]));
    }
    return (float)total;
}

VECTOR_INLINE void widen(vector (*load)(const uint16_t *), const uint16_t *x, float *y, size_t count)
{
    size_t i = 0;
    for (; i + VECTOR_LANES <= count; i += VECTOR_LANES)
        vector_store(y + i, load(x + i));
    if (i < count) {
        uint16_t last[VECTOR_LANES] = {0};
        memcpy(last, x + i, (count - i) * sizeof *x);
        vector_store_first(y + i, load(last), count - i);
    }
}

VECTOR_INLINE void narrow(void (*store)(uint16_t *, vector), const float *x, uint16_t *y, size_t count)
{
    size_t i = 0;
    for (; i + VECTOR_LANES <= count; i += VECTOR_LANES)
        store(y + i, vector_load(x + i));
    if (i < count) {
        uint16_t last[VECTOR_LANES];
        store(last, vector_load_first(x + i, count - i));
        memcpy(y + i, last, (count - i) * sizeof *y);
    }
}

static void widen_bf16(const uint16_t *x, float *y, size_t count)
{
    widen(vector_load_bf16, x, y, count);
}

static void narrow_bf16(const float *x, uint16_t *y, size_t count)
{
    narrow(vector_store_bf16, x, y, count);
}

static void widen_f16(const uint16_t *x, float *y, size_t count)
{
    widen(vector_load_f16, x, y, count);
}

static void narrow_f16(const float *x, uint16_t *y, size_t count)
{
    narrow(vector_store_f16, x, y, count);
}

static void dropout(uint64_t key, uint64_t first, float rate, const float *x, float *y, size_t count)
{
    if (!(rate < 1)) { /* nothing is kept, and the threshold would not fit 64 bits */
        fill(y, 0, count);
        return;
    }
    const uint64_t step = UINT64_C(0x9e3779b97f4a7c15), threshold = dropout_threshold(rate);
    const vector factor = vector_set(1 / (1 - rate));
    uint64_t counter = key + (first + 1) * step;
    for (size_t i = 0; i < count; i += VECTOR_LANES, counter += VECTOR_LANES * step) {
        vector_mask keep = vector_random_at_least(counter, step, threshold);
        vector kept = vector_select(keep, vector_load_up_to(x + i, count - i) * factor, vector_zero());
        vector_store_up_to(y + i, kept, count - i);
    }
}

const struct elementwise_kernels VECTOR_NAME(elementwise_kernels) = {
    .name = VECTOR_STRING(VECTOR_SUFFIX),
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
    .sgd = VECTOR_NAME(sgd),
    .rmsprop = VECTOR_NAME(rmsprop),
    .adam = VECTOR_NAME(adam),
};
