/* Every variant of the image kernels against the plain one, which is the specification; the threaded functions against
 * one thread's; gradients against the functions themselves, of which they are the transposes. */
#include <stdio.h>

#include "models/kernels/spatial_variants.h"
#include "tests/kernels/arrays.h"

/* batch, height, width, channels, out_channels, kernel h w, stride h w, pad h w, dilation h w, groups */
static const struct {
    size_t n, h, w, c, oc, kh, kw, sh, sw, ph, pw, dh, dw, groups;
} rows[] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1},           {2, 7, 9, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1, 16},
    {1, 20, 23, 33, 33, 3, 3, 1, 1, 1, 1, 1, 1, 33},      {2, 13, 40, 17, 17, 3, 3, 2, 2, 1, 1, 1, 1, 17},
    {1, 12, 30, 48, 48, 5, 5, 1, 1, 2, 2, 1, 1, 48},      {1, 12, 30, 15, 15, 5, 5, 2, 2, 2, 2, 1, 1, 15},
    {1, 10, 25, 24, 24, 3, 3, 1, 1, 2, 2, 2, 2, 24},      {1, 10, 25, 24, 24, 3, 3, 1, 1, 0, 0, 1, 1, 24},
    {2, 9, 11, 20, 20, 2, 3, 2, 1, 0, 1, 1, 2, 20},       {1, 5, 4, 18, 18, 7, 7, 1, 1, 3, 3, 1, 1, 18},
    {1, 30, 31, 3, 3, 11, 11, 3, 2, 4, 5, 1, 1, 3},       {1, 6, 6, 40, 40, 1, 1, 1, 1, 1, 1, 1, 1, 40},
    {2, 8, 8, 12, 24, 3, 3, 1, 1, 1, 1, 1, 1, 12},        {2, 8, 8, 12, 8, 3, 3, 2, 2, 1, 1, 1, 1, 4},
    {1, 7, 7, 64, 64, 7, 7, 7, 7, 0, 0, 1, 1, 64},        {0, 7, 7, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1, 16},
    {1, 40, 40, 2, 2, 37, 37, 1, 1, 0, 0, 1, 1, 2},       {1, 33, 34, 17, 17, 33, 33, 1, 1, 0, 0, 1, 1, 17},
    {1, 3, 20, 2000, 2000, 3, 3, 1, 1, 1, 1, 1, 1, 2000},
};
enum { ROWS = sizeof rows / sizeof *rows };

static size_t extent(size_t size, size_t kernel, size_t stride, size_t pad, size_t dilation)
{
    return (size + 2 * pad - ((kernel - 1) * dilation + 1)) / stride + 1;
}

static struct conv_shape shape_of(size_t i)
{
    struct conv_shape s = {
        .batch = rows[i].n,
        .height = rows[i].h,
        .width = rows[i].w,
        .channels = rows[i].c,
        .out_channels = rows[i].oc,
        .kernel_height = rows[i].kh,
        .kernel_width = rows[i].kw,
        .stride_height = rows[i].sh,
        .stride_width = rows[i].sw,
        .pad_top = rows[i].ph,
        .pad_left = rows[i].pw,
        .dilation_height = rows[i].dh,
        .dilation_width = rows[i].dw,
        .groups = rows[i].groups,
    };
    s.out_height = extent(s.height, s.kernel_height, s.stride_height, s.pad_top, s.dilation_height);
    s.out_width = extent(s.width, s.kernel_width, s.stride_width, s.pad_left, s.dilation_width);
    return s;
}

static size_t in_count(const struct conv_shape *s)
{
    return s->batch * s->height * s->width * s->channels;
}

static size_t out_count(const struct conv_shape *s, size_t channels)
{
    return s->batch * s->out_height * s->out_width * channels;
}

static char label[128];

static const char *name_of(const char *what, size_t i)
{
    snprintf(label, sizeof label, "%s of shape %zu (%zux%zux%zu, kernel %zux%zu)", what, i, rows[i].h, rows[i].w,
             rows[i].c, rows[i].kh, rows[i].kw);
    return label;
}

START_TEST(max_pools)
{
    const struct spatial_kernels *const *variants = spatial_variants(), *plain = &spatial_kernels_plain;
    for (; *variants; variants++)
        for (size_t i = 0; i < ROWS; i++) {
            const struct conv_shape s = shape_of(i);
            const size_t in = in_count(&s), out = out_count(&s, s.channels), lines = s.batch * s.out_height;
            struct array x = array_random(in, 1, 1, 1), dy = array_random(out, 3, 2, 1);
            struct array y = array_new(out, 1), want = array_new(out, 0), dx = array_new(in, 3),
                         want_dx = array_new(in, 0);
            int32_t *index = malloc(out * 4 + 1), *want_index = malloc(out * 4 + 1);
            for (size_t e = 0; e < in; e++) /* equals, NaNs and −infinities */
                x.f[e] = e % 11 == 3 ? -INFINITY : e % 97 == 5 ? NAN : roundf(x.f[e] * 2);
            plain->max_pool(&s, x.f, want.f, want_index, 0, lines);
            (*variants)->max_pool(&s, x.f, y.f, index, 0, lines);
            check_same(name_of("max_pool", i), (*variants)->name, y.f, want.f, out);
            ck_assert_msg(out == 0 || memcmp(index, want_index, out * 4) == 0, "%s: indices", name_of("max_pool", i));
            (*variants)->max_pool(&s, x.f, y.f, NULL, 0, lines);
            check_same(name_of("max_pool without indices", i), (*variants)->name, y.f, want.f, out);
            plain->max_pool_gradient(&s, dy.f, index, want_dx.f, 0, s.batch * s.height);
            (*variants)->max_pool_gradient(&s, dy.f, index, dx.f, 0, s.batch * s.height);
            check_near(name_of("max_pool_gradient", i), (*variants)->name, dx.f, want_dx.f, in, 2e-6, 1);
            free(index), free(want_index);
            array_free(&x), array_free(&dy), array_free(&y), array_free(&want), array_free(&dx), array_free(&want_dx);
        }
}
END_TEST

START_TEST(average_pools)
{
    const struct spatial_kernels *const *variants = spatial_variants(), *plain = &spatial_kernels_plain;
    for (; *variants; variants++)
        for (size_t i = 0; i < ROWS; i++)
            for (int padding = 0; padding < 2; padding++) {
                const struct conv_shape s = shape_of(i);
                if (s.kernel_height == 1 && s.pad_top)
                    continue; /* a window of padding alone has no mean */
                const size_t in = in_count(&s), out = out_count(&s, s.channels);
                struct array x = array_random(in, 1, 1, 1), dy = array_random(out, 3, 2, 1), y = array_new(out, 1);
                struct array want = array_new(out, 0), dx = array_new(in, 3), want_dx = array_new(in, 0);
                plain->average_pool(&s, padding, x.f, want.f, 0, s.batch * s.out_height);
                (*variants)->average_pool(&s, padding, x.f, y.f, 0, s.batch * s.out_height);
                check_near(name_of("average_pool", i), (*variants)->name, y.f, want.f, out, 2e-6, 1);
                plain->average_pool_gradient(&s, padding, dy.f, want_dx.f, 0, s.batch * s.height);
                (*variants)->average_pool_gradient(&s, padding, dy.f, dx.f, 0, s.batch * s.height);
                check_near(name_of("average_pool_gradient", i), (*variants)->name, dx.f, want_dx.f, in, 4e-6, 1);
                array_free(&x), array_free(&dy), array_free(&y), array_free(&want), array_free(&dx);
                array_free(&want_dx);
            }
}
END_TEST

/* Sums of products of up to 1369 taps: rounding grows with their number. */
static double conv_tolerance(const struct conv_shape *s)
{
    return 1e-6 * sqrt((double)(s->kernel_height * s->kernel_width)) * 3;
}

START_TEST(convolutions)
{
    const struct spatial_kernels *const *variants = spatial_variants(), *plain = &spatial_kernels_plain;
    for (; *variants; variants++)
        for (size_t i = 0; i < ROWS; i++) {
            const struct conv_shape s = shape_of(i);
            const size_t in = in_count(&s), out = out_count(&s, s.out_channels);
            const size_t taps = s.kernel_height * s.kernel_width;
            struct array x = array_random(in, 1, 1, 1), dy = array_random(out, 3, 2, 1),
                         bias = array_random(s.out_channels, 1, 3, 1);
            struct array filters = array_random(s.out_channels * taps * (s.channels / s.groups), 1, 4, 1);
            struct array y = array_new(out, 1), want = array_new(out, 0), dx = array_new(in, 3),
                         want_dx = array_new(in, 0);
            const float *b = i % 3 ? bias.f : NULL;
            plain->conv(&s, x.f, filters.f, b, want.f, 0, s.batch * s.out_height);
            (*variants)->conv(&s, x.f, filters.f, b, y.f, 0, s.batch * s.out_height);
            check_near(name_of("conv", i), (*variants)->name, y.f, want.f, out, conv_tolerance(&s), 1);
            plain->conv_gradient_input(&s, dy.f, filters.f, want_dx.f, 0, s.batch * s.height);
            (*variants)->conv_gradient_input(&s, dy.f, filters.f, dx.f, 0, s.batch * s.height);
            check_near(name_of("conv_gradient_input", i), (*variants)->name, dx.f, want_dx.f, in, conv_tolerance(&s),
                       1);
            if (is_depthwise(&s)) {
                struct array partial = array_random(taps * s.channels, 1, 5, 1), want_partial = array_copy(&partial);
                plain->depthwise_gradient_filters(&s, x.f, dy.f, want_partial.f, 0, s.batch * s.out_height);
                (*variants)->depthwise_gradient_filters(&s, x.f, dy.f, partial.f, 0, s.batch * s.out_height);
                check_near(name_of("gradient_filters", i), (*variants)->name, partial.f, want_partial.f,
                           taps * s.channels, 1e-5, 5);
                array_free(&partial), array_free(&want_partial);
            }
            array_free(&x), array_free(&dy), array_free(&bias), array_free(&filters);
            array_free(&y), array_free(&want), array_free(&dx), array_free(&want_dx);
        }
}
END_TEST

static double dot(const struct array *a, const struct array *b)
{
    double sum = 0;
    for (size_t i = 0; i < a->count; i++)
        sum += (double)a->f[i] * b->f[i];
    return sum;
}

START_TEST(gradients_are_transposes)
{
    /* Convolution is linear in x and in the filters: dy·conv(x,f) = x·dx = f·df, whatever the shape. */
    for (size_t i = 0; i < ROWS; i++)
        for (int threads = 1; threads <= 3; threads++) {
            const struct conv_shape s = shape_of(i);
            const size_t out = out_count(&s, s.out_channels);
            struct array x = array_random(in_count(&s), 1, 1, 1), dy = array_random(out, 3, 2, 1),
                         y = array_new(out, 0);
            struct array filters =
                array_random(s.out_channels * s.kernel_height * s.kernel_width * (s.channels / s.groups), 1, 4, 1);
            struct array dx = array_new(x.count, 1), dfilters = array_new(filters.count, 1);
            void *workspace = aligned_alloc(64, (grouped_conv_gradient_workspace(&s, threads) + 127) / 64 * 64);
            grouped_conv_run(&s, x.f, filters.f, NULL, ACTIVATION_NONE, y.f, threads);
            grouped_conv_gradient_input_run(&s, dy.f, filters.f, dx.f, threads);
            grouped_conv_gradient_filters_run(&s, x.f, dy.f, dfilters.f, workspace, threads);
            double want = dot(&dy, &y),
                   size = 1e-5 * sqrt((double)out * (double)(s.kernel_height * s.kernel_width)) + 1e-9;
            ck_assert_msg(fabs(dot(&x, &dx) - want) < size, "%s", name_of("gradient_input", i));
            ck_assert_msg(fabs(dot(&filters, &dfilters) - want) < size, "%s", name_of("gradient_filters", i));
            free(workspace);
            array_free(&x), array_free(&dy), array_free(&y), array_free(&filters), array_free(&dx),
                array_free(&dfilters);
        }
}
END_TEST

START_TEST(threads_and_activation)
{
    const struct spatial_kernels *plain = &spatial_kernels_plain;
    for (size_t i = 0; i < ROWS; i++) {
        const struct conv_shape s = shape_of(i);
        const size_t in = in_count(&s), out = out_count(&s, s.channels), conv_out = out_count(&s, s.out_channels);
        struct array x = array_random(in, 1, 1, 1), y = array_new(out, 0), want = array_new(out, 0);
        struct array dx = array_new(in, 0), want_dx = array_new(in, 0);
        int32_t *index = malloc(out * 4 + 1), *want_index = malloc(out * 4 + 1);
        plain->max_pool(&s, x.f, want.f, want_index, 0, s.batch * s.out_height);
        max_pool_run(&s, x.f, y.f, index, 3);
        check_same(name_of("max_pool_run", i), "3 threads", y.f, want.f, out);
        ck_assert(out == 0 || memcmp(index, want_index, out * 4) == 0);
        plain->max_pool_gradient(&s, y.f, index, want_dx.f, 0, s.batch * s.height);
        max_pool_gradient_run(&s, y.f, index, dx.f, 3);
        check_near(name_of("max_pool_gradient_run", i), "3 threads", dx.f, want_dx.f, in, 4e-6, 1);
        plain->average_pool(&s, true, x.f, want.f, 0, s.batch * s.out_height);
        average_pool_run(&s, true, x.f, y.f, 3);
        check_near(name_of("average_pool_run", i), "3 threads", y.f, want.f, out, 4e-6, 1);
        plain->average_pool_gradient(&s, true, y.f, want_dx.f, 0, s.batch * s.height);
        average_pool_gradient_run(&s, true, y.f, dx.f, 3);
        check_near(name_of("average_pool_gradient_run", i), "3 threads", dx.f, want_dx.f, in, 4e-6, 1);
        struct array filters =
            array_random(s.out_channels * s.kernel_height * s.kernel_width * (s.channels / s.groups), 1, 4, 1);
        struct array z = array_new(conv_out, 0), want_z = array_new(conv_out, 0);
        plain->conv(&s, x.f, filters.f, NULL, want_z.f, 0, s.batch * s.out_height);
        grouped_conv_run(&s, x.f, filters.f, NULL, ACTIVATION_RELU, z.f, 3);
        for (size_t e = 0; e < conv_out; e++)
            want_z.f[e] = fmaxf(want_z.f[e], 0);
        check_near(name_of("grouped_conv_run", i), "3 threads", z.f, want_z.f, conv_out, conv_tolerance(&s), 1);
        free(index), free(want_index);
        array_free(&x), array_free(&y), array_free(&want), array_free(&dx), array_free(&want_dx);
        array_free(&filters), array_free(&z), array_free(&want_z);
    }
}
END_TEST

START_TEST(pools_by_hand)
{
    /* 3×3 image of one channel, windows 2×2 with stride 2 and padding 1: a corner each, then edges */
    const float x[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const struct conv_shape s = {1, 3, 3, 1, 2, 2, 1, 2, 2, 2, 2, 1, 1, 1, 1, 1};
    float y[4];
    int32_t index[4];
    max_pool_run(&s, x, y, index, 1);
    ck_assert(y[0] == 1 && y[1] == 3 && y[2] == 7 && y[3] == 9);
    ck_assert(index[0] == 0 && index[1] == 2 && index[2] == 6 && index[3] == 8);
    average_pool_run(&s, true, x, y, 1);
    ck_assert(y[0] == 0.25f && y[1] == 1.25f && y[2] == 2.75f && y[3] == 7);
    average_pool_run(&s, false, x, y, 1);
    ck_assert(y[0] == 1 && y[1] == 2.5f && y[2] == 5.5f && y[3] == 7);
}
END_TEST

int main(void)
{
    return suite_run("spatial", 600,
                     SUITE(ONCE(max_pools), ONCE(average_pools), ONCE(convolutions), ONCE(gradients_are_transposes),
                           ONCE(threads_and_activation), ONCE(pools_by_hand)));
}
