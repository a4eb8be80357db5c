/* Every variant of the row kernels against the plain one, which is the specification, and the specification's
 * gradients against differences. */
#include "models/kernels/rows.h"
#include "tests/kernels/arrays.h"

static const size_t row_counts[] = {0, 1, 3, 4, 9};
static const size_t column_counts[] = {1, 3, 15, 16, 17, 33, 64, 1000, 3001};
enum {
    ROW_COUNTS = sizeof row_counts / sizeof *row_counts,
    COLUMN_COUNTS = sizeof column_counts / sizeof *column_counts
};

#define each_variant(variant) for (const struct row_kernels *const *variant = row_variants(); *variant; variant++)
#define each_shape(r, c)                                                                                               \
    for (size_t r = 0; r < ROW_COUNTS; r++)                                                                            \
        for (size_t c = 0; c < COLUMN_COUNTS; c++)

START_TEST(norms)
{
    const struct row_kernels *plain = &row_kernels_plain;
    each_variant(variant) each_shape(r, c) for (int with = 0; with < 2; with++)
    {
        const size_t rows = row_counts[r], columns = column_counts[c];
        struct array x = array_random(rows * columns, 1, 1, 3), gamma = array_random(columns, 3, 2, 1);
        struct array beta = array_random(columns, 0, 3, 1), y = array_new(rows * columns, 5);
        struct array want = array_new(rows * columns, 0), mean = array_new(rows, 1), rstd = array_new(rows, 1);
        struct array want_mean = array_new(rows, 0), want_rstd = array_new(rows, 0);
        for (size_t i = 0; i < x.count; i++)
            x.f[i] += 100; /* a mean far from 0: the variance must not cancel */
        const float *g = with ? gamma.f : NULL, *b = with ? beta.f : NULL;
        plain->layer_norm(x.f, g, b, want.f, want_mean.f, want_rstd.f, rows, columns, 1e-5f);
        (*variant)->layer_norm(x.f, g, b, y.f, mean.f, rstd.f, rows, columns, 1e-5f);
        if (columns > 1) { /* with one column it is what rounding leaves, times 1/√ε */
            check_near("layer_norm", (*variant)->name, y.f, want.f, y.count, 4e-5, 1);
            check_near("layer_norm's rstd", (*variant)->name, rstd.f, want_rstd.f, rows, 4e-6, 0);
        }
        check_near("layer_norm's mean", (*variant)->name, mean.f, want_mean.f, rows, 1e-6, 0);
        plain->rms_norm(x.f, g, want.f, want_rstd.f, rows, columns, 1e-5f);
        (*variant)->rms_norm(x.f, g, x.f, rstd.f, rows, columns, 1e-5f); /* in place */
        check_near("rms_norm", (*variant)->name, x.f, want.f, x.count, 2e-6, 0.1);
        check_near("rms_norm's rstd", (*variant)->name, rstd.f, want_rstd.f, rows, 2e-6, 0);
        (*variant)->layer_norm(want.f, g, b, y.f, NULL, NULL, rows, columns, 1e-5f);
        (*variant)->rms_norm(want.f, g, y.f, NULL, rows, columns, 1e-5f);
        array_free(&x), array_free(&gamma), array_free(&beta), array_free(&y), array_free(&want);
        array_free(&mean), array_free(&rstd), array_free(&want_mean), array_free(&want_rstd);
    }
}
END_TEST

START_TEST(norm_gradients)
{
    const struct row_kernels *plain = &row_kernels_plain;
    each_variant(variant) each_shape(r, c) for (int with = 0; with < 2; with++)
    {
        const size_t rows = row_counts[r], columns = column_counts[c], count = rows * columns;
        struct array x = array_random(count, 1, 1, 1), gamma = array_random(columns, 3, 2, 1);
        struct array dy = array_random(count, 2, 4, 1), add = array_random(count, 7, 5, 1), y = array_new(count, 0);
        struct array mean = array_new(rows, 0), rstd = array_new(rows, 1), dx = array_copy(&dy),
                     want = array_new(count, 0);
        struct array dgamma = array_random(columns, 1, 6, 1), dbeta = array_random(columns, 3, 7, 1);
        struct array want_dgamma = array_copy(&dgamma), want_dbeta = array_copy(&dbeta);
        const float *g = with ? gamma.f : NULL, *a = with ? add.f : NULL;
        float *b = with ? dbeta.f : NULL, *wb = with ? want_dbeta.f : NULL;
        plain->layer_norm(x.f, g, NULL, y.f, mean.f, rstd.f, rows, columns, 1e-2f);
        plain->layer_norm_gradient(x.f, g, mean.f, rstd.f, dy.f, a, want.f, want_dgamma.f, wb, rows, columns);
        (*variant)->layer_norm_gradient(x.f, g, mean.f, rstd.f, dx.f, a, dx.f, dgamma.f, b, rows, columns);
        check_near("layer_norm_gradient's dx", (*variant)->name, dx.f, want.f, count, 1e-5, 1);
        check_near("layer_norm_gradient's dgamma", (*variant)->name, dgamma.f, want_dgamma.f, columns, 4e-6, 1);
        check_near("layer_norm_gradient's dbeta", (*variant)->name, dbeta.f, want_dbeta.f, columns, 4e-6, 1);
        plain->rms_norm(x.f, g, y.f, rstd.f, rows, columns, 1e-2f);
        plain->rms_norm_gradient(x.f, g, rstd.f, dy.f, a, want.f, want_dgamma.f, rows, columns);
        (*variant)->rms_norm_gradient(x.f, g, rstd.f, dy.f, a, dx.f, dgamma.f, rows, columns);
        check_near("rms_norm_gradient's dx", (*variant)->name, dx.f, want.f, count, 1e-5, 1);
        check_near("rms_norm_gradient's dgamma", (*variant)->name, dgamma.f, want_dgamma.f, columns, 8e-6, 1);
        (*variant)->rms_norm_gradient(x.f, g, rstd.f, dy.f, a, dx.f, NULL, rows, columns);
        check_near("rms_norm_gradient without dgamma", (*variant)->name, dx.f, want.f, count, 1e-5, 1);
        array_free(&x), array_free(&gamma), array_free(&dy), array_free(&add), array_free(&y), array_free(&mean);
        array_free(&rstd), array_free(&dx), array_free(&want), array_free(&dgamma), array_free(&dbeta);
        array_free(&want_dgamma), array_free(&want_dbeta);
    }
}
END_TEST

START_TEST(softmax_rows)
{
    static const size_t wide[] = {1, 10, 16, 31, 1000, 2048, 2049, 4097, 65537, 140001};
    const struct row_kernels *plain = &row_kernels_plain;
    each_variant(variant) for (size_t c = 0; c < sizeof wide / sizeof *wide; c++)
    {
        const size_t rows = wide[c] > 5000 ? 2 : 5, columns = wide[c], count = rows * columns;
        struct array x = array_random(count, 1, 1, 5), dy = array_random(count, 3, 2, 1);
        struct array y = array_copy(&x), want = array_new(count, 0), dx = array_new(count, 1);
        for (size_t i = 0; i < count; i++)
            x.f[i] = y.f[i] += 0.001f * (float)(i % columns); /* maxima that keep growing: the online sum rescales */
        plain->softmax(x.f, want.f, rows, columns);
        (*variant)->softmax(y.f, y.f, rows, columns); /* in place */
        check_near("softmax", (*variant)->name, y.f, want.f, count, 4e-6, 1e-12);
        plain->softmax_gradient(y.f, dy.f, want.f, rows, columns);
        (*variant)->softmax_gradient(y.f, dy.f, dx.f, rows, columns);
        for (size_t i = 0; i < count; i++) /* y · a difference that cancels */
            ck_assert_msg(fabsf(dx.f[i] - want.f[i]) <= 2e-6f * y.f[i] * (fabsf(dy.f[i]) + 4) + 1e-43f,
                          "softmax_gradient, %s: element %zu is %g, not %g", (*variant)->name, i, (double)dx.f[i],
                          (double)want.f[i]);
        array_free(&x), array_free(&dy), array_free(&y), array_free(&want), array_free(&dx);
    }
}
END_TEST

START_TEST(cross_entropy_rows)
{
    static const size_t wide[] = {1, 10, 16, 31, 1000, 2049, 50257};
    const struct row_kernels *plain = &row_kernels_plain;
    each_variant(variant) for (size_t c = 0; c < sizeof wide / sizeof *wide; c++)
    {
        enum { ROWS = 5 };
        const size_t columns = wide[c], count = ROWS * columns;
        const int32_t target[ROWS] = {0, -1, (int32_t)columns - 1, (int32_t)columns / 2, -100};
        struct array x = array_random(count, 1, 1, 5), want_dx = array_new(count, 0);
        float loss[ROWS], log_sum[ROWS], want[ROWS], want_log_sum[ROWS];
        plain->cross_entropy(x.f, target, want, want_log_sum, ROWS, columns);
        (*variant)->cross_entropy(x.f, target, loss, log_sum, ROWS, columns);
        check_near("cross_entropy", (*variant)->name, loss, want, (size_t)ROWS, 4e-7, 10);
        check_near("cross_entropy's log_sum", (*variant)->name, log_sum, want_log_sum, (size_t)ROWS, 4e-7, 10);
        ck_assert(loss[1] == 0 && loss[4] == 0);
        plain->cross_entropy_gradient(x.f, target, log_sum, 0.25f, want_dx.f, ROWS, columns);
        (*variant)->cross_entropy_gradient(x.f, target, log_sum, 0.25f, x.f, ROWS, columns); /* in place */
        check_near("cross_entropy_gradient", (*variant)->name, x.f, want_dx.f, count, 1e-6, 0.05);
        array_free(&x), array_free(&want_dx);
    }
}
END_TEST

START_TEST(cross_entropy_of_a_wrong_target_is_no_number)
{
    const float x[3] = {1, 2, 3};
    const int32_t target = 3;
    each_variant(variant)
    {
        float loss, log_sum;
        (*variant)->cross_entropy(x, &target, &loss, &log_sum, 1, 3);
        ck_assert(isnan(loss) && fabsf(log_sum - 3.40760596f) < 1e-6f); /* log(e + e² + e³) */
    }
}
END_TEST

START_TEST(softmax_of_extremes)
{
    static const float rows[][5] = {{-INFINITY, 0, -INFINITY, 0, -INFINITY},
                                    {-INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY},
                                    {3e38f, 3e38f, -3e38f, 0, 1},
                                    {1, NAN, 2, -INFINITY, 3},
                                    {INFINITY, 1, 2, 3, 4},
                                    {-3e38f, -3e38f, -3e38f, -3e38f, -3e38f},
                                    {-1e-42f, 0, 1e-42f, -0.0f, 1e-45f}};
    enum { ROWS = sizeof rows / sizeof *rows };
    const int32_t target[ROWS] = {1, 1, 1, 1, 1, 1, 1};
    each_variant(variant)
    {
        float y[ROWS][5], want[ROWS][5], loss[ROWS], want_loss[ROWS], log_sum[ROWS], want_log_sum[ROWS];
        row_kernels_plain.softmax(&rows[0][0], &want[0][0], ROWS, 5);
        (*variant)->softmax(&rows[0][0], &y[0][0], ROWS, 5);
        check_near("softmax", (*variant)->name, &y[0][0], &want[0][0], (size_t)(ROWS * 5), 1e-6, 1e-6);
        row_kernels_plain.cross_entropy(&rows[0][0], target, want_loss, want_log_sum, ROWS, 5);
        (*variant)->cross_entropy(&rows[0][0], target, loss, log_sum, ROWS, 5);
        check_near("cross_entropy", (*variant)->name, loss, want_loss, (size_t)ROWS, 1e-6, 1);
        check_near("cross_entropy's log_sum", (*variant)->name, log_sum, want_log_sum, (size_t)ROWS, 1e-6, 1);
        ck_assert(y[0][1] == 0.5f && y[0][0] == 0);                    /* −∞ has no share */
        ck_assert(isnan(y[1][0]) && isnan(y[3][0]) && isnan(y[4][1])); /* as PyTorch has it */
        ck_assert(y[2][0] == 0.5f && loss[0] == logf(2));
    }
}
END_TEST

START_TEST(products_down_columns)
{
    static const size_t many[] = {0, 1, 7, 8, 9, 100};
    each_variant(variant) for (size_t r = 0; r < sizeof many / sizeof *many; r++) for (size_t c = 0; c < COLUMN_COUNTS;
                                                                                       c++)
    {
        const size_t rows = many[r], columns = column_counts[c];
        struct array a = array_random(rows * columns, 1, 1, 1), b = array_random(rows * columns, 3, 2, 1);
        struct array sum = array_random(columns, 2, 3, 1), want = array_copy(&sum);
        row_kernels_plain.column_products(a.f, b.f, want.f, rows, columns);
        (*variant)->column_products(a.f, b.f, sum.f, rows, columns);
        check_near("column_products", (*variant)->name, sum.f, want.f, columns, 8e-6, 1);
        array_free(&a), array_free(&b), array_free(&sum), array_free(&want);
    }
}
END_TEST

START_TEST(column_functions)
{
    const struct row_kernels *plain = &row_kernels_plain;
    static const size_t many[] = {0, 1, 7, 8, 9, 100};
    each_variant(variant) for (size_t r = 0; r < 6; r++) for (size_t c = 0; c < COLUMN_COUNTS; c++)
    {
        const size_t rows = many[r], columns = column_counts[c], count = rows * columns, stride = columns + 5;
        struct array x = array_random(rows ? rows * stride - 5 : 0, 1, 1, 1), scale = array_random(columns, 3, 2, 1);
        struct array shift = array_random(columns, 0, 3, 1), y = array_new(count, 1), want_y = array_new(count, 0);
        struct array sum = array_random(columns, 1, 4, 1), square = array_random(columns, 2, 5, 1);
        struct array want = array_copy(&sum), want_square = array_copy(&square);
        plain->column_sums(x.f, want.f, rows, columns, stride);
        (*variant)->column_sums(x.f, sum.f, rows, columns, stride);
        check_near("column_sums", (*variant)->name, sum.f, want.f, columns, 4e-6, 1);
        for (int with = 0; with < 2; with++) {
            plain->column_moments(x.f, with ? shift.f : NULL, want.f, want_square.f, rows, columns);
            (*variant)->column_moments(x.f, with ? shift.f : NULL, sum.f, square.f, rows, columns);
            check_near("column_moments' sum", (*variant)->name, sum.f, want.f, columns, 8e-6, 1);
            check_near("column_moments' square", (*variant)->name, square.f, want_square.f, columns, 8e-6, 1);
            plain->column_affine(x.f, scale.f, shift.f, with, want_y.f, rows, columns);
            (*variant)->column_affine(x.f, scale.f, shift.f, with, y.f, rows, columns);
            check_near("column_affine", (*variant)->name, y.f, want_y.f, count, 1e-6, 1);
        }
        array_free(&x), array_free(&scale), array_free(&shift), array_free(&y), array_free(&want_y);
        array_free(&sum), array_free(&square), array_free(&want), array_free(&want_square);
    }
}
END_TEST

/* Σ dy · f(x), whose gradient with respect to x the kernels promise */
static double weighed(int which, const float *x, const float *gamma, const float *dy, size_t rows, size_t columns)
{
    struct array y = array_new(rows * columns, 0);
    double sum = 0;
    if (which == 0)
        row_kernels_plain.layer_norm(x, gamma, NULL, y.f, NULL, NULL, rows, columns, 1e-2f);
    else if (which == 1)
        row_kernels_plain.rms_norm(x, gamma, y.f, NULL, rows, columns, 1e-2f);
    else
        row_kernels_plain.softmax(x, y.f, rows, columns);
    for (size_t i = 0; i < rows * columns; i++)
        sum += (double)dy[i] * y.f[i];
    array_free(&y);
    return sum;
}

START_TEST(plain_gradients_are_slopes)
{
    enum { ROWS = 2, COLUMNS = 7, COUNT = ROWS * COLUMNS };
    struct array x = array_random(COUNT, 0, 1, 1), gamma = array_random(COLUMNS, 0, 2, 1);
    struct array dy = array_random(COUNT, 0, 3, 1), y = array_new(COUNT, 0), dx = array_new(COUNT, 0);
    float mean[ROWS], rstd[ROWS], dgamma[COLUMNS] = {0}, dbeta[COLUMNS] = {0};
    const struct row_kernels *plain = &row_kernels_plain;
    for (int which = 0; which < 3; which++) {
        if (which == 0) {
            plain->layer_norm(x.f, gamma.f, NULL, y.f, mean, rstd, ROWS, COLUMNS, 1e-2f);
            plain->layer_norm_gradient(x.f, gamma.f, mean, rstd, dy.f, NULL, dx.f, dgamma, dbeta, ROWS, COLUMNS);
        } else if (which == 1) {
            plain->rms_norm(x.f, gamma.f, y.f, rstd, ROWS, COLUMNS, 1e-2f);
            plain->rms_norm_gradient(x.f, gamma.f, rstd, dy.f, NULL, dx.f, dgamma, ROWS, COLUMNS);
        } else {
            plain->softmax(x.f, y.f, ROWS, COLUMNS);
            plain->softmax_gradient(y.f, dy.f, dx.f, ROWS, COLUMNS);
        }
        for (size_t i = 0; i < COUNT; i++) {
            const float at = x.f[i], step = 0x1p-7f;
            x.f[i] = at + step;
            double above = weighed(which, x.f, gamma.f, dy.f, ROWS, COLUMNS);
            x.f[i] = at - step;
            double below = weighed(which, x.f, gamma.f, dy.f, ROWS, COLUMNS);
            x.f[i] = at;
            ck_assert_double_eq_tol(dx.f[i], (above - below) / (2 * step), 2e-3);
        }
    }
    array_free(&x), array_free(&gamma), array_free(&dy), array_free(&y), array_free(&dx);
}
END_TEST

int main(void)
{
    return suite_run("rows", 600,
                     SUITE(ONCE(norms), ONCE(norm_gradients), ONCE(softmax_rows), ONCE(cross_entropy_rows),
                           ONCE(cross_entropy_of_a_wrong_target_is_no_number), ONCE(softmax_of_extremes),
                           ONCE(products_down_columns), ONCE(column_functions), ONCE(plain_gradients_are_slopes)));
}
