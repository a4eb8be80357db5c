/* models/engine/check.c: right kernels pass in every family, also where a few samples are learned away at once and the
 * loss that is left is all rounding. */
#include <check.h>
#include <stdio.h>

#include "models/engine/case.h"

START_TEST(right_kernels_pass)
{
    static const char *const ids[] = {"mlp/mlp-10m/train/f32/b1", "mlp/mlp-1m/forward/bf16/b3",
                                      "cnn/seed-cnn/train/f32/b2", "rnn/seed-rnn/train/bf16/b2/s7",
                                      "gpt2/gpt2-tiny/train/f32/b1/s16/checkpointing/dropout"};
    struct model_case one;
    struct error error = {0};
    struct check check;
    ck_assert_msg(case_parse(ids[_i], &one, &error), "%s", error.message);
    ck_assert_msg(case_check(&one, 2, &check, &error), "%s", error.message);
    ck_assert_msg(check.passed, "%s: error %g of %g against %s", ids[_i], check.error, check.allowed, check.against);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("check");
    TCase *cases = tcase_create("check");
    suite_add_tcase(suite, cases);
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, right_kernels_pass, 0, 5);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
