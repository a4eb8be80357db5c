/* Multiplication with packed weights: every variant against plain C, and plain C against the specification within what
 * rounding x to int8 may lose. */
#include "models/kernels/elementwise.h"
#include "models/kernels/quant.h"
#include "models/kernels/quant_kernel.h"
#include "models/kernels/quant_panel.h"
#include "models/kernels/quant_unpack.h"
#include "tests/kernels/arrays.h"

static const enum dtype types[] = {DTYPE_F16, DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_K, DTYPE_Q6_K};
enum { TYPES = sizeof types / sizeof *types };

/* Numbers of rows around the kernels' blocks of four, of sixteen, and beyond; no n is a multiple of everything. */
static const struct {
    size_t rows, n, blocks; /* k is so many blocks, or super-blocks / 8 for types of 32 */
} shapes[] = {{1, 1, 1},  {1, 7, 3},  {1, 130, 5}, {2, 64, 2}, {3, 65, 4}, {4, 5, 9},
              {5, 67, 1}, {8, 33, 3}, {16, 9, 6},  {17, 6, 2}, {35, 70, 7}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* What the quantised numbers are: all bits drawn, or all at one end. */
enum bytes { ANY, LOWEST, HIGHEST };
enum values { NORMAL, TINY, LARGE, WITH_ZEROS, ALL_EQUAL };

struct trial {
    struct quant_matrix matrix;
    void *weight_memory, *workspace_memory;
    float *x, *bias, *y, *exact, *plain;
    uint64_t key;
};

static void *memory(size_t bytes)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, bytes ? bytes : 1) != 0)
        abort();
    return p;
}

static void put_scale(uint8_t *to, uint64_t key, uint64_t index)
{
    uint16_t half = f32_to_f16(0.1f * random_normal(key, index));
    memcpy(to, &half, sizeof half);
}

/* Random bits make valid blocks once their scales are numbers of a reasonable size. */
static void fill_blocks(enum dtype dtype, uint8_t *blocks, size_t bytes, enum bytes kind, uint64_t key)
{
    size_t size = dtype_info(dtype)->block_bytes;
    for (size_t i = 0; i < bytes; i++)
        blocks[i] = kind == ANY ? (uint8_t)random_bits(key, i) : kind == HIGHEST ? 0xff : 0;
    for (size_t b = 0; b < bytes / size; b++) {
        uint8_t *block = blocks + b * size;
        if (dtype == DTYPE_Q8_0 && kind != ANY)
            memset(block + 2, kind == HIGHEST ? 0x7f : 0x80, 32);
        put_scale(block + (dtype == DTYPE_Q6_K ? 208 : 0), key, bytes + b);
        if (dtype == DTYPE_Q4_K)
            put_scale(block + 2, key, 2 * bytes + b);
    }
}

static float value_of(enum values values, uint64_t key, size_t i)
{
    float value = random_normal(key, i);
    return values == TINY         ? value * 1e-39f
           : values == LARGE      ? value * 1e30f
           : values == WITH_ZEROS ? (i / 50 % 2 ? 0 : value)
           : values == ALL_EQUAL  ? 1
                                  : value;
}

static struct trial trial_new(enum dtype dtype, size_t rows, size_t n, size_t k, enum bytes bytes, enum values values,
                              size_t shift, uint64_t key)
{
    struct trial t = {.key = key};
    size_t weight_bytes = n * dtype_bytes(dtype, k);
    t.weight_memory = memory(weight_bytes + shift);
    fill_blocks(dtype, (uint8_t *)t.weight_memory + shift, weight_bytes, bytes, key);
    t.x = memory(rows * k * sizeof(float));
    for (size_t i = 0; i < rows * k; i++)
        t.x[i] = value_of(values, key + 1, i);
    t.bias = memory(n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        t.bias[i] = value_of(values, key + 2, i);
    t.y = memory(rows * n * sizeof(float));
    t.exact = memory(rows * n * sizeof(float));
    t.plain = memory(rows * n * sizeof(float));
    t.matrix = (struct quant_matrix){.rows = rows,
                                     .n = n,
                                     .k = k,
                                     .weight_dtype = dtype,
                                     .weight = (uint8_t *)t.weight_memory + shift,
                                     .x_dtype = DTYPE_F32,
                                     .y_dtype = DTYPE_F32,
                                     .x = t.x,
                                     .y = t.y};
    t.workspace_memory = memory(quant_kernel_workspace(&t.matrix));
    return t;
}

static void trial_free(struct trial *t)
{
    free(t->weight_memory), free(t->workspace_memory), free(t->x), free(t->bias);
    free(t->y), free(t->exact), free(t->plain);
}

static void run_with(struct trial *t, const struct quant_kernel *kernel, float *y, int threads)
{
    t->matrix.y = y;
    for (size_t i = 0; i < t->matrix.rows * t->matrix.n; i++)
        y[i] = -12345.75f;
    if (kernel)
        quant_kernel_run(kernel, &t->matrix, t->workspace_memory, threads);
    else
        quant_matrix_reference(&t->matrix);
}

/* With room of its own, for NaN-like bytes in it to show where it is read before it is written. */
static void run_panel(struct trial *t, const struct quant_panel_kernel *kernel, float *y, int threads)
{
    size_t bytes = quant_panel_workspace(kernel, &t->matrix, threads);
    void *workspace = memory(bytes);
    memset(workspace, 0xff, bytes);
    t->matrix.y = y;
    for (size_t i = 0; i < t->matrix.rows * t->matrix.n; i++)
        y[i] = -12345.75f;
    quant_panel_run(kernel, &t->matrix, workspace, threads);
    free(workspace);
}

/* Σ |x| |w| of one output, and what rounding x may move it by: half a step, largest / 254, of each run. */
static void bounds(const struct trial *t, size_t row, size_t column, double *magnitude, double *rounding)
{
    const struct quant_matrix *m = &t->matrix;
    enum dtype dtype = m->weight_dtype;
    size_t block = dtype_info(dtype)->block;
    *magnitude = *rounding = 0;
    for (size_t k = 0; k < m->k; k += QUANT_RUN) {
        float w[QUANT_SUPER], largest = 0;
        const uint8_t *from = (const uint8_t *)m->weight + dtype_bytes(dtype, column * m->k + k / block * block);
        if (dtype == DTYPE_F16)
            for (int i = 0; i < QUANT_RUN; i++)
                w[i] = quant_f16(from + 2 * i);
        else
            dequantise_row(dtype, from, w, block);
        const float *x = t->x + row * m->k + k, *run = w + (dtype == DTYPE_F16 ? 0 : k % block);
        double sum = 0;
        for (int i = 0; i < QUANT_RUN; i++) {
            *magnitude += fabs((double)x[i] * run[i]);
            sum += fabs((double)run[i]);
            largest = fmaxf(largest, fabsf(x[i]));
        }
        *rounding += dtype == DTYPE_F16 ? 0 : sum * (double)largest / 253;
        /* The parts of a q4_K weight, scale · q and min, are larger than it; f32 sums round those. */
        *magnitude += sum * (double)largest * 30;
    }
}

static void compare(const struct trial *t, const char *variant, const float *got, const float *want, bool exact)
{
    const struct quant_matrix *m = &t->matrix;
    for (size_t r = 0; r < m->rows; r++)
        for (size_t n = 0; n < m->n; n++) {
            double magnitude, rounding, difference = fabs((double)got[r * m->n + n] - (double)want[r * m->n + n]);
            bounds(t, r, n, &magnitude, &rounding);
            double allowed = magnitude * 2e-6 + (exact ? rounding : 0) + 1e-37 * (double)m->k;
            ck_assert_msg(difference <= allowed, "%s, %s, [%zu,%zu] of %zu x %zu x %zu is %g, not %g (allowed %g)",
                          variant, dtype_info(m->weight_dtype)->name, r, n, m->rows, m->n, m->k,
                          (double)got[r * m->n + n], (double)want[r * m->n + n], allowed);
        }
}

static void check(struct trial *t)
{
    const struct quant_kernel *const *plain = quant_kernels();
    while (plain[1])
        plain++;
    run_with(t, NULL, t->exact, 1);
    run_with(t, *plain, t->plain, 1);
    compare(t, "plain", t->plain, t->exact, true);
    for (const struct quant_kernel *const *kernel = quant_kernels(); *kernel; kernel++)
        for (int threads = 1; threads <= 3; threads += 2) {
            run_with(t, *kernel, t->y, threads);
            compare(t, (*kernel)->name, t->y, t->plain, false);
        }
    for (const struct quant_panel_kernel *const *panel = quant_panel_kernels();
         dtype_quantised(t->matrix.weight_dtype) && *panel; panel++)
        for (int threads = 1; threads <= 3; threads += 2) {
            run_panel(t, *panel, t->y, threads);
            compare(t, (*panel)->name, t->y, t->plain, false);
        }
}

static size_t width_of(enum dtype dtype, size_t blocks)
{
    size_t block = dtype_info(dtype)->block;
    return dtype == DTYPE_F16 ? blocks * QUANT_RUN : blocks * block;
}

START_TEST(shapes_of_all_sorts)
{
    for (size_t s = 0; s < SHAPES; s++) {
        size_t shift = s % 3;
        struct trial t = trial_new(types[_i], shapes[s].rows, shapes[s].n, width_of(types[_i], shapes[s].blocks), ANY,
                                   NORMAL, shift, 100 + s);
        check(&t);
        trial_free(&t);
    }
}
END_TEST

START_TEST(extremes)
{
    for (enum bytes bytes = ANY; bytes <= HIGHEST; bytes++)
        for (enum values values = NORMAL; values <= ALL_EQUAL; values++) {
            struct trial t = trial_new(types[_i], 3, 6, width_of(types[_i], 5), bytes, values, 1, 7);
            check(&t);
            trial_free(&t);
        }
}
END_TEST

START_TEST(nothing)
{
    static const size_t empty[][3] = {{0, 5, 1}, {3, 0, 1}, {3, 5, 0}};
    for (size_t e = 0; e < 3; e++) {
        struct trial t =
            trial_new(types[_i], empty[e][0], empty[e][1], width_of(types[_i], empty[e][2]), ANY, NORMAL, 0, 1);
        t.matrix.bias = t.bias;
        for (const struct quant_kernel *const *kernel = quant_kernels(); *kernel; kernel++) {
            run_with(&t, *kernel, t.y, 2);
            for (size_t i = 0; i < t.matrix.rows * t.matrix.n; i++)
                ck_assert(t.y[i] == t.bias[i % t.matrix.n]); /* a sum of nothing is 0 */
        }
        for (const struct quant_panel_kernel *const *panel = quant_panel_kernels();
             dtype_quantised(types[_i]) && *panel; panel++) {
            run_panel(&t, *panel, t.y, 2);
            for (size_t i = 0; i < t.matrix.rows * t.matrix.n; i++)
                ck_assert(t.y[i] == t.bias[i % t.matrix.n]);
        }
        trial_free(&t);
    }
}
END_TEST

/* An infinity or a NaN in x makes its row NaN, or infinite, and no other. */
START_TEST(not_finite)
{
    for (const struct quant_kernel *const *kernel = quant_kernels(); *kernel; kernel++)
        for (int which = 0; which < 3; which++) {
            struct trial t = trial_new(types[_i], 3, 5, width_of(types[_i], 3), ANY, NORMAL, 0, 3);
            t.x[t.matrix.k + 20] = which == 0 ? NAN : which == 1 ? INFINITY : -INFINITY;
            run_with(&t, *kernel, t.y, 1);
            for (size_t i = 0; i < 15; i++)
                ck_assert_msg((i / 5 == 1) == !isfinite(t.y[i]), "%s, %s: element %zu is %g", (*kernel)->name,
                              dtype_info(types[_i])->name, i, (double)t.y[i]);
            trial_free(&t);
        }
}
END_TEST

START_TEST(not_finite_in_panels)
{
    for (const struct quant_panel_kernel *const *panel = quant_panel_kernels(); dtype_quantised(types[_i]) && *panel;
         panel++)
        for (int which = 0; which < 3; which++) {
            struct trial t = trial_new(types[_i], 3, 5, width_of(types[_i], 3), ANY, NORMAL, 0, 3);
            t.x[t.matrix.k + 20] = which == 0 ? NAN : which == 1 ? INFINITY : -INFINITY;
            run_panel(&t, *panel, t.y, 1);
            for (size_t i = 0; i < 15; i++)
                ck_assert_msg((i / 5 == 1) == !isfinite(t.y[i]), "%s, %s: element %zu is %g", (*panel)->name,
                              dtype_info(types[_i])->name, i, (double)t.y[i]);
            trial_free(&t);
        }
}
END_TEST

/* Bias, activation and bf16 on both sides; more k than a panel holds at once, and more rows than a chunk. */
START_TEST(panels_finish)
{
    enum { ROWS = 530, N = 37 };
    for (const struct quant_panel_kernel *const *panel = quant_panel_kernels(); dtype_quantised(types[_i]) && *panel;
         panel++) {
        struct trial t = trial_new(types[_i], ROWS, N, 768, ANY, NORMAL, 0, 5);
        size_t count = ROWS * t.matrix.k;
        uint16_t *narrow = memory(count * 2), *y = memory(ROWS * N * 2);
        elementwise_kernels_plain.narrow_bf16(t.x, narrow, count);
        elementwise_kernels_plain.widen_bf16(narrow, t.x, count);
        t.matrix.bias = t.bias;
        run_panel(&t, *panel, t.plain, 2);
        run_with(&t, *quant_kernels(), t.exact, 2);
        compare(&t, (*panel)->name, t.plain, t.exact, false);
        t.matrix.activation = ACTIVATION_RELU;
        t.matrix.x = narrow;
        t.matrix.x_dtype = t.matrix.y_dtype = DTYPE_BF16;
        void *workspace = memory(quant_panel_workspace(*panel, &t.matrix, 2));
        t.matrix.y = y;
        quant_panel_run(*panel, &t.matrix, workspace, 2);
        for (size_t i = 0; i < ROWS * N; i++)
            ck_assert_msg(y[i] == f32_to_bf16(fmaxf(t.plain[i], 0)), "%s: %g, not %g", (*panel)->name,
                          (double)bf16_to_f32(y[i]), (double)fmaxf(t.plain[i], 0));
        free(narrow), free(y), free(workspace);
        trial_free(&t);
    }
}
END_TEST

/* Through bf16: both sides are rounded to 8 bits. */
START_TEST(wide)
{
    for (size_t s = 0; dtype_quantised(types[_i]) && s < SHAPES; s++)
        for (int threads = 1; threads <= 3; threads += 2) {
            struct trial t = trial_new(types[_i], shapes[s].rows, shapes[s].n, width_of(types[_i], shapes[s].blocks),
                                       ANY, NORMAL, s % 3, 200 + s);
            void *workspace = memory(quant_wide_workspace(&t.matrix, threads));
            run_with(&t, NULL, t.exact, 1);
            t.matrix.y = t.y;
            quant_wide_run(&t.matrix, workspace, threads);
            for (size_t i = 0; i < t.matrix.rows * t.matrix.n; i++) {
                double magnitude, rounding;
                bounds(&t, i / t.matrix.n, i % t.matrix.n, &magnitude, &rounding);
                ck_assert_msg(fabs((double)t.y[i] - (double)t.exact[i]) <= magnitude / 30 / 128,
                              "%s: element %zu of %zu x %zu x %zu is %g, not %g", dtype_info(types[_i])->name, i,
                              t.matrix.rows, t.matrix.n, t.matrix.k, (double)t.y[i], (double)t.exact[i]);
            }
            free(workspace);
            trial_free(&t);
        }
}
END_TEST

/* Whatever way quant_matrix_run takes: units for bf16 from 20 rows on, panels from 17, else the kernels for few rows.
 */
START_TEST(ways)
{
    static const size_t rows[] = {16, 17, 19, 20, 40};
    bool has_panels = *quant_panel_kernels() != NULL;
    for (size_t r = 0; dtype_quantised(types[_i]) && r < sizeof rows / sizeof *rows; r++) {
        struct trial t = trial_new(types[_i], rows[r], 70, width_of(types[_i], 7), ANY, NORMAL, 1, 300 + r);
        bool wide = quant_matrix_is_wide(&t.matrix), panel = has_panels && !wide && rows[r] > 16;
        ck_assert_msg((strstr(quant_matrix_variant(&t.matrix), "panel") != NULL) == panel, "%zu rows are %s's", rows[r],
                      quant_matrix_variant(&t.matrix));
        void *workspace = memory(quant_matrix_workspace(&t.matrix, 3));
        run_with(&t, NULL, t.exact, 1);
        t.matrix.y = t.y;
        quant_matrix_run(&t.matrix, workspace, 3);
        for (size_t i = 0; i < t.matrix.rows * t.matrix.n; i++) {
            double magnitude, rounding, difference = fabs((double)t.y[i] - (double)t.exact[i]);
            bounds(&t, i / t.matrix.n, i % t.matrix.n, &magnitude, &rounding);
            ck_assert_msg(difference <= (wide ? magnitude / 30 / 128 : rounding + 2e-6 * magnitude),
                          "%s, %zu rows: element %zu is %g, not %g", quant_matrix_variant(&t.matrix), rows[r], i,
                          (double)t.y[i], (double)t.exact[i]);
        }
        free(workspace);
        trial_free(&t);
    }
}
END_TEST

/* The numbers that plain C dequantises, rounded to bf16; a fused multiply-add may land on the next one. */
START_TEST(unpacking)
{
    quant_unpack_row *fast = quant_unpack_row_fast();
    enum { K = 5 * QUANT_SUPER };
    struct trial t = trial_new(types[_i], 1, 1, K, ANY, NORMAL, 1, 9);
    for (size_t first = 0; fast && dtype_quantised(types[_i]) && first < K; first += 3 * QUANT_RUN)
        for (size_t count = 0; count <= K - first; count += 7 * QUANT_RUN) {
            uint16_t *want = memory(count * 2), *got = memory(count * 2);
            quant_unpack_row_plain(types[_i], t.matrix.weight, first, count, want, QUANT_RUN);
            fast(types[_i], t.matrix.weight, first, count, got, QUANT_RUN);
            for (size_t i = 0; i < count; i++) {
                float a = bf16_to_f32(got[i]), b = bf16_to_f32(want[i]);
                ck_assert_msg(fabsf(a - b) <= fabsf(b) / 128 + 1e-6f, "%s: element %zu is %g, not %g",
                              dtype_info(types[_i])->name, first + i, (double)a, (double)b);
            }
            free(want), free(got);
        }
    trial_free(&t);
}
END_TEST

/* Bias, activation, what is kept from before it, and bf16 on both sides. */
START_TEST(finishing)
{
    enum { ROWS = 6, N = 70 };
    for (const struct quant_kernel *const *kernel = quant_kernels(); *kernel; kernel++) {
        struct trial t = trial_new(types[_i], ROWS, N, width_of(types[_i], 3), ANY, NORMAL, 0, 5);
        size_t count = ROWS * t.matrix.k;
        uint16_t *narrow = memory(count * 2), *y = memory(ROWS * N * 2), *before = memory(ROWS * N * 2);
        elementwise_kernels_plain.narrow_bf16(t.x, narrow, count);
        elementwise_kernels_plain.widen_bf16(narrow, t.x, count);
        t.matrix.bias = t.bias;
        run_with(&t, *kernel, t.plain, 1);
        t.matrix.activation = ACTIVATION_SILU;
        t.matrix.x = narrow;
        t.matrix.x_dtype = t.matrix.y_dtype = DTYPE_BF16;
        t.matrix.pre_activation = before;
        t.matrix.y = y;
        quant_kernel_run(*kernel, &t.matrix, t.workspace_memory, 2);
        for (size_t i = 0; i < ROWS * N; i++) {
            float want = 0;
            elementwise_kernels_plain.activate(ACTIVATION_SILU, &t.plain[i], &want, 1);
            ck_assert_msg(before[i] == f32_to_bf16(t.plain[i]), "%s: %g before activation, not %g", (*kernel)->name,
                          (double)bf16_to_f32(before[i]), (double)t.plain[i]);
            ck_assert_msg(near(bf16_to_f32(y[i]), (double)want, 0.005, 1e-6), "%s: %g, not %g", (*kernel)->name,
                          (double)bf16_to_f32(y[i]), (double)want);
        }
        free(narrow), free(y), free(before);
        trial_free(&t);
    }
}
END_TEST

int main(void)
{
    return suite_run("quant", 600,
                     SUITE(LOOP(shapes_of_all_sorts, TYPES), LOOP(extremes, TYPES), LOOP(nothing, TYPES),
                           LOOP(not_finite, TYPES), LOOP(not_finite_in_panels, TYPES), LOOP(panels_finish, TYPES),
                           LOOP(wide, TYPES), LOOP(ways, TYPES), LOOP(unpacking, TYPES), LOOP(finishing, TYPES)));
}
