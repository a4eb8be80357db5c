/* Every kernel of blocked convolution that this machine has against the plain-C specification, over random shapes,
 * thread counts and what follows the sums; and that blocks hold each filter once.
 *
 * The bound: |got − want| ≤ (8 + 2√k) · 2⁻²⁴ · (|scale| · Σ|a||b| + |shift| + |residual|), and an activation's own
 * 2⁻²⁰ of its result. */
#include "models/kernels/conv_blocked.h"
#include "models/kernels/conv_blocked_kernel.h"
#include "models/kernels/elementwise.h"
#include "tests/kernels/arrays.h"

struct trial {
    uint64_t key, next;
    struct conv_blocked conv;
    struct array x, filters, scale, shift, residual, size;
    size_t depth, results;
};

static size_t between(struct trial *trial, size_t low, size_t high)
{
    return low + random_below(trial->key, trial->next++, (uint32_t)(high - low + 1));
}

static struct conv_shape random_shape(struct trial *trial)
{
    static const size_t channels[] = {1, 3, 7, 8, 16, 33, 130}, outs[] = {1, 5, 16, 24, 31, 48, 64, 65, 96, 144, 200};
    struct conv_shape s = {.groups = 1};
    s.batch = between(trial, 0, 3);
    s.height = between(trial, 1, 20);
    s.width = between(trial, 1, 20);
    s.channels = channels[between(trial, 0, 6)];
    s.out_channels = outs[between(trial, 0, 10)];
    s.kernel_height = between(trial, 1, s.height < 4 ? s.height : 4);
    s.kernel_width = between(trial, 1, s.width < 4 ? s.width : 4);
    s.dilation_height = between(trial, 1, 4) == 4 && s.kernel_height * 2 <= s.height ? 2 : 1;
    s.dilation_width = between(trial, 1, 4) == 4 && s.kernel_width * 2 <= s.width ? 2 : 1;
    s.stride_height = between(trial, 1, 3);
    s.stride_width = between(trial, 1, 3);
    s.pad_top = between(trial, 0, s.kernel_height / 2);
    s.pad_left = between(trial, 0, s.kernel_width / 2);
    s.out_height = (s.height + 2 * s.pad_top - (s.kernel_height - 1) * s.dilation_height - 1) / s.stride_height + 1;
    s.out_width = (s.width + 2 * s.pad_left - (s.kernel_width - 1) * s.dilation_width - 1) / s.stride_width + 1;
    return s;
}

static void magnitudes(struct array *array)
{
    for (size_t i = 0; i < array->count; i++)
        array->f[i] = fabsf(array->f[i]);
}

/* Σ|a||b| and the rest, from the specification itself on magnitudes. */
static void size_of_results(struct trial *trial)
{
    struct conv_blocked conv = trial->conv;
    struct array x = array_copy(&trial->x), filters = array_copy(&trial->filters), scale = array_copy(&trial->scale);
    struct array shift = array_copy(&trial->shift), residual = array_copy(&trial->residual);
    magnitudes(&x), magnitudes(&filters), magnitudes(&scale), magnitudes(&shift), magnitudes(&residual);
    conv.x = x.f, conv.filters = filters.f, conv.scale = scale.f, conv.shift = shift.f;
    conv.residual = conv.residual ? residual.f : NULL;
    conv.activation = ACTIVATION_NONE;
    conv.y = trial->size.f;
    conv_blocked_reference(&conv);
    array_free(&x), array_free(&filters), array_free(&scale), array_free(&shift), array_free(&residual);
}

static struct trial trial_new(uint64_t key)
{
    static const enum activation kinds[] = {ACTIVATION_NONE, ACTIVATION_RELU, ACTIVATION_SILU};
    struct trial t = {.key = key};
    struct conv_shape s = t.conv.shape = random_shape(&t);
    t.depth = s.kernel_height * s.kernel_width * s.channels;
    t.results = s.batch * s.out_height * s.out_width * s.out_channels;
    t.x = array_random(s.batch * s.height * s.width * s.channels, 1, key + 1000, 1);
    t.filters = array_random(s.out_channels * t.depth, 3, key + 2000, 0.5f);
    t.scale = array_random(s.out_channels, 2, key + 3000, 1);
    t.shift = array_random(s.out_channels, 1, key + 4000, 1);
    t.residual = array_random(t.results, 3, key + 5000, 1);
    t.size = array_new(t.results, 0);
    t.conv.x = t.x.f, t.conv.filters = t.filters.f, t.conv.scale = t.scale.f, t.conv.shift = t.shift.f;
    t.conv.residual = between(&t, 0, 1) ? t.residual.f : NULL;
    t.conv.activation = kinds[between(&t, 0, 2)];
    size_of_results(&t);
    return t;
}

static void trial_free(struct trial *t)
{
    array_free(&t->x), array_free(&t->filters), array_free(&t->scale), array_free(&t->shift);
    array_free(&t->residual), array_free(&t->size);
}

static double no_cycles(const struct conv_shape *shape, size_t out_channels, size_t rows)
{
    (void)shape, (void)out_channels, (void)rows;
    return 0;
}

static void check_kernel(struct trial *t, const struct conv_blocked_kernel *given, const float *want, int threads)
{
    /* Matrix units do what they can do, also where they would be the slower. */
    struct conv_blocked_kernel forced = *given, *kernel = &forced;
    if (forced.cycles)
        forced.cycles = no_cycles;
    struct array got = array_new(t->results, 1);
    size_t bytes = conv_blocked_workspace_with(kernel, &t->conv.shape, threads);
    struct array workspace = array_new(bytes / 4, 0);
    memset(workspace.f, 0xff, bytes); /* NaNs: nothing may be taken from what was there */
    struct conv_blocked conv = t->conv;
    conv.y = got.f;
    conv_blocked_run_with(kernel, &conv, workspace.f, threads);
    double unit = (8 + 2 * sqrt((double)t->depth)) * 0x1p-24;
    for (size_t i = 0; i < t->results; i++) {
        double bound = unit * (double)t->size.f[i] + 0x1p-20 * fabs((double)want[i]) + 1e-37;
        ck_assert_msg(fabs((double)got.f[i] - (double)want[i]) <= bound, "%s, trial %llu, %zu of %zu: %g for %g (± %g)",
                      kernel->name, (unsigned long long)t->key, i, t->results, (double)got.f[i], (double)want[i],
                      bound);
    }
    array_free(&got);
    array_free(&workspace);
}

START_TEST(random_trials)
{
    for (uint64_t key = 1; key <= (uint64_t)trials(150); key++) {
        struct trial t = trial_new(key);
        struct array want = array_new(t.results, 0);
        t.conv.y = want.f;
        conv_blocked_reference(&t.conv);
        for (const struct conv_blocked_kernel *const *kernel = conv_blocked_variants(); *kernel; kernel++)
            check_kernel(&t, *kernel, want.f, 1 + (int)(key % 3));
        array_free(&want);
        trial_free(&t);
    }
}
END_TEST

/* Every variant, with threads_least to threads_most threads, on one shape. */
static void check_shape(const struct conv_shape *shape, uint64_t key, int threads_least, int threads_most)
{
    struct conv_shape s = *shape;
    struct trial t = {.key = key, .conv.shape = s};
    t.depth = s.kernel_height * s.kernel_width * s.channels;
    t.results = s.batch * s.out_height * s.out_width * s.out_channels;
    t.x = array_random(s.batch * s.height * s.width * s.channels, 1, key, 1);
    t.filters = array_random(s.out_channels * t.depth, 3, key + 20, 0.1f);
    t.scale = array_random(s.out_channels, 0, key + 40, 1), t.shift = array_random(s.out_channels, 0, key + 60, 1);
    t.residual = array_random(t.results, 0, key + 80, 1), t.size = array_new(t.results, 0);
    t.conv.x = t.x.f, t.conv.filters = t.filters.f, t.conv.scale = t.scale.f, t.conv.shift = t.shift.f;
    t.conv.residual = t.residual.f, t.conv.activation = ACTIVATION_RELU;
    size_of_results(&t);
    struct array want = array_new(t.results, 0);
    t.conv.y = want.f;
    conv_blocked_reference(&t.conv);
    for (const struct conv_blocked_kernel *const *kernel = conv_blocked_variants(); *kernel; kernel++)
        for (int threads = threads_least; threads <= threads_most; threads++)
            check_kernel(&t, *kernel, want.f, threads);
    array_free(&want);
    trial_free(&t);
}

/* Large enough for several chunks of pixels, parts of blocks, and shares of threads along both. */
START_TEST(many_parts)
{
    check_shape(&(struct conv_shape){1, 29, 31, 160, 29, 31, 200, 3, 3, 1, 1, 1, 1, 1, 1, 1}, 7, 1, 4);
}
END_TEST

static bool same(float got, float want, double bound)
{
    if (isnan(want))
        return isnan(got);
    return got == want || fabs((double)got - (double)want) <= bound;
}

/* Values that bf16 parts can't hold are left to vectors: every result is what f32 arithmetic makes of them. */
START_TEST(extreme_values)
{
    /* Of filters only finite ones: infinite ones meet the zeros of the padding. */
    static const float values[] = {INFINITY, NAN, 1e37f, 2e30f, 1e-40f, 1e37f, 2e30f, 1e-40f};
    for (uint64_t key = 0; key < sizeof values / sizeof *values; key++) {
        struct trial t = {.key = key};
        t.conv.shape = (struct conv_shape){1, 9, 9, 40, 9, 9, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1};
        t.depth = 9 * 40, t.results = 81 * 48;
        t.x = array_random(81 * 40, 1, key, 1), t.filters = array_random(48 * t.depth, 3, key + 20, 0.1f);
        t.scale = array_random(48, 0, key + 40, 1), t.shift = array_random(48, 0, key + 60, 1);
        (key < 5 ? &t.x : &t.filters)->f[1234] = values[key];
        t.conv.x = t.x.f, t.conv.filters = t.filters.f, t.conv.scale = t.scale.f, t.conv.shift = t.shift.f;
        struct array want = array_new(t.results, 0), got = array_new(t.results, 0);
        t.conv.y = want.f;
        conv_blocked_reference(&t.conv);
        for (const struct conv_blocked_kernel *const *kernel = conv_blocked_variants(); *kernel; kernel++) {
            struct array workspace = array_new(conv_blocked_workspace_with(*kernel, &t.conv.shape, 2) / 4, 0);
            t.conv.y = got.f;
            conv_blocked_run_with(*kernel, &t.conv, workspace.f, 2);
            for (size_t i = 0; i < t.results; i++)
                ck_assert_msg(same(got.f[i], want.f[i], 1e-4 + 1e-6 * fabs((double)want.f[i])), "%s, %g: %g for %g",
                              (*kernel)->name, (double)values[key], (double)got.f[i], (double)want.f[i]);
            array_free(&workspace);
        }
        array_free(&want), array_free(&got);
        array_free(&t.x), array_free(&t.filters), array_free(&t.scale), array_free(&t.shift);
    }
}
END_TEST

/* The second image's windows, rows and columns beside the padding, several groups of filters, strided planes. */
START_TEST(many_bands)
{
    static const struct conv_shape shapes[] = {
        {2, 56, 57, 64, 56, 57, 96, 1, 1, 1, 1, 0, 0, 1, 1, 1},  {3, 14, 14, 512, 7, 7, 130, 3, 3, 2, 2, 1, 1, 1, 1, 1},
        {1, 40, 40, 200, 20, 20, 40, 1, 1, 2, 2, 0, 0, 1, 1, 1}, {2, 7, 7, 1030, 7, 7, 70, 1, 1, 1, 1, 0, 0, 1, 1, 1},
        {1, 60, 61, 33, 58, 59, 33, 3, 3, 1, 1, 0, 0, 1, 1, 1},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_shape(&shapes[i], 100 + i, 1 + (int)(i % 3), 1 + (int)(i % 3));
}
END_TEST

START_TEST(blocks_hold_each_filter_once)
{
    static const size_t channels[] = {1, 15, 24, 64, 65, 96, 130, 144, 512}, depth = 7;
    for (size_t c = 0; c < sizeof channels / sizeof *channels; c++) {
        size_t count = channels[c] * depth;
        unsigned char seen[512 * 7] = {0};
        for (size_t place = 0; place < count; place++) {
            size_t element = conv_blocked_element(channels[c], depth, place);
            ck_assert_uint_lt(element, count);
            ck_assert_uint_eq(seen[element]++, 0);
        }
    }
}
END_TEST

int main(void)
{
    return suite_run("conv_blocked", 600,
                     SUITE(ONCE(random_trials), ONCE(many_parts), ONCE(extreme_values), ONCE(many_bands),
                           ONCE(blocks_hold_each_filter_once)));
}
