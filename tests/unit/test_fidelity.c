/* models/engine/fidelity.c: nothing is lost by nothing, more by fewer bits, and what is compared is like the model. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "harness/base/random.h"
#include "models/engine/fidelity.h"
#include "tests/suite.h"

static struct fidelity of(const char *id)
{
    struct model_case one;
    struct error error = {0};
    struct fidelity fidelity;
    ck_assert_msg(case_parse(id, &one, &error), "%s", error.message);
    ck_assert_msg(case_fidelity(&one, 2, &fidelity, &error), "%s", error.message);
    return fidelity;
}

/* The very same kernels on the very same numbers. */
START_TEST(f32_loses_nothing)
{
    static const char *const ids[] = {"gpt2/gpt2-124m/forward/f32/b1/s64", "llama/llama-15m/decode/f32/b1/s64"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct fidelity none = of(ids[i]);
        ck_assert(none.output_error == 0 && none.divergence_nats == 0 && none.divergence_p99_nats == 0);
        ck_assert(none.loss_difference_nats == 0 && none.agreement == 1);
        ck_assert_msg(none.loss_f32_nats > 1.5 && none.loss_f32_nats < 3.2, "a perplexity of exp(%g)",
                      none.loss_f32_nats);
    }
}
END_TEST

/* From more bits to fewer; a step is so large that no drawing of tokens turns it. */
static void check_ladder(const char *const *ids)
{
    struct fidelity before = of(ids[0]);
    for (size_t i = 1; ids[i]; i++) {
        struct fidelity fewer = of(ids[i]);
        ck_assert_msg(fewer.output_error > 1.5 * before.output_error, "%s: output error %g after %g", ids[i],
                      fewer.output_error, before.output_error);
        ck_assert_msg(isnan(fewer.divergence_nats) == isnan(before.divergence_nats), "%s", ids[i]);
        if (!isnan(fewer.divergence_nats)) {
            ck_assert_msg(fewer.divergence_nats > 2 * before.divergence_nats, "%s: %g nats after %g", ids[i],
                          fewer.divergence_nats, before.divergence_nats);
            ck_assert_msg(fewer.divergence_p99_nats > fewer.divergence_nats, "%s", ids[i]);
            ck_assert_msg(fewer.agreement <= before.agreement, "%s", ids[i]);
        }
        before = fewer;
    }
}

START_TEST(fewer_bits_lose_more)
{
    check_ladder((const char *const[]){"gpt2/gpt2-124m/decode/f16/b1/s64", "gpt2/gpt2-124m/decode/q8_0/b1/s64",
                                       "gpt2/gpt2-124m/decode/q6_K/b1/s64", "gpt2/gpt2-124m/decode/q4_0/b1/s64", NULL});
    check_ladder((const char *const[]){"llama/tinyllama-1.1b/decode/q8_0/b1/s64",
                                       "llama/tinyllama-1.1b/decode/q4_K_M/b1/s64", NULL});
    check_ladder((const char *const[]){"vit/vit-base/forward/q8_0/b1", "vit/vit-base/forward/q4_0/b1", NULL});
    check_ladder((const char *const[]){"mlp/mlp-10m/forward/bf16/b1", "mlp/mlp-10m/forward/q8_0/b1",
                                       "mlp/mlp-10m/forward/q4_0/b1", NULL});
}
END_TEST

/* A model whose rows don't fill super-blocks is compared in the types that it really has: q8_0 for most of smollm's. */
START_TEST(reduced_models_keep_their_types)
{
    struct fidelity fallen = of("llama/smollm-360m/decode/q4_K/b1/s64"),
                    whole = of("llama/llama-3-8b/decode/q4_K/b1/s64");
    ck_assert_msg(fallen.output_error < 0.5 * whole.output_error, "%g beside %g", fallen.output_error,
                  whole.output_error);
    ck_assert_ptr_nonnull(strstr(whole.at, "width 256"));
    ck_assert_ptr_nonnull(strstr(fallen.at, "width 192"));
}
END_TEST

static bool has_fidelity(const char *id)
{
    struct model_case one;
    struct error error = {0};
    ck_assert_msg(case_parse(id, &one, &error), "%s", error.message);
    return case_has_fidelity(&one);
}

START_TEST(only_what_stores_otherwise_is_compared)
{
    ck_assert(has_fidelity("gpt2/gpt2-124m/prefill/q4_0/b1/s64"));
    ck_assert(has_fidelity("bert/bert-base/forward/bf16/b1/s64"));
    ck_assert(!has_fidelity("bert/bert-base/forward/f32/b1/s64"));
    ck_assert(!has_fidelity("bert/bert-base/train/bf16/b1/s64"));
    ck_assert(!has_fidelity("cnn/resnet-18/forward/bf16/b1"));
}
END_TEST

/* Distributions that can be worked out by hand, and outputs without any. */
START_TEST(edges)
{
    struct fidelity found;
    float even[4] = {0, 0, 0, 0}, other[4] = {0, 1, 2, 3};
    fidelity_compare(even, other, 1, 4, 1, &found); /* no factor makes an even distribution uneven */
    double sum = log(1 + exp(1) + exp(2) + exp(3));
    ck_assert_double_eq_tol(found.divergence_nats, sum - 1.5 - log(4), 1e-12);
    ck_assert_double_eq_tol(found.loss_f32_nats, log(4), 1e-12);
    fidelity_compare(even, other, 0, 4, 1, &found);
    ck_assert(isnan(found.divergence_nats) && isnan(found.agreement) && found.positions == 0);
    ck_assert(fidelity_output_error(even, even, 4) == 0);
    ck_assert(isinf(fidelity_output_error(even, other, 4)));
}
END_TEST

int main(void)
{
    return suite_run("fidelity", 120,
                     SUITE(ONCE(f32_loses_nothing), ONCE(fewer_bits_lose_more), ONCE(reduced_models_keep_their_types),
                           ONCE(only_what_stores_otherwise_is_compared), ONCE(edges)));
}
