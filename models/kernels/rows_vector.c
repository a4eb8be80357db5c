/* Softmax, cross-entropy and the table of this variant's row kernels, on vectors; built once for each instruction set.
 * See rows.h. Rows are walked in blocks that stay in the first-level cache, so a block's maximum and its exponentials
 * cost one pass over memory (online softmax: Milakov, Gimelshein 2018). */
#include "models/kernels/rows_variants.h"
#include "models/kernels/vector_math.h"

/* 8 KiB */
static const size_t block_columns = 2048;
/* A row of up to this many columns, 256 KiB, stays in the second-level cache from one pass to the next. */
static const size_t cached_columns = 65536;

static float largest_of(const float *x, size_t count)
{
    const vector lowest = vector_set(-INFINITY);
    vector best[4] = {lowest, lowest, lowest, lowest};
    size_t i = 0;
    for (; i + 4 * VECTOR_LANES <= count; i += 4 * VECTOR_LANES)
        for (size_t j = 0; j < 4; j++)
            best[j] = vector_max(vector_load(x + i + j * VECTOR_LANES), best[j]);
    for (; i < count; i += VECTOR_LANES) {
        size_t n = vector_take(count - i);
        best[0] = vector_max(vector_select(vector_first(n), vector_load_up_to(x + i, n), lowest), best[0]);
    }
    return vector_largest(vector_max(vector_max(best[0], best[1]), vector_max(best[2], best[3])));
}

/* Σ exp(x − shift); the terms themselves go to y when it is not NULL. */
VECTOR_INLINE float exp_sum(const float *x, float *y, size_t count, float shift)
{
    const vector shifts = vector_set(shift);
    vector part[2] = {vector_zero(), vector_zero()};
    size_t i = 0;
    for (; i + 2 * VECTOR_LANES <= count; i += 2 * VECTOR_LANES)
        for (size_t j = 0; j < 2; j++) {
            vector term = vector_exp(vector_load(x + i + j * VECTOR_LANES) - shifts);
            part[j] += term;
            if (y)
                vector_store(y + i + j * VECTOR_LANES, term);
        }
    for (; i < count; i += VECTOR_LANES) {
        size_t n = vector_take(count - i);
        vector term = vector_exp(vector_load_up_to(x + i, n) - shifts);
        part[0] += vector_select(vector_first(n), term, vector_zero());
        if (y)
            vector_store_up_to(y + i, term, n);
    }
    return vector_sum(part[0] + part[1]);
}

/* What exp is taken relative to: the largest x, or 0 where all are −infinity, so that ∞ − ∞ does not arise. */
static float shift_for(float largest)
{
    return largest == -INFINITY ? 0 : largest;
}

/* Σ exp(x − shift) with the shift found on the way: a larger maximum scales down what has been summed. */
static double online_exp_sum(const float *x, size_t columns, float *shift)
{
    float largest = -INFINITY;
    double sum = 0;
    for (size_t c = 0; c < columns; c += block_columns) {
        size_t count = columns - c < block_columns ? columns - c : block_columns;
        float block_largest = largest_of(x + c, count);
        if (block_largest > largest) {
            sum *= exp((double)largest - block_largest);
            largest = block_largest;
        }
        sum += exp_sum(x + c, NULL, count, shift_for(largest));
    }
    *shift = shift_for(largest);
    return sum;
}

static void scale_row(float *y, size_t count, float factor)
{
    const vector factors = vector_set(factor);
    for (size_t i = 0; i < count; i += VECTOR_LANES)
        vector_store_up_to(y + i, vector_load_up_to(y + i, count - i) * factors, count - i);
}

static void exp_row(const float *x, float *y, size_t count, float shift, float factor)
{
    const vector shifts = vector_set(shift), factors = vector_set(factor);
    for (size_t i = 0; i < count; i += VECTOR_LANES) {
        vector term = vector_exp(vector_load_up_to(x + i, count - i) - shifts);
        vector_store_up_to(y + i, term * factors, count - i);
    }
}

/* While the row stays in cache, one exp an element and three passes are fastest; beyond, two passes and two exps. */
static void softmax(const float *x, float *y, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, x += columns, y += columns) {
        float shift;
        if (columns > cached_columns) {
            float sum = (float)online_exp_sum(x, columns, &shift);
            exp_row(x, y, columns, shift, 1 / sum);
            continue;
        }
        shift = shift_for(largest_of(x, columns));
        double sum = 0;
        for (size_t c = 0; c < columns; c += block_columns)
            sum += exp_sum(x + c, y + c, columns - c < block_columns ? columns - c : block_columns, shift);
        scale_row(y, columns, (float)(1 / sum));
    }
}

static float dot(const float *a, const float *b, size_t count)
{
    vector part[4] = {vector_zero(), vector_zero(), vector_zero(), vector_zero()};
    size_t i = 0;
    for (; i + 4 * VECTOR_LANES <= count; i += 4 * VECTOR_LANES)
        for (size_t j = 0; j < 4; j++) {
            size_t at = i + j * VECTOR_LANES;
            part[j] = vector_fma(vector_load(a + at), vector_load(b + at), part[j]);
        }
    for (; i < count; i += VECTOR_LANES)
        part[0] = vector_fma(vector_load_up_to(a + i, count - i), vector_load_up_to(b + i, count - i), part[0]);
    return vector_sum((part[0] + part[1]) + (part[2] + part[3]));
}

static void softmax_gradient(const float *y, const float *dy, float *dx, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, y += columns, dy += columns, dx += columns) {
        double total = 0;
        for (size_t c = 0; c < columns; c += block_columns)
            total += dot(y + c, dy + c, columns - c < block_columns ? columns - c : block_columns);
        const vector sum = vector_set((float)total);
        for (size_t c = 0; c < columns; c += VECTOR_LANES) {
            size_t left = columns - c;
            vector slope = vector_load_up_to(dy + c, left) - sum;
            vector_store_up_to(dx + c, vector_load_up_to(y + c, left) * slope, left);
        }
    }
}

static void cross_entropy(const float *x, const int32_t *target, float *loss, float *log_sum, size_t rows,
                          size_t columns)
{
    for (size_t r = 0; r < rows; r++, x += columns) {
        float shift;
        double sum = online_exp_sum(x, columns, &shift), whole = shift + log(sum);
        log_sum[r] = (float)whole;
        if (target[r] < 0)
            loss[r] = 0;
        else
            loss[r] = (size_t)target[r] < columns ? (float)(whole - x[target[r]]) : NAN;
    }
}

static void cross_entropy_gradient(const float *x, const int32_t *target, const float *log_sum, float scale, float *dx,
                                   size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++, x += columns, dx += columns) {
        if (target[r] < 0) {
            memset(dx, 0, columns * sizeof *dx);
            continue;
        }
        exp_row(x, dx, columns, log_sum[r], scale);
        if ((size_t)target[r] < columns)
            dx[target[r]] -= scale;
    }
}

const struct row_kernels VECTOR_NAME(row_kernels) = {
    .name = VECTOR_STRING(VECTOR_SUFFIX),
    .layer_norm = VECTOR_NAME(layer_norm),
    .layer_norm_gradient = VECTOR_NAME(layer_norm_gradient),
    .rms_norm = VECTOR_NAME(rms_norm),
    .rms_norm_gradient = VECTOR_NAME(rms_norm_gradient),
    .softmax = softmax,
    .softmax_gradient = softmax_gradient,
    .cross_entropy = cross_entropy,
    .cross_entropy_gradient = cross_entropy_gradient,
    .column_sums = VECTOR_NAME(column_sums),
    .column_moments = VECTOR_NAME(column_moments),
    .column_products = VECTOR_NAME(column_products),
    .column_affine = VECTOR_NAME(column_affine),
};
