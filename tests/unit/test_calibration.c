/* What is measured before estimates are given: samples of cases, and which of them (models/engine/case_sample,
 * harness/estimate/calibration, harness/estimate/interval). */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/random.h"
#include "harness/estimate/calibration.h"
#include "harness/estimate/interval.h"
#include "models/engine/case_sample.h"
#include "models/graph/cost.h"
#include "tests/suite.h"

static struct model_case parsed(const char *id)
{
    struct model_case one;
    struct error error = {0};
    ck_assert_msg(case_parse(id, &one, &error), "%s", error.message);
    return one;
}

static struct model_case sample_of(const char *id)
{
    struct model_case one = parsed(id), sample;
    struct error error = {0};
    struct graph *whole = case_build_shapes(&one, &error);
    ck_assert_msg(whole && case_sample(&one, whole, &sample, &error), "%s", error.message);
    graph_free(whole);
    return sample;
}

/* ---- samples ---- */

START_TEST(two_layers_have_what_all_have)
{
    ck_assert_str_eq(sample_of("gpt2/gpt2-124m/train/f32/b4/s64").id, "gpt2/gpt2-124m/train/f32/b4/s64/layers-2");
    ck_assert_str_eq(sample_of("bert/bert-base/forward/bf16/b1/s128").id,
                     "bert/bert-base/forward/bf16/b1/s128/layers-2");
}
END_TEST

/* Every sixth layer of this one attends to everything: with a context beyond the others' window that is another op. */
START_TEST(layers_that_differ_are_all_there)
{
    ck_assert_int_eq(sample_of("llama/gemma-3-270m/decode/bf16/b1/s4096").layers, 6);
    ck_assert_int_eq(sample_of("llama/gemma-3-270m/decode/bf16/b1/s64").layers, 2);
}
END_TEST

START_TEST(a_case_without_layers_is_its_own_sample)
{
    ck_assert_str_eq(sample_of("cnn/seed-cnn/train/f32/b64").id, "cnn/seed-cnn/train/f32/b64");
    ck_assert_str_eq(sample_of("bert/bert-tiny/forward/f32/b8/s64").id, "bert/bert-tiny/forward/f32/b8/s64");
}
END_TEST

START_TEST(a_number_of_layers_is_part_of_the_name)
{
    struct model_case one = parsed("gpt2/gpt2-124m/forward/f32/b1/s64/layers-3"), bad;
    struct error error = {0};
    ck_assert_int_eq(one.layers, 3);
    ck_assert_str_eq(one.id, "gpt2/gpt2-124m/forward/f32/b1/s64/layers-3");
    ck_assert_str_eq(parsed("gpt2/gpt2-124m/forward/f32/b1/s64/layers-12").id, "gpt2/gpt2-124m/forward/f32/b1/s64");
    ck_assert(!case_parse("gpt2/gpt2-124m/forward/f32/b1/s64/layers-13", &bad, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "12 layers"));
    ck_assert(!case_parse("gpt2/gpt2-124m/forward/f32/b1/s64/layers-0", &bad, &error));
    ck_assert(!case_parse("gpt2/gpt2-124m/forward/f32/b1/s64/layers-2/layers-2", &bad, &error));
    ck_assert(!case_parse("cnn/seed-cnn/forward/f32/b64/layers-1", &bad, &error));
    struct graph *part = case_build_shapes(&one, &error), *whole;
    one.layers = 0;
    whole = case_build_shapes(&one, &error);
    ck_assert_int_lt(part->node_count, whole->node_count);
    graph_free(part);
    graph_free(whole);
}
END_TEST

/* ---- choosing ---- */

static bool is_tried(const void *state, const char *id)
{
    return state && strcmp(state, id) == 0;
}

static size_t choose(const char *const *ids, size_t count, double budget_s, uint64_t memory_bytes, const char *tried,
                     struct model_case **chosen)
{
    struct model_case asked[8];
    struct error error = {0};
    const struct calibration_limits limits = {.budget_s = budget_s, .memory_bytes = memory_bytes, .threads = 2};
    const struct calibration_tried already = {is_tried, tried};
    size_t found;
    for (size_t i = 0; i < count; i++)
        asked[i] = parsed(ids[i]);
    ck_assert_msg(calibration_choose(asked, count, NULL, &limits, &already, chosen, &found, &error), "%s",
                  error.message);
    return found;
}

static bool holds(const struct model_case *chosen, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(chosen[i].id, id) == 0)
            return true;
    return false;
}

START_TEST(each_that_is_asked_about_is_sampled)
{
    static const char *const ids[] = {"gpt2/gpt2-1.5b/decode/q8_0/b1/s64", "gpt2/gpt2-124m/train/f32/b4/s64",
                                      "cnn/seed-cnn/forward/f32/b64"};
    struct model_case *chosen;
    size_t count = choose(ids, 3, 60, UINT64_MAX, NULL, &chosen);
    ck_assert(holds(chosen, count, "gpt2/gpt2-1.5b/decode/q8_0/b1/s64/layers-2"));
    ck_assert(holds(chosen, count, "gpt2/gpt2-124m/train/f32/b4/s64/layers-2"));
    ck_assert(holds(chosen, count, "cnn/seed-cnn/forward/f32/b64"));
    free(chosen);
}
END_TEST

/* On a machine that isn't known a cheap case is measured whole, too: what its estimate is off by is learned from it. */
START_TEST(something_is_measured_whole)
{
    static const char *const ids[] = {"gpt2/gpt2-tiny/forward/f32/b4/s64", "gpt2/gpt2-1.5b/forward/bf16/b4/s64"};
    struct model_case *chosen;
    size_t count = choose(ids, 2, 60, UINT64_MAX, NULL, &chosen);
    ck_assert(holds(chosen, count, "gpt2/gpt2-tiny/forward/f32/b4/s64"));
    ck_assert(holds(chosen, count, "gpt2/gpt2-tiny/forward/f32/b4/s64/layers-2"));
    ck_assert(!holds(chosen, count, "gpt2/gpt2-1.5b/forward/bf16/b4/s64"));
    free(chosen);
}
END_TEST

START_TEST(what_has_no_room_or_no_time_is_left)
{
    static const char *const ids[] = {"gpt2/gpt2-1.5b/train/f32/b4/s64"};
    struct model_case *chosen;
    ck_assert_uint_eq(choose(ids, 1, 60, 64 << 20, NULL, &chosen), 0);
    free(chosen);
    ck_assert_uint_eq(choose(ids, 1, 0.1, UINT64_MAX, NULL, &chosen), 0);
    free(chosen);
}
END_TEST

START_TEST(nothing_is_tried_twice)
{
    static const char *const ids[] = {"gpt2/gpt2-1.5b/decode/q8_0/b1/s64"};
    struct model_case *chosen;
    ck_assert_uint_eq(choose(ids, 1, 60, UINT64_MAX, "gpt2/gpt2-1.5b/decode/q8_0/b1/s64/layers-2", &chosen), 0);
    free(chosen);
}
END_TEST

START_TEST(measured_cases_have_their_samples)
{
    struct model_case measured[] = {parsed("gpt2/gpt2-124m/train/f32/b4/s64"), parsed("cnn/seed-cnn/forward/f32/b1"),
                                    parsed("mlp/mlp-1m/forward/f32/b128")},
                      *samples;
    struct error error = {0};
    size_t count;
    ck_assert(calibration_samples(measured, 3, &samples, &count, &error));
    ck_assert_uint_eq(count, 4);
    ck_assert_str_eq(samples[0].id, "gpt2/gpt2-124m/train/f32/b4/s64/layers-2");
    ck_assert_str_eq(samples[1].id, "cnn/seed-cnn/forward/f32/b2");
    ck_assert_str_eq(samples[2].id, "mlp/mlp-1m/forward/f32/b64");
    ck_assert_str_eq(samples[3].id, "mlp/mlp-1m/forward/f32/b256");
    free(samples);
}
END_TEST

/* ---- intervals ---- */

enum { SCORES = 400 };

/* Errors that grow with the distance as 0.03 · (1 + growth · d), decodes' three times as large. */
static void make_scores(struct score scores[SCORES], double growth, uint64_t key)
{
    for (uint64_t i = 0; i < SCORES; i++) {
        double distance = 2 * (double)(i % 20) / 20;
        enum mode mode = i % 2 ? MODE_DECODE : MODE_FORWARD;
        double spread = 0.03 * (1 + growth * distance) * (mode == MODE_DECODE ? 3 : 1);
        scores[i] = (struct score){.log_error = spread * (double)random_normal(key, i),
                                   .distance = distance,
                                   .mode = mode,
                                   .kind = LEFT_OUT_MODEL,
                                   .group = {i, i, i % 4}};
    }
}

START_TEST(intervals_are_as_wide_as_errors_were)
{
    struct score scores[SCORES], fresh[SCORES];
    struct interval_law law;
    make_scores(scores, 4, 5);
    make_scores(fresh, 4, 6);
    ck_assert(interval_law_make(scores, SCORES, 0.9, NULL, &law));
    ck_assert_double_ge(law.growth, 2);
    ck_assert_double_le(law.growth, 8);
    size_t held[2] = {0};
    for (size_t i = 0; i < SCORES; i++)
        held[i % 2] +=
            fabs(fresh[i].log_error - law.bias) <= interval_half_width(&law, fresh[i].mode, fresh[i].distance);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_ge(held[i], SCORES / 2 * 84 / 100);
        ck_assert_uint_le(held[i], SCORES / 2 * 96 / 100);
    }
    ck_assert_double_gt(interval_half_width(&law, MODE_DECODE, 0), 2 * interval_half_width(&law, MODE_FORWARD, 0));
}
END_TEST

START_TEST(a_group_left_out_teaches_nothing)
{
    struct score scores[SCORES], some[SCORES];
    struct interval_law without_law, fresh;
    const struct without without = {LEFT_OUT_FAMILY, 1};
    size_t count = 0;
    make_scores(scores, 2, 7);
    for (size_t i = 0; i < SCORES; i++)
        if (scores[i].group[LEFT_OUT_FAMILY] != 1)
            some[count++] = scores[i];
    ck_assert(interval_law_make(scores, SCORES, 0.9, &without, &without_law));
    ck_assert(interval_law_make(some, count, 0.9, NULL, &fresh));
    ck_assert_double_eq(without_law.growth, fresh.growth);
    ck_assert_double_eq(without_law.quantile[MODE_DECODE], fresh.quantile[MODE_DECODE]);
}
END_TEST

START_TEST(with_no_error_known_it_is_the_usual_width)
{
    struct interval_law law;
    ck_assert(interval_law_make(NULL, 0, 0.9, NULL, &law));
    ck_assert_double_gt(interval_half_width(&law, MODE_TRAIN, 0), 0.05);
    ck_assert_double_gt(interval_half_width(&law, MODE_TRAIN, 1), interval_half_width(&law, MODE_TRAIN, 0));
    ck_assert_double_eq(law.bias, 0);
}
END_TEST

int main(void)
{
    return suite_run("calibration", 60,
                     SUITE(ONCE(two_layers_have_what_all_have), ONCE(layers_that_differ_are_all_there),
                           ONCE(a_case_without_layers_is_its_own_sample), ONCE(a_number_of_layers_is_part_of_the_name),
                           ONCE(each_that_is_asked_about_is_sampled), ONCE(something_is_measured_whole),
                           ONCE(what_has_no_room_or_no_time_is_left), ONCE(nothing_is_tried_twice),
                           ONCE(measured_cases_have_their_samples), ONCE(intervals_are_as_wide_as_errors_were),
                           ONCE(a_group_left_out_teaches_nothing), ONCE(with_no_error_known_it_is_the_usual_width)));
}
