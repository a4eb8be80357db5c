/* Every gemm variant that this machine has against gemm_reference, over random shapes, types, layouts and values.
 *
 * The bound: |got − want| ≤ (8 + 2√k) · 2⁻²⁴ · (Σ|a||b| + |bias| + |c|), what a plain f32 sum of k products does in
 * practice; a result stored as bf16 may be half a unit of its 8 bits off besides, and an activation adds its own
 * 2⁻²⁰. Infinities and NaNs must be where the reference has them. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/random.h"
#include "models/kernels/gemm_kernel.h"
#include "tests/kernels/trials.h"

enum values { ORDINARY, TINY, HUGE_, SPREAD, SPECIAL, VALUE_KINDS };

struct trial {
    uint64_t key, next;
    struct gemm gemm;
    struct conv_shape conv;
    enum values values;
    int threads;
    size_t a_count, b_count, c_count; /* elements in memory */
    void *a, *b, *a_absolute, *b_absolute, *c, *pre, *c_start;
    float *bias;
};

static uint32_t below(struct trial *trial, uint32_t count)
{
    return random_below(trial->key, trial->next++, count);
}

static void *allocate(size_t elements)
{
    void *memory = aligned_alloc(64, (elements * 4 + 256) / 64 * 64);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

static float value(struct trial *trial, enum values kind, bool is_b)
{
    float x = random_normal(trial->key, trial->next++);
    uint32_t chance = below(trial, 1000);
    switch (kind) {
    case TINY: /* down to the smallest denormal on one side */
        return is_b ? x : ldexpf(x, -(int)below(trial, 149));
    case HUGE_:
        return is_b ? ldexpf(x, -100 - (int)below(trial, 20)) : ldexpf(x, 110 + (int)below(trial, 14));
    case SPREAD:
        return ldexpf(x, (int)below(trial, 110) - 55);
    case SPECIAL:
        return chance == 0 ? INFINITY : chance == 1 ? -INFINITY : chance == 2 ? NAN : chance < 300 ? 0 : x;
    default:
        return chance == 0 ? 0 : x;
    }
}

static void put(void *to, enum dtype dtype, size_t at, float x)
{
    if (dtype == DTYPE_BF16)
        ((uint16_t *)to)[at] = f32_to_bf16(x);
    else
        ((float *)to)[at] = x;
}

static double get(const void *from, enum dtype dtype, size_t at)
{
    return dtype == DTYPE_BF16 ? (double)bf16_to_f32(((const uint16_t *)from)[at]) : (double)((const float *)from)[at];
}

static void fill(struct trial *trial, void *values, void *absolute, enum dtype dtype, size_t count, bool is_b)
{
    for (size_t i = 0; i < count; i++) {
        float x = value(trial, trial->values, is_b);
        put(values, dtype, i, x);
        put(absolute, dtype, i, fabsf(x));
    }
}

/* A matrix operand of rows × columns after `transposed`; returns its elements in memory. */
static size_t choose_matrix(struct trial *trial, struct operand *operand, size_t rows, size_t columns)
{
    operand->kind = OPERAND_MATRIX;
    operand->transposed = below(trial, 2);
    size_t stored_rows = operand->transposed ? columns : rows, stored_columns = operand->transposed ? rows : columns;
    operand->row_stride = stored_columns + (below(trial, 2) ? below(trial, 40) : 0);
    return stored_rows * operand->row_stride + 1;
}

static void choose_conv(struct trial *trial, struct conv_shape *conv)
{
    static const uint32_t channels[] = {1, 3, 8, 16, 20, 33};
    uint32_t groups = 1 + below(trial, 2);
    *conv = (struct conv_shape){.batch = 1 + below(trial, 3),
                                .height = 1 + below(trial, 12),
                                .width = 1 + below(trial, 12),
                                .groups = groups,
                                .channels = channels[below(trial, 6)] * groups,
                                .out_channels = channels[below(trial, 6)] * groups,
                                .kernel_height = 1 + below(trial, 3),
                                .kernel_width = 1 + below(trial, 3),
                                .stride_height = 1 + below(trial, 2),
                                .stride_width = 1 + below(trial, 3),
                                .pad_top = below(trial, 3),
                                .pad_left = below(trial, 3),
                                .dilation_height = 1 + below(trial, 2),
                                .dilation_width = 1 + below(trial, 2)};
    size_t reach_high = (conv->kernel_height - 1) * conv->dilation_height + 1;
    size_t reach_wide = (conv->kernel_width - 1) * conv->dilation_width + 1;
    size_t high = conv->height + 2 * conv->pad_top, wide = conv->width + 2 * conv->pad_left;
    conv->out_height = high < reach_high ? 1 : (high - reach_high) / conv->stride_height + 1;
    conv->out_width = wide < reach_wide ? 1 : (wide - reach_wide) / conv->stride_width + 1;
}

/* The operand becomes patches, and the size along each of its sides follows. */
static size_t choose_patches(struct trial *trial, struct operand *operand, bool is_b)
{
    struct conv_shape *conv = &trial->conv;
    choose_conv(trial, conv);
    bool gradient = below(trial, 2);
    operand->kind = gradient ? OPERAND_PATCHES_TRANSPOSED : OPERAND_PATCHES;
    operand->transposed = below(trial, 2);
    operand->conv = conv;
    size_t channels = gradient ? conv->out_channels : conv->channels;
    operand->channel_count = channels / conv->groups;
    operand->channel_offset = operand->channel_count * below(trial, (uint32_t)conv->groups);
    size_t pixels = gradient ? conv->height * conv->width : conv->out_height * conv->out_width;
    size_t rows = conv->batch * pixels, columns = conv->kernel_height * conv->kernel_width * operand->channel_count;
    size_t *along = is_b ? &trial->gemm.n : &trial->gemm.m;
    bool rows_along = operand->transposed == is_b;
    *along = rows_along ? rows : columns;
    trial->gemm.k = rows_along ? columns : rows;
    size_t image = gradient ? conv->out_height * conv->out_width : conv->height * conv->width;
    return conv->batch * image * channels;
}

static uint32_t size(struct trial *trial)
{
    switch (below(trial, 8)) {
    case 0:
        return below(trial, 4);
    case 1:
        return 64 + below(trial, 260);
    default:
        return 1 + below(trial, 80);
    }
}

static void choose_shape(struct trial *trial, bool patches)
{
    struct gemm *gemm = &trial->gemm;
    gemm->m = size(trial);
    gemm->n = size(trial);
    gemm->k = size(trial);
    if (below(trial, 10) == 0) { /* a long sum: parts of k, split among threads */
        gemm->m = 1 + below(trial, 40);
        gemm->n = 1 + below(trial, 40);
        gemm->k = 3000 + below(trial, 9000);
    } else if (below(trial, 10) == 0) { /* few rows */
        gemm->m = 1 + below(trial, 16);
        gemm->n = 1 + below(trial, 600);
        gemm->k = 1 + below(trial, 900);
    } else if (below(trial, 20) == 0) { /* enough for four threads and many panels */
        gemm->m = 200 + below(trial, 200);
        gemm->n = 200 + below(trial, 200);
        gemm->k = 200 + below(trial, 100);
    }
    gemm->a.dtype = below(trial, 2) ? DTYPE_BF16 : DTYPE_F32;
    gemm->b.dtype = below(trial, 3) ? gemm->a.dtype : below(trial, 2) ? DTYPE_BF16 : DTYPE_F32;
    gemm->c_dtype = below(trial, 3) ? DTYPE_F32 : DTYPE_BF16;
    bool b_patches = patches && below(trial, 2);
    if (patches && !b_patches)
        trial->a_count = choose_patches(trial, &gemm->a, false);
    if (b_patches)
        trial->b_count = choose_patches(trial, &gemm->b, true);
    if (!patches || b_patches)
        trial->a_count = choose_matrix(trial, &gemm->a, gemm->m, gemm->k);
    if (!b_patches)
        trial->b_count = choose_matrix(trial, &gemm->b, gemm->k, gemm->n);
    gemm->c_row_stride = gemm->n + (below(trial, 2) ? below(trial, 9) : 0);
    trial->c_count = gemm->m * gemm->c_row_stride + 1;
    gemm->accumulate = below(trial, 3) == 0;
    if (below(trial, 2))
        gemm->activation = (enum activation)below(trial, ACTIVATION_COUNT);
    trial->threads = 1 + (int)below(trial, 4);
}

static void *misaligned(struct trial *trial, void *memory, enum dtype dtype)
{
    return (char *)memory + (below(trial, 2) ? dtype_bytes(dtype, below(trial, 17)) : 0);
}

static void choose_values(struct trial *trial)
{
    struct gemm *gemm = &trial->gemm;
    trial->a = allocate(trial->a_count + 20);
    trial->a_absolute = allocate(trial->a_count + 20);
    trial->b = allocate(trial->b_count + 20);
    trial->b_absolute = allocate(trial->b_count + 20);
    fill(trial, trial->a, trial->a_absolute, gemm->a.dtype, trial->a_count + 20, false);
    fill(trial, trial->b, trial->b_absolute, gemm->b.dtype, trial->b_count + 20, true);
    gemm->a.data = misaligned(trial, trial->a, gemm->a.dtype);
    gemm->b.data = misaligned(trial, trial->b, gemm->b.dtype);
    trial->bias = allocate(gemm->n + 1);
    for (size_t i = 0; i <= gemm->n; i++)
        trial->bias[i] = random_normal(trial->key, trial->next++);
    gemm->bias = below(trial, 2) ? trial->bias + below(trial, 2) : NULL;
    trial->c = allocate(trial->c_count + 20);
    trial->pre = allocate(trial->c_count + 20);
    trial->c_start = allocate(trial->c_count + 20);
    for (size_t i = 0; i < trial->c_count + 20; i++)
        put(trial->c_start, gemm->c_dtype, i, random_normal(trial->key, trial->next++));
    gemm->c = misaligned(trial, trial->c, gemm->c_dtype);
    if (below(trial, 2))
        gemm->pre_activation = (char *)trial->pre + ((char *)gemm->c - (char *)trial->c);
}

static void reset(const struct trial *trial)
{
    size_t bytes = (trial->c_count + 20) * 4;
    memcpy(trial->c, trial->c_start, dtype_bytes(trial->gemm.c_dtype, trial->c_count + 20));
    memset(trial->pre, 0x5a, bytes);
}

/* Σ|a||b| + |bias| + |c| of every element, and the reference's results. */
struct expected {
    float *sums;
    void *c, *pre;
};

static struct expected expect(const struct trial *trial)
{
    const struct gemm *gemm = &trial->gemm;
    struct expected expected = {allocate(gemm->m * gemm->n + 1), allocate(trial->c_count + 20),
                                allocate(trial->c_count + 20)};
    struct gemm absolute = {.m = gemm->m,
                            .n = gemm->n,
                            .k = gemm->k,
                            .a = gemm->a,
                            .b = gemm->b,
                            .c = expected.sums,
                            .c_dtype = DTYPE_F32,
                            .c_row_stride = gemm->n};
    absolute.a.data = (char *)trial->a_absolute + ((const char *)gemm->a.data - (char *)trial->a);
    absolute.b.data = (char *)trial->b_absolute + ((const char *)gemm->b.data - (char *)trial->b);
    gemm_reference(&absolute);
    size_t offset = (size_t)((char *)gemm->c - (char *)trial->c) / dtype_bytes(gemm->c_dtype, 1);
    for (size_t i = 0; i < gemm->m; i++)
        for (size_t j = 0; j < gemm->n; j++) {
            float *sum = &expected.sums[i * gemm->n + j];
            *sum += gemm->bias ? fabsf(gemm->bias[j]) : 0;
            if (gemm->accumulate)
                *sum += fabsf((float)get(trial->c_start, gemm->c_dtype, offset + i * gemm->c_row_stride + j));
        }
    reset(trial);
    gemm_reference(gemm);
    memcpy(expected.c, trial->c, dtype_bytes(gemm->c_dtype, trial->c_count + 20));
    memcpy(expected.pre, trial->pre, dtype_bytes(gemm->c_dtype, trial->c_count + 20));
    return expected;
}

static void describe(const struct trial *trial, char *text, size_t bytes)
{
    const struct gemm *gemm = &trial->gemm;
    static const char *const kinds[] = {"matrix", "patches", "transposed patches"};
    snprintf(text, bytes,
             "m %zu n %zu k %zu  a %s %s%s  b %s %s%s  c %s stride %zu%s%s activation %d%s  values %d threads %d",
             gemm->m, gemm->n, gemm->k, dtype_info(gemm->a.dtype)->name, kinds[gemm->a.kind],
             gemm->a.transposed ? "ᵀ" : "", dtype_info(gemm->b.dtype)->name, kinds[gemm->b.kind],
             gemm->b.transposed ? "ᵀ" : "", dtype_info(gemm->c_dtype)->name, gemm->c_row_stride,
             gemm->accumulate ? " accumulate" : "", gemm->bias ? " bias" : "", (int)gemm->activation,
             gemm->pre_activation ? " pre" : "", (int)trial->values, trial->threads);
}

static void compare(const struct trial *trial, const char *variant, const struct expected *expected, bool pre)
{
    const struct gemm *gemm = &trial->gemm;
    const void *got_all = pre ? trial->pre : trial->c, *want_all = pre ? expected->pre : expected->c;
    size_t offset = (size_t)((char *)gemm->c - (char *)trial->c) / dtype_bytes(gemm->c_dtype, 1);
    double unit = (8 + 2 * sqrt((double)gemm->k)) * 0x1p-24;
    char text[512];
    for (size_t at = 0; at < trial->c_count + 20; at++) {
        double got = get(got_all, gemm->c_dtype, at), want = get(want_all, gemm->c_dtype, at);
        size_t stride = gemm->c_row_stride ? gemm->c_row_stride : 1;
        size_t i = at < offset ? gemm->m : (at - offset) / stride, j = (at - offset) % stride;
        if (i >= gemm->m || j >= gemm->n) { /* not the matrix's: must be untouched */
            ck_assert(memcmp(&got, &want, sizeof got) == 0 || (isnan(got) && isnan(want)));
            continue;
        }
        bool right;
        if (!isfinite(want)) {
            right = isnan(want) ? isnan(got) : got == want;
        } else {
            double bound = unit * (double)expected->sums[i * gemm->n + j] + 0x1p-148;
            if (!pre && gemm->activation != ACTIVATION_NONE)
                bound = 1.2 * bound + 0x1p-20 * fmax(1, fabs(want));
            if (gemm->c_dtype == DTYPE_BF16)
                bound += fabs(want) * 0x1.01p-7 + 0x1p-133;
            right = fabs(got - want) <= bound;
        }
        if (!right)
            describe(trial, text, sizeof text);
        ck_assert_msg(right, "%s: %s[%zu,%zu] is %.9g, not %.9g (Σ|a||b| %.3g): %s", variant, pre ? "pre" : "c", i, j,
                      got, want, (double)expected->sums[i * gemm->n + j], text);
    }
}

static void run_variants(struct trial *trial)
{
    const struct gemm *gemm = &trial->gemm;
    struct expected expected = expect(trial);
    for (const struct gemm_variant *const *v = gemm_variants(); *v; v++) {
        if (!gemm_variant_kernel(*v, gemm))
            continue;
        size_t bytes = gemm_variant_workspace(*v, gemm, trial->threads);
        ck_assert_uint_eq(bytes, gemm_variant_workspace(*v, gemm, trial->threads));
        char *workspace = aligned_alloc(64, (bytes + 127) / 64 * 64);
        memset(workspace, 0xff, bytes + 64); /* NaNs: what is read must have been written */
        reset(trial);
        gemm_variant_run(*v, gemm, workspace, trial->threads);
        for (size_t i = 0; i < 64; i++)
            ck_assert_msg((unsigned char)workspace[bytes + i] == 0xff, "%s wrote past its workspace", (*v)->name);
        free(workspace);
        compare(trial, (*v)->name, &expected, false);
        if (gemm->pre_activation)
            compare(trial, (*v)->name, &expected, true);
    }
    free(expected.sums);
    free(expected.c);
    free(expected.pre);
}

static void release(struct trial *trial)
{
    void *all[] = {trial->a, trial->b,   trial->a_absolute, trial->b_absolute,
                   trial->c, trial->pre, trial->c_start,    trial->bias};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* bf16 products are bf16's own: units that flush denormals may do so. */
static bool values_apply(const struct gemm *gemm, enum values values)
{
    return (values != TINY && values != HUGE_ && values != SPREAD) || gemm->a.dtype == DTYPE_F32 ||
           gemm->b.dtype == DTYPE_F32;
}

static void run_trials(const char *name, enum values values, bool patches, int count)
{
    for (int i = 0; i < trials(count); i++) {
        struct trial trial = {.key = random_key((uint64_t)i, name), .values = values};
        choose_shape(&trial, patches);
        if (!values_apply(&trial.gemm, values))
            trial.gemm.b.dtype = DTYPE_F32;
        if (values == HUGE_ && trial.gemm.c_dtype == DTYPE_BF16)
            trial.gemm.c_dtype = DTYPE_F32;
        if (values == SPECIAL && trial.gemm.activation != ACTIVATION_RELU) /* others say nothing of infinities */
            trial.gemm.activation = ACTIVATION_NONE;
        choose_values(&trial);
        run_variants(&trial);
        release(&trial);
    }
}

START_TEST(matrices)
{
    run_trials("ordinary", ORDINARY, false, 120);
}
END_TEST

START_TEST(patches)
{
    run_trials("patches", ORDINARY, true, 80);
}
END_TEST

START_TEST(extremes)
{
    run_trials("tiny", TINY, false, 20);
    run_trials("huge", HUGE_, false, 20);
    run_trials("spread", SPREAD, false, 20);
}
END_TEST

START_TEST(specials)
{
    run_trials("special", SPECIAL, false, 20);
    run_trials("special patches", SPECIAL, true, 20);
}
END_TEST

/* C larger than caches: it is stored past them, in whole lines where it is aligned and in pieces at both ends of a row
 * where it is not. */
static void run_large(uint64_t number)
{
    struct trial trial = {.key = random_key(number, "large"), .values = ORDINARY};
    struct gemm *gemm = &trial.gemm;
    bool narrow = number & 1, even = number & 2;
    gemm->m = (narrow ? 2100 : 1050) + below(&trial, 50);
    gemm->n = even ? 2048 : 2050 + below(&trial, 50);
    gemm->k = 1 + below(&trial, 90);
    gemm->a.dtype = gemm->b.dtype = gemm->c_dtype = narrow ? DTYPE_BF16 : DTYPE_F32;
    trial.a_count = choose_matrix(&trial, &gemm->a, gemm->m, gemm->k);
    trial.b_count = choose_matrix(&trial, &gemm->b, gemm->k, gemm->n);
    gemm->c_row_stride = gemm->n;
    trial.c_count = gemm->m * gemm->n + 1;
    ck_assert_uint_ge(dtype_bytes(gemm->c_dtype, gemm->m * gemm->n), 8 << 20);
    trial.threads = 1 + (int)below(&trial, 4);
    choose_values(&trial);
    gemm->bias = NULL;
    gemm->pre_activation = NULL;
    if (even)
        gemm->c = trial.c;
    run_variants(&trial);
    release(&trial);
}

START_TEST(large_results)
{
    for (uint64_t number = 0; number < 4; number++)
        run_large(number);
}
END_TEST

START_TEST(chosen_variant)
{
    struct gemm gemm = {.m = 8, .n = 8, .k = 8};
    const struct gemm_variant *const *first = gemm_variants(); /* that does f32 */
    while (!gemm_variant_kernel(*first, &gemm))
        first++;
    ck_assert_str_eq(gemm_variant(&gemm), gemm_variant_kernel(*first, &gemm)->name);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gemm");
    TCase *cases = tcase_create("gemm");
    tcase_set_timeout(cases, 250);
    tcase_add_test(cases, matrices);
    tcase_add_test(cases, patches);
    tcase_add_test(cases, extremes);
    tcase_add_test(cases, specials);
    tcase_add_test(cases, chosen_variant);
    suite_add_tcase(suite, cases);
    TCase *large = tcase_create("large"); /* CK_EXCLUDE_TAGS=large leaves it out, under an emulator */
    tcase_set_tags(large, "large");
    tcase_set_timeout(large, 250);
    tcase_add_test(large, large_results);
    suite_add_tcase(suite, large);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
