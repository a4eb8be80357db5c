/* Every kernel of direct convolution that this machine has against gemm_reference with an operand of patches, in all
 * three passes, over random shapes, types, activations, thread counts and values.
 *
 * The bound: |got − want| ≤ (8 + 2√k) · 2⁻²⁴ · (Σ|a||b| + |bias|), as in test_gemm.c; a result stored as bf16 may be
 * half a unit of its 8 bits off besides, and an activation adds its own 2⁻²⁰. Infinities and NaNs must be where the
 * reference has them. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/random.h"
#include "models/graph/dtype.h"
#include "models/kernels/conv_direct_kernel.h"
#include "tests/kernels/arrays.h"

enum values { ORDINARY, TINY, LARGE, SPREAD, SPECIAL, VALUE_KINDS };

struct trial {
    uint64_t key, next;
    struct conv_direct conv;
    enum values values;
    int threads;
    size_t image_count, operand_count, result_count;
    struct array image, operand, bias, image_size, operand_size, bias_size;
};

static uint32_t below(struct trial *trial, uint32_t count)
{
    return random_below(trial->key, trial->next++, count);
}

static float value(struct trial *trial, bool is_operand)
{
    float x = random_normal(trial->key, trial->next++);
    uint32_t chance = below(trial, 4000);
    switch (trial->values) {
    case TINY:
        return is_operand ? x : ldexpf(x, -(int)below(trial, 120));
    case LARGE:
        return is_operand ? ldexpf(x, -60) : ldexpf(x, (int)below(trial, 100));
    case SPREAD:
        return ldexpf(x, (int)below(trial, 60) - 30);
    case SPECIAL:
        return chance == 0 ? INFINITY : chance == 1 ? -INFINITY : chance == 2 ? NAN : chance < 1000 ? 0 : x;
    default:
        return x;
    }
}

static void put(struct array *array, enum dtype dtype, size_t at, float x)
{
    if (dtype == DTYPE_BF16)
        ((uint16_t *)array->f)[at] = f32_to_bf16(x);
    else
        array->f[at] = x;
}

static double get(const void *from, enum dtype dtype, size_t at)
{
    return dtype == DTYPE_BF16 ? (double)bf16_to_f32(((const uint16_t *)from)[at]) : (double)((const float *)from)[at];
}

/* Room for exactly `count` elements of the type. */
static struct array room(enum dtype dtype, size_t count)
{
    return array_new(dtype == DTYPE_BF16 ? (count + 1) / 2 : count, 0);
}

static void fill(struct trial *trial, struct array *values, struct array *sizes, size_t count, bool is_operand)
{
    enum dtype dtype = trial->conv.dtype;
    *values = room(dtype, count);
    *sizes = room(dtype, count);
    for (size_t i = 0; i < count; i++) {
        float x = value(trial, is_operand);
        put(values, dtype, i, x);
        put(sizes, dtype, i, fabsf(x));
    }
}

static void choose_shape(struct trial *trial)
{
    static const uint32_t channels[] = {1, 3, 4, 8, 16, 20, 32, 33, 48, 64, 70};
    enum { CHANNELS = sizeof channels / sizeof *channels };
    struct conv_shape *shape = &trial->conv.shape;
    *shape = (struct conv_shape){.batch = below(trial, 5),
                                 .height = 1 + below(trial, 17),
                                 .width = 1 + below(trial, 40),
                                 .channels = channels[below(trial, CHANNELS)],
                                 .out_channels = channels[below(trial, CHANNELS)],
                                 .kernel_height = 1 + below(trial, 4),
                                 .kernel_width = 1 + below(trial, 4),
                                 .stride_height = 1,
                                 .stride_width = 1,
                                 .pad_top = below(trial, 3),
                                 .pad_left = below(trial, 3),
                                 .dilation_height = 1,
                                 .dilation_width = 1,
                                 .groups = 1};
    /* Bottom and right padding may differ from top and left, and the last rows and columns may stay unread. */
    size_t high = shape->height + shape->pad_top + below(trial, 3);
    size_t wide = shape->width + shape->pad_left + below(trial, 3);
    shape->out_height = high < shape->kernel_height ? 1 : high - shape->kernel_height + 1;
    shape->out_width = wide < shape->kernel_width ? 1 : wide - shape->kernel_width + 1;
    if (below(trial, 4) == 0 && shape->out_width > 2)
        shape->out_width -= 2;
}

static void choose(struct trial *trial)
{
    struct conv_direct *conv = &trial->conv;
    conv->pass = (enum conv_pass)below(trial, 3);
    conv->dtype = below(trial, 3) == 0 ? DTYPE_BF16 : DTYPE_F32;
    trial->values = (enum values)below(trial, VALUE_KINDS);
    if (conv->dtype == DTYPE_BF16 && trial->values == TINY)
        trial->values = ORDINARY; /* units for bf16 may take denormals for zero */
    trial->threads = 1 + (int)below(trial, 4);
    choose_shape(trial);
    const struct conv_shape *s = &conv->shape;
    size_t x = s->batch * s->height * s->width * s->channels;
    size_t y = s->batch * s->out_height * s->out_width * s->out_channels;
    size_t filters = s->out_channels * s->kernel_height * s->kernel_width * s->channels;
    trial->image_count = conv->pass == CONV_GRADIENT_INPUT ? y : x;
    trial->operand_count = conv->pass == CONV_GRADIENT_FILTERS ? y : filters;
    trial->result_count = conv->pass == CONV_FORWARD ? y : conv->pass == CONV_GRADIENT_INPUT ? x : filters;
    fill(trial, &trial->image, &trial->image_size, trial->image_count, false);
    fill(trial, &trial->operand, &trial->operand_size, trial->operand_count, true);
    conv->image = trial->image.f;
    conv->operand = trial->operand.f;
    trial->bias = array_random(s->out_channels, 0, trial->key + 1, 1);
    trial->bias_size = array_copy(&trial->bias);
    for (size_t i = 0; i < s->out_channels; i++)
        trial->bias_size.f[i] = fabsf(trial->bias.f[i]);
    if (conv->pass == CONV_FORWARD) {
        conv->bias = below(trial, 2) ? trial->bias.f : NULL;
        /* What x · σ(x) makes of −∞ is not this test's matter. */
        conv->activation = (enum activation)below(trial, trial->values == SPECIAL ? 2 : ACTIVATION_COUNT);
    }
}

/* The filters, with taps and output channels brought together as the transposed patches want them. */
static struct array turned(const struct conv_direct *conv, const void *filters)
{
    const struct conv_shape *s = &conv->shape;
    size_t taps = s->kernel_height * s->kernel_width;
    struct array to = room(conv->dtype, s->out_channels * taps * s->channels);
    for (size_t o = 0; o < s->out_channels; o++)
        for (size_t tap = 0; tap < taps; tap++)
            for (size_t c = 0; c < s->channels; c++)
                put(&to, conv->dtype, (tap * s->out_channels + o) * s->channels + c,
                    (float)get(filters, conv->dtype, (o * taps + tap) * s->channels + c));
    return to;
}

/* The same pass as a multiplication, with f32 results; `filters` as the pass wants them. */
static struct gemm as_gemm(const struct conv_direct *conv, const void *image, const void *operand, float *result)
{
    const struct conv_shape *s = &conv->shape;
    size_t taps = s->kernel_height * s->kernel_width, out_pixels = s->batch * s->out_height * s->out_width;
    bool back = conv->pass == CONV_GRADIENT_INPUT;
    struct operand patches = {.data = image,
                              .dtype = conv->dtype,
                              .kind = back ? OPERAND_PATCHES_TRANSPOSED : OPERAND_PATCHES,
                              .conv = s,
                              .channel_count = back ? s->out_channels : s->channels};
    struct operand matrix = {.data = operand, .dtype = conv->dtype, .kind = OPERAND_MATRIX};
    struct gemm gemm = {.c = result, .c_dtype = DTYPE_F32, .a = patches, .b = matrix};
    if (conv->pass == CONV_FORWARD) {
        gemm.m = out_pixels, gemm.n = s->out_channels, gemm.k = taps * s->channels;
        gemm.b.transposed = true;
        gemm.b.row_stride = gemm.k;
        gemm.bias = conv->bias;
        gemm.activation = conv->activation;
    } else if (back) {
        gemm.m = s->batch * s->height * s->width, gemm.n = s->channels, gemm.k = taps * s->out_channels;
        gemm.b.row_stride = gemm.n;
    } else {
        gemm.m = s->out_channels, gemm.n = taps * s->channels, gemm.k = out_pixels;
        gemm.a = matrix;
        gemm.a.transposed = true;
        gemm.a.row_stride = s->out_channels;
        gemm.b = patches;
    }
    gemm.c_row_stride = gemm.n;
    return gemm;
}

static size_t reference(const struct trial *trial, bool sizes, struct array *result)
{
    struct conv_direct conv = trial->conv;
    *result = array_new(trial->result_count, 0);
    if (sizes) {
        conv.activation = ACTIVATION_NONE;
        conv.bias = conv.bias ? trial->bias_size.f : NULL;
    }
    const void *image = sizes ? trial->image_size.f : trial->image.f;
    const void *operand = sizes ? trial->operand_size.f : trial->operand.f;
    struct array filters = {0};
    if (conv.pass == CONV_GRADIENT_INPUT) {
        filters = turned(&conv, operand);
        operand = filters.f;
    }
    struct gemm gemm = as_gemm(&conv, image, operand, result->f);
    gemm_reference(&gemm);
    array_free(&filters);
    return gemm.k;
}

static void compare(const struct trial *trial, const char *name, enum dtype dtype, const void *got, const float *want,
                    const float *size, size_t k)
{
    const struct conv_shape *s = &trial->conv.shape;
    double unit = (8 + 2 * sqrt((double)k)) * 0x1p-24;
    for (size_t i = 0; i < trial->result_count; i++) {
        double x = get(got, dtype, i), y = want[i];
        double bound = unit * size[i] + (trial->conv.activation ? 0x1p-20 * (fabs(y) + 1) : 0) + 0x1p-149;
        if (dtype == DTYPE_BF16)
            bound += fabs(y) * 0x1p-8 + 0x1p-133;
        bool same = isnan(y) ? isnan(x) : isinf(y) ? x == y : fabs(x - y) <= bound;
        if (!isfinite(size[i]) && isfinite(y)) /* parts of the sum exceed f32's range */
            same = true;
        ck_assert_msg(same,
                      "%s, pass %d, %s, values %d, trial %llu, %d threads: x [%zu,%zu,%zu,%zu], filters "
                      "[%zu,%zu,%zu,.], pad %zu,%zu, out %zu x %zu, f %d: element %zu is %.9g, not %.9g (± %.3g)",
                      name, trial->conv.pass, trial->conv.dtype == DTYPE_BF16 ? "bf16" : "f32", trial->values,
                      (unsigned long long)trial->key, trial->threads, s->batch, s->height, s->width, s->channels,
                      s->out_channels, s->kernel_height, s->kernel_width, s->pad_top, s->pad_left, s->out_height,
                      s->out_width, trial->conv.activation, i, x, y, bound);
    }
}

static int check_trial(uint64_t key)
{
    struct trial trial = {.key = random_key(key, "conv direct")};
    choose(&trial);
    struct array want, size;
    size_t k = reference(&trial, false, &want);
    reference(&trial, true, &size);
    enum dtype dtype = trial.conv.pass == CONV_GRADIENT_FILTERS ? DTYPE_F32 : trial.conv.dtype;
    int checked = 0;
    for (const struct conv_kernel *const *kernel = conv_kernels(); *kernel; kernel++) {
        if (!conv_kernel_can(*kernel, &trial.conv))
            continue;
        struct array got = room(dtype, trial.result_count);
        struct conv_direct conv = trial.conv;
        conv.result = got.f;
        size_t bytes = conv_kernel_workspace(*kernel, &conv, trial.threads);
        ck_assert_uint_eq(bytes, conv_kernel_workspace(*kernel, &conv, trial.threads));
        ck_assert_uint_eq(bytes % 4, 0);
        struct array workspace = array_new(bytes / 4, 0);
        memset(workspace.f, 0xff, bytes); /* NaNs: nothing may be taken from what was there */
        conv_kernel_run(*kernel, &conv, workspace.f, trial.threads);
        compare(&trial, (*kernel)->name, dtype, got.f, want.f, size.f, k);
        checked++;
        array_free(&workspace);
        array_free(&got);
    }
    array_free(&want);
    array_free(&size);
    array_free(&trial.image);
    array_free(&trial.operand);
    array_free(&trial.bias);
    array_free(&trial.image_size);
    array_free(&trial.operand_size);
    array_free(&trial.bias_size);
    return checked;
}

START_TEST(random_trials)
{
    int checked = 0;
    int count = trials(300);
    for (int key = 1; key <= count; key++)
        checked += check_trial((uint64_t)key);
    ck_assert_int_ge(checked, count / 2); /* where there is but the plain kernel; some trials none can do */
}
END_TEST

/* A sum depends on which thread adds what, and on nothing else. */
START_TEST(same_every_time)
{
    struct conv_direct conv = {.pass = CONV_GRADIENT_FILTERS,
                               .dtype = DTYPE_F32,
                               .shape = {3, 9, 11, 32, 9, 11, 33, 3, 3, 1, 1, 1, 1, 1, 1, 1}};
    struct array x = array_random(3 * 9 * 11 * 32, 0, 1, 1), dz = array_random(3 * 9 * 11 * 33, 0, 2, 1);
    struct array first = array_new(33 * 9 * 32, 0), second = array_new(33 * 9 * 32, 0);
    conv.image = x.f;
    conv.operand = dz.f;
    for (const struct conv_kernel *const *kernel = conv_kernels(); *kernel; kernel++) {
        struct array workspace = array_new(conv_kernel_workspace(*kernel, &conv, 3) / 4, 0);
        conv.result = first.f;
        conv_kernel_run(*kernel, &conv, workspace.f, 3);
        conv.result = second.f;
        conv_kernel_run(*kernel, &conv, workspace.f, 3);
        check_same("filters' gradient", (*kernel)->name, second.f, first.f, first.count);
        array_free(&workspace);
    }
    array_free(&x);
    array_free(&dz);
    array_free(&first);
    array_free(&second);
}
END_TEST

/* What is no direct convolution's business is left alone. */
START_TEST(refuses_other_windows)
{
    struct conv_direct conv = {.dtype = DTYPE_F32, .shape = {1, 9, 9, 32, 9, 9, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1}};
    ck_assert(conv_direct_applies(&conv));
    struct conv_direct other = conv;
    other.shape.stride_width = 2;
    ck_assert(!conv_direct_applies(&other));
    other = conv;
    other.shape.dilation_height = 2;
    ck_assert(!conv_direct_applies(&other));
    other = conv;
    other.shape.groups = 2;
    ck_assert(!conv_direct_applies(&other));
    other = conv;
    other.shape.kernel_height = other.shape.kernel_width = 1;
    ck_assert(!conv_direct_applies(&other));
    other = conv;
    other.pass = CONV_GRADIENT_INPUT;
    other.shape.pad_top = 3;
    ck_assert(!conv_direct_applies(&other));
}
END_TEST

int main(void)
{
    return suite_run("conv_direct", 600,
                     SUITE(ONCE(random_trials), ONCE(same_every_time), ONCE(refuses_other_windows)));
}
