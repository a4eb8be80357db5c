/* reports/compare and stats/log_median: intervals hold the truth as often as they claim, on simulated machines; and
 * what can't be compared is left out by name. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/random.h"
#include "harness/stats/log_median.h"
#include "reports/compare.h"
#include "tests/suite.h"

START_TEST(student_quantiles)
{
    static const double rows[][2] = {{1, 12.7062}, {2, 4.30265}, {5, 2.57058}, {30, 2.04227}, {1e6, 1.95997}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_double_eq_tol(stats_student_quantile(0.975, rows[i][0]), rows[i][1], 1e-4);
    ck_assert(isnan(stats_student_quantile(1, 3)));
}
END_TEST

/* A machine's sample: its median, with noise that is symmetric on the logarithm's scale or a tail of slow ones. */
static double sample(uint64_t key, uint64_t index, bool tail)
{
    double u = (random_uniform(key, index) * 16777215.0 + 0.5) / 16777216.0;
    return tail ? (1 - 0.1 * log(u)) / (1 + 0.1 * M_LN2) : exp(0.03 * random_normal(key, index));
}

/* How often the interval of a mean over `cases` holds the true ratio, of 2000 simulated pairs of machines. */
static double coverage(size_t cases, size_t samples, bool tail)
{
    enum { TRIALS = 2000 };
    const double truth = 1.25;
    size_t held = 0;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        struct log_median above[40], below[40];
        double weights[40], values[200];
        for (size_t c = 0; c < cases; c++) {
            for (int side = 0; side < 2; side++) {
                uint64_t key = random_key(trial * 100 + c, side ? "one machine" : "the other");
                for (size_t i = 0; i < samples; i++)
                    values[i] = sample(key, i, tail) / (side ? 1 : truth);
                *(side ? &above[c] : &below[c]) = stats_log_median(values, samples);
            }
            weights[c] = c % 3 ? 1 : 2;
        }
        struct interval ratio = stats_mean_ratio(above, below, weights, cases, 0.95);
        held += ratio.low <= truth && truth <= ratio.high;
    }
    return (double)held / TRIALS;
}

START_TEST(intervals_cover_as_they_claim)
{
    static const size_t cases[] = {1, 8, 40}, samples[] = {8, 15, 40, 101};
    for (size_t c = 0; c < 3; c++)
        for (size_t s = 0; s < 4; s++)
            for (int tail = 0; tail < 2; tail++) {
                if (cases[c] * samples[s] > 1000 && !getenv("SHOW_COVERAGE")) /* seconds each: shown on demand */
                    continue;
                double share = coverage(cases[c], samples[s], tail);
                if (getenv("SHOW_COVERAGE"))
                    printf("%2zu cases, %3zu samples, %s: %.2f %%\n", cases[c], samples[s], tail ? "tail" : "even",
                           100 * share);
                /* 0.93 to 0.97 is what is promised of 95 %; the rest is three standard errors of 2000 trials. */
                ck_assert_msg(share > 0.93 - 0.0146 && share < 0.97 + 0.0146, "%zu cases of %zu samples, tail %d: %.4f",
                              cases[c], samples[s], tail, share);
            }
}
END_TEST

static void fill_run(struct run *run, const char *id, const char *version, double seconds)
{
    *run = (struct run){0};
    snprintf(run->id, sizeof run->id, "%s", id);
    run->machine = json_pack("{s:s,s:s,s:{s:i},s:{s:s}}", "fingerprint", id, "name", "rack", "cpu", "usable_threads", 4,
                             "software", "benchmark", version);
    run->records = calloc(3, sizeof *run->records);
    run->record_count = 3;
    for (size_t i = 0; i < 3; i++) {
        struct record *record = &run->records[i];
        record_clear(record);
        snprintf(record->id, sizeof record->id, "mlp/mlp-1m/forward/f32/b%zu", i + 1);
        snprintf(record->dtype, sizeof record->dtype, "f32");
        snprintf(record->unit, sizeof record->unit, "samples/s");
        record->threads = 4;
        for (uint64_t s = 0; s < 20; s++) {
            double value = seconds * sample(random_key(i, id), s, false);
            ck_assert(record_add_samples(record, &value, 1));
        }
        record->time = stats_median_interval(record->samples, 20, 0.95);
        record->throughput = 1 / record->time.median;
    }
}

static const struct workload everything;

static struct comparison compare_both(const struct run *runs)
{
    const struct compare_input inputs[] = {{&runs[0], NULL, false, NAN, NAN}, {&runs[1], NULL, false, NAN, NAN}};
    struct comparison comparison;
    struct error error = {0};
    ck_assert_msg(compare_make(inputs, 2, false, &everything, &comparison, &error), "%s", error.message);
    return comparison;
}

START_TEST(scores_and_prices)
{
    struct run runs[2];
    fill_run(&runs[0], "65a0000011112222", "1", 0.2);
    fill_run(&runs[1], "65b0000011112222", "1", 0.1);
    struct comparison comparison = compare_both(runs);
    ck_assert_str_eq(comparison.runs[0].name, "rack-65a0000011112222");
    ck_assert_uint_eq(comparison.scored, 3);
    ck_assert_double_eq_tol(comparison.runs[1].speed.median, 2, 0.1);
    ck_assert(comparison.runs[1].speed.low < 2 && comparison.runs[1].speed.high > 2);

    const struct named_value prices[] = {{"rack-65a0000011112222", 1000}, {"65b0", 3000}},
                             watts[] = {{"65a0", 100}, {"65b0", 500}};
    const struct compare_prices terms = {3, 0.20, 0.5};
    struct error error = {0};
    ck_assert_msg(compare_price(&comparison, prices, 2, watts, 2, &terms, &error), "%s", error.message);
    ck_assert_double_eq_tol(comparison.runs[0].tco_usd, 1000 + 0.1 * 8760 * 3 * 0.5 * 0.2, 1e-9);
    ck_assert(comparison.runs[0].pareto && comparison.runs[1].pareto);
    const struct named_value unknown = {"nobody", 1};
    ck_assert(!compare_price(&comparison, &unknown, 1, NULL, 0, &terms, &error) && error.kind == ERROR_INPUT);
    compare_free(&comparison);
    run_free(&runs[0]);
    run_free(&runs[1]);
}
END_TEST

START_TEST(what_cannot_be_compared_is_named)
{
    struct run runs[2];
    fill_run(&runs[0], "65a0000011112222", "1", 0.2);
    fill_run(&runs[1], "65b0000011112222", "1", 0.1);
    runs[1].records[0].status = STATUS_NOISY;
    runs[1].records[1].threads = 2;
    struct comparison comparison = compare_both(runs);
    ck_assert_uint_eq(comparison.scored, 1);
    ck_assert_uint_eq(comparison.left_out_count, 2);
    ck_assert_str_eq(comparison.left_out[0].id, "mlp/mlp-1m/forward/f32/b1");
    ck_assert_ptr_nonnull(strstr(comparison.left_out[0].why, "noisy"));
    ck_assert_ptr_nonnull(strstr(comparison.left_out[1].why, "2 threads, and 4"));
    struct report *report = compare_report(&comparison);
    ck_assert(report && report_complete(report));
    report_free(report);
    compare_free(&comparison);
    run_free(&runs[1]);

    fill_run(&runs[1], "65b0000011112222", "2", 0.1);
    comparison = compare_both(runs);
    ck_assert_uint_eq(comparison.scored, 0);
    ck_assert_str_eq(comparison.left_out[0].id, "65b0000011112222");
    ck_assert(isnan(comparison.runs[1].speed.median) && !comparison.runs[1].pareto);
    compare_free(&comparison);
    run_free(&runs[0]);
    run_free(&runs[1]);
}
END_TEST

/* How far a data sheet is out is the same for all of a machine's cases: more of them make it no more certain. */
START_TEST(a_data_sheet_stays_uncertain)
{
    struct run runs[2];
    fill_run(&runs[0], "65a0000011112222", "1", 0.2);
    fill_run(&runs[1], "65b0000011112222", "another version", 0.1);
    for (size_t i = 0; i < 3; i++)
        runs[1].records[i].time = (struct interval){0.1, 0.05, 0.2, NAN};
    const struct compare_input inputs[] = {{&runs[0], NULL, false, NAN, NAN}, {&runs[1], NULL, true, 2500, 72}};
    struct comparison comparison;
    struct error error = {0};
    ck_assert_msg(compare_make(inputs, 2, false, &everything, &comparison, &error), "%s", error.message);
    ck_assert_uint_eq(comparison.scored, 3);
    const struct interval *speed = &comparison.runs[1].speed;
    ck_assert_msg(speed->low < 1.02 && speed->low > 0.9, "low %g", speed->low);
    ck_assert_msg(speed->high > 3.9 && speed->high < 4.4, "high %g", speed->high);
    ck_assert(comparison.runs[1].price_usd == 2500 && comparison.runs[1].watts == 72);
    compare_free(&comparison);

    ck_assert(!compare_make(inputs + 1, 1, false, &everything, &comparison, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "must be a run"));
    run_free(&runs[0]);
    run_free(&runs[1]);
}
END_TEST

START_TEST(who_was_unable_is_counted)
{
    struct run runs[2];
    fill_run(&runs[0], "65a0000011112222", "1", 0.2);
    fill_run(&runs[1], "65b0000011112222", "1", 0.1);
    runs[1].records[0].status = STATUS_OUT_OF_MEMORY;
    runs[1].records[1].status = STATUS_SKIPPED; /* by the budget: that says nothing of what it can do */
    struct comparison comparison = compare_both(runs);
    ck_assert_uint_eq(comparison.runs[0].unable, 0);
    ck_assert_uint_eq(comparison.runs[1].unable, 1);
    ck_assert_uint_eq(comparison.scored, 1);
    compare_free(&comparison);
    run_free(&runs[0]);
    run_free(&runs[1]);
}
END_TEST

/* A demand for all machines together is a sum of shares: 2.5 and 0.7 of a machine are 4. */
START_TEST(machines_and_the_best_of_them)
{
    struct run runs[2];
    fill_run(&runs[0], "65a0000011112222", "1", 0.2);
    fill_run(&runs[1], "65b0000011112222", "1", 0.1);
    struct workload workload = {.name = "x"};
    struct error error = {0};
    static const char *const texts[] = {"mlp-1m train >= 250 samples/s total", "mlp-1m forward >= 70 samples/s total",
                                        "mlp-1m forward b1 >= 60 samples/s"};
    for (size_t d = 0; d < 3; d++) {
        struct demand demand;
        ck_assert_msg(demand_parse(texts[d], "demand", &demand, &error), "%s", error.message);
        ck_assert(workload_add_demand(&workload, &demand));
    }
    const struct compare_input inputs[] = {{&runs[0], "a.json", false, NAN, NAN},
                                           {&runs[1], "b.json", false, NAN, NAN}};
    static const struct named_value prices[] = {{"a", 1000}, {"B", 5000}}, watts[] = {{"a", 100}, {"b", 100}};
    const struct compare_prices terms = {1, 0.1, 1};
    struct comparison comparison = {0};
    for (int able = 1; able >= 0; able--) { /* the first does the third thing, or doesn't */
        struct demand_answer *answers[3];
        compare_free(&comparison);
        ck_assert_msg(compare_make(inputs, 2, false, &workload, &comparison, &error), "%s", error.message);
        ck_assert_msg(compare_price(&comparison, prices, 2, watts, 2, &terms, &error), "%s", error.message);
        for (size_t d = 0; d < 3; d++) {
            answers[d] = calloc(2, sizeof **answers);
            for (size_t r = 0; r < 2; r++)
                answers[d][r] = (struct demand_answer){.verdict = r || d < 2 || able ? VERDICT_YES : VERDICT_NO,
                                                       .throughput = {100 << r, 80 << r, 120 << r, 0.95}};
        }
        ck_assert(compare_add_demands(&comparison, answers, &error));
        ck_assert(comparison.runs[0].machines == 4 && comparison.runs[0].machines_most == 4);
        ck_assert(comparison.runs[1].machines == 2 && comparison.runs[1].machines_most == 2);
        ck_assert_double_eq_tol(compare_cost(&comparison, 0), 4 * (1000 + 0.1 * 8760 * 0.1), 1e-9);
        ck_assert_uint_eq(compare_best(&comparison), able ? 0 : 1); /* four cheap ones for less than two dear ones */
    }
    ck_assert_uint_eq(comparison.runs[0].demands_met, 2);
    struct report *report = compare_report(&comparison);
    ck_assert(report && report_complete(report));
    ck_assert_msg(
        strstr(report->answer,
               "Take b. It meets all demands, and no other does: 2 of them cost $10,175 to buy and run for 1 year."),
        "%s", report->answer);
    report_free(report);
    compare_free(&comparison);
    workload_free(&workload);
    run_free(&runs[0]);
    run_free(&runs[1]);
}
END_TEST

/* A glob of a workload that stands for no case is a mistake, and other cases aren't asked about. */
START_TEST(a_workload_chooses_cases)
{
    struct run runs[2];
    fill_run(&runs[0], "65a0000011112222", "1", 0.2);
    fill_run(&runs[1], "65b0000011112222", "1", 0.1);
    char globs[2][TEXT_ID] = {"*/b1", "*/b2"};
    struct workload workload = {.name = "x", .cases = globs, .case_count = 2};
    const struct compare_input inputs[] = {{&runs[0], NULL, false, NAN, NAN}, {&runs[1], NULL, false, NAN, NAN}};
    struct comparison comparison;
    struct error error = {0};
    ck_assert_msg(compare_make(inputs, 2, false, &workload, &comparison, &error), "%s", error.message);
    ck_assert_uint_eq(comparison.scored, 2);
    ck_assert_uint_eq(comparison.left_out_count, 0);
    compare_free(&comparison);
    strcpy(globs[1], "*/b20");
    ck_assert(!compare_make(inputs, 2, false, &workload, &comparison, &error) && error.kind == ERROR_INPUT);
    ck_assert_msg(strstr(error.message, "'cases'[1]: no case of these runs is like '*/b20'"), "%s", error.message);
    run_free(&runs[0]);
    run_free(&runs[1]);
}
END_TEST

int main(void)
{
    return suite_run("compare", 120,
                     SUITE(ONCE(student_quantiles), ONCE(intervals_cover_as_they_claim), ONCE(scores_and_prices),
                           ONCE(what_cannot_be_compared_is_named), ONCE(a_data_sheet_stays_uncertain),
                           ONCE(who_was_unable_is_counted), ONCE(machines_and_the_best_of_them),
                           ONCE(a_workload_chooses_cases)));
}
