/* Every variant of the distillation loss against the plain one, and the plain one's gradient against differences. */
#include "models/kernels/distillation.h"
#include "tests/kernels/arrays.h"

#define each_variant(variant)                                                                                          \
    for (const struct distillation_kernels *const *variant = distillation_variants(); *variant; variant++)

static const size_t widths[] = {1, 2, 15, 16, 17, 1000, 2048, 2049, 5000, 50257};
enum { WIDTHS = sizeof widths / sizeof *widths };

static void check_row(const char *variant, const struct distillation_row *got, const struct distillation_row *want)
{
    check_near("cross", variant, &got->cross, &want->cross, 1, 1e-6, 10);
    check_near("divergence", variant, &got->divergence, &want->divergence, 1, 4e-6, 2);
    check_near("log_sum", variant, &got->log_sum, &want->log_sum, 1, 1e-6, 10);
    check_near("student_log_sum", variant, &got->student_log_sum, &want->student_log_sum, 1, 1e-6, 10);
    check_near("teacher_log_sum", variant, &got->teacher_log_sum, &want->teacher_log_sum, 1, 1e-6, 10);
}

START_TEST(variants_agree)
{
    const struct distillation_kernels *plain = &distillation_kernels_plain;
    each_variant(variant) for (size_t c = 0; c < WIDTHS; c++) for (int kind = 0; kind < 4; kind++)
    {
        /* kind: small logits; large ones; maxima that keep growing; an ignored target */
        size_t columns = widths[c];
        float scale = kind == 1 ? 20 : 2, slope = kind == 2 ? 0.004f : 0, temperature = kind == 1 ? 3 : 2;
        struct array x = array_random(columns, 1, 1, scale), t = array_random(columns, 3, 2, scale);
        for (size_t i = 0; i < columns; i++)
            x.f[i] += slope * (float)i, t.f[i] += slope * (float)i;
        struct array dx = array_copy(&x), want_dx = array_new(columns, 0);
        int32_t target = kind == 3 ? -1 : (int32_t)(columns / 2);
        struct distillation_row row, want;
        plain->loss(x.f, t.f, target, columns, temperature, &want);
        (*variant)->loss(x.f, t.f, target, columns, temperature, &row);
        check_row((*variant)->name, &row, &want);
        plain->gradient(x.f, t.f, target, columns, temperature, &want, 0.5f, 0.25f, want_dx.f);
        (*variant)->gradient(dx.f, t.f, target, columns, temperature, &want, 0.5f, 0.25f, dx.f); /* in place */
        check_near("gradient", (*variant)->name, dx.f, want_dx.f, columns, 4e-6, 0.1);
        array_free(&x), array_free(&t), array_free(&dx), array_free(&want_dx);
    }
}
END_TEST

START_TEST(a_student_that_is_its_teacher_has_nothing_to_learn)
{
    struct array x = array_random(3001, 0, 1, 3);
    each_variant(variant)
    {
        struct distillation_row row;
        struct array dx = array_new(x.count, 0);
        (*variant)->loss(x.f, x.f, 3, x.count, 2, &row);
        (*variant)->gradient(x.f, x.f, -1, x.count, 2, &row, 1, 1, dx.f);
        ck_assert_msg(fabsf(row.divergence) < 1e-6f, "%s: a divergence of %g", (*variant)->name,
                      (double)row.divergence);
        for (size_t i = 0; i < x.count; i++)
            ck_assert_msg(fabsf(dx.f[i]) < 1e-7f, "%s: a gradient of %g", (*variant)->name, (double)dx.f[i]);
        array_free(&dx);
    }
    array_free(&x);
}
END_TEST

START_TEST(the_gradient_is_that_of_the_loss)
{
    enum { COLUMNS = 7 };
    const float T = 2, hard = 0.5f, soft = 0.5f, h = 1e-2f;
    struct array x = array_random(COLUMNS, 0, 1, 1), t = array_random(COLUMNS, 0, 2, 1), dx = array_new(COLUMNS, 0);
    struct distillation_row row, up, down;
    distillation_kernels_plain.loss(x.f, t.f, 2, COLUMNS, T, &row);
    /* of hard · cross + soft · T · divergence: the divergence's own gradient is (q − p) / T */
    distillation_kernels_plain.gradient(x.f, t.f, 2, COLUMNS, T, &row, hard, soft, dx.f);
    for (size_t i = 0; i < COLUMNS; i++) {
        float kept = x.f[i];
        x.f[i] = kept + h;
        distillation_kernels_plain.loss(x.f, t.f, 2, COLUMNS, T, &up);
        x.f[i] = kept - h;
        distillation_kernels_plain.loss(x.f, t.f, 2, COLUMNS, T, &down);
        x.f[i] = kept;
        double slope =
            (double)(hard * (up.cross - down.cross) + soft * T * (up.divergence - down.divergence)) / (2 * (double)h);
        ck_assert_msg(fabs(slope - (double)dx.f[i]) < 2e-4, "element %zu: %g, not %g", i, (double)dx.f[i], slope);
    }
    array_free(&x), array_free(&t), array_free(&dx);
}
END_TEST

int main(void)
{
    return suite_run("distillation", 600,
                     SUITE(ONCE(variants_agree), ONCE(a_student_that_is_its_teacher_has_nothing_to_learn),
                           ONCE(the_gradient_is_that_of_the_loss)));
}
