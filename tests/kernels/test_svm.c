/* The support vector machine: every variant of its loops against the plain ones, and the training against the
 * specification, whatever the number of threads. */
#include "models/kernels/svm.h"
#include "tests/kernels/arrays.h"

#define each_variant(variant) for (const struct svm_kernels *const *variant = svm_variants(); *variant; variant++)

static const size_t column_counts[] = {1, 3, 15, 16, 17, 50, 100, 130};
enum { COLUMN_COUNTS = sizeof column_counts / sizeof *column_counts };

static int32_t *labels_of(size_t rows)
{
    int32_t *labels = malloc((rows + 1) * sizeof *labels);
    for (size_t r = 0; r < rows; r++)
        labels[r] = random_bits(9, r) >> 63 ? 1 : 0;
    return labels;
}

START_TEST(decisions)
{
    each_variant(variant) for (size_t n = 0; n < ODD_COUNTS; n++) for (size_t c = 0; c < COLUMN_COUNTS; c++)
    {
        size_t rows = odd_counts[n], columns = column_counts[c];
        struct array x = array_random(rows * columns, 1, 1, 1), w = array_random(columns + 1, 3, 2, 1);
        struct array u = array_new(rows, 5), want = array_new(rows, 0);
        int32_t *labels = labels_of(rows);
        svm_kernels_plain.decide(x.f, labels, rows, columns, w.f, want.f);
        (*variant)->decide(x.f, labels, rows, columns, w.f, u.f);
        check_near("decide", (*variant)->name, u.f, want.f, rows, 1e-5, 1);
        array_free(&x), array_free(&w), array_free(&u), array_free(&want);
        free(labels);
    }
}
END_TEST

START_TEST(slopes_along_a_direction)
{
    each_variant(variant) for (size_t n = 0; n < ODD_COUNTS; n++)
    {
        size_t count = odd_counts[n] * 5;
        struct array z = array_random(count, 1, 1, 1), u = array_random(count, 3, 2, 1);
        double want[2] = {1, 2}, got[2] = {1, 2};
        svm_kernels_plain.slopes(z.f, u.f, 0.3f, count, want);
        (*variant)->slopes(z.f, u.f, 0.3f, count, got);
        for (size_t i = 0; i < 2; i++)
            ck_assert_msg(fabs(got[i] - want[i]) <= 1e-5 * (1 + (double)count), "%s: slope %zu of %zu is %g, not %g",
                          (*variant)->name, i, count, got[i], want[i]);
        array_free(&z), array_free(&u);
    }
}
END_TEST

START_TEST(sums_over_rows)
{
    enum { ROWS = 200 };
    uint32_t chosen[ROWS];
    for (uint32_t i = 0; i < ROWS; i++)
        chosen[i] = random_below(7, i, ROWS);
    each_variant(variant) for (size_t c = 0; c < COLUMN_COUNTS; c++) for (size_t count = 0; count < 70; count += 23)
    {
        size_t columns = column_counts[c], stride = svm_stride(columns), square = (columns + 1) * stride;
        struct array x = array_random(ROWS * columns, 1, 1, 1), factor = array_random(count, 1, 2, 1);
        struct array sum = array_random(columns + 1, 1, 3, 1), want_sum = array_copy(&sum);
        struct array got = array_random(square, 0, 4, 1), want = array_copy(&got);
        struct array room = array_new(SVM_BLOCK * stride, 0);
        svm_kernels_plain.weighted_sum(x.f, columns, chosen, factor.f, count, want_sum.f);
        (*variant)->weighted_sum(x.f, columns, chosen, factor.f, count, sum.f);
        check_near("weighted_sum", (*variant)->name, sum.f, want_sum.f, columns + 1, 1e-5, 10);
        svm_kernels_plain.add_squares(x.f, columns, chosen, count, -1, want.f, stride, room.f);
        (*variant)->add_squares(x.f, columns, chosen, count, -1, got.f, stride, room.f);
        for (size_t i = 0; i <= columns; i++) {
            size_t right = i * stride + i;
            check_near("add_squares", (*variant)->name, got.f + right, want.f + right, columns + 1 - i, 1e-5, 30);
        }
        array_free(&x), array_free(&factor), array_free(&sum), array_free(&want_sum);
        array_free(&got), array_free(&want), array_free(&room);
    }
}
END_TEST

static double train(const struct svm_problem *problem, float *w, int threads)
{
    void *room = NULL;
    ck_assert(posix_memalign(&room, 64, svm_workspace(problem->rows, problem->columns)) == 0);
    double objective = threads ? svm_train(problem, w, room, threads) : svm_train_reference(problem, w, room);
    free(room);
    return objective;
}

START_TEST(training_finds_what_the_specification_finds)
{
    static const struct {
        size_t rows, columns;
        double cost;
        bool parted; /* labels that a plane parts */
    } rows[] = {{1, 1, 1, false},    {7, 3, 1, false},      {40, 60, 1, false},      {3000, 20, 1, false},
                {3000, 20, 1, true}, {2000, 33, 100, true}, {5000, 100, 0.01, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct array x = array_random(rows[i].rows * rows[i].columns, 1, 1, 1);
        int32_t *labels = labels_of(rows[i].rows);
        for (size_t r = 0; rows[i].parted && r < rows[i].rows; r++)
            labels[r] = x.f[r * rows[i].columns] > 0.1f;
        const struct svm_problem problem = {x.f, labels, rows[i].rows, rows[i].columns, rows[i].cost};
        struct array want = array_new(rows[i].columns + 1, 0), once = array_new(rows[i].columns + 1, 0);
        double objective = train(&problem, want.f, 0), size = 0;
        for (size_t c = 0; c < want.count; c++)
            size = (double)fabsf(want.f[c]) > size ? (double)fabsf(want.f[c]) : size; /* fmax: see distillation.c */
        for (int threads = 1; threads <= 3; threads++) {
            struct array w = array_new(rows[i].columns + 1, 0);
            double found = train(&problem, w.f, threads);
            ck_assert_msg(fabs(found - objective) <= 1e-5 * objective, "row %zu: the objective is %.9g, not %.9g", i,
                          found, objective);
            check_near("svm_train", "weights", w.f, want.f, w.count, 1e-4, size);
            if (threads == 1)
                memcpy(once.f, w.f, w.count * sizeof *w.f);
            check_same("svm_train", "with more threads", w.f, once.f, w.count);
            array_free(&w);
        }
        array_free(&x), array_free(&want), array_free(&once);
        free(labels);
    }
}
END_TEST

int main(void)
{
    return suite_run("support vector machine", 600,
                     SUITE(ONCE(decisions), ONCE(slopes_along_a_direction), ONCE(sums_over_rows),
                           ONCE(training_finds_what_the_specification_finds)));
}
