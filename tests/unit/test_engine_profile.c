/* harness/estimate/engine_profile: on published results of llama-bench (tests/unit/data/llama_bench/published.csv, with
 * its sources), each pair of a machine's results foretells its others of the same kind. --show prints the errors of
 * each machine. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/text.h"
#include "harness/estimate/engine_profile.h"
#include "harness/stats/robust.h"
#include "harness/store/llama_bench_run.h"

static const struct engine_limits UNKNOWN = {NAN, NAN};

struct errors {
    double *values;
    size_t count, capacity, covered;
};

static void add_error(struct errors *errors, double seconds, struct engine_speed speed)
{
    if (errors->count == errors->capacity) {
        errors->capacity = errors->capacity ? 2 * errors->capacity : 64;
        errors->values = realloc(errors->values, errors->capacity * sizeof *errors->values);
        ck_assert_ptr_nonnull(errors->values);
    }
    errors->values[errors->count++] = fabs(speed.seconds / seconds - 1);
    errors->covered += seconds >= speed.low && seconds <= speed.high;
}

static size_t results_of(const struct run *run, bool decode, struct engine_result *results, size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < run->record_count && count < most; i++) {
        results[count].seconds = run->records[i].time.median;
        count += engine_work_of_record(&run->records[i], &results[count].work) && results[count].work.decode == decode;
    }
    return count;
}

/* From each `two` of the results the others. */
static void foretell(const struct engine_result *results, size_t count, struct errors *errors)
{
    struct error error = {0};
    for (size_t a = 0; a < count; a++)
        for (size_t b = a + 1; b < count; b++) {
            const struct engine_result two[2] = {results[a], results[b]};
            struct engine_profile *profile = engine_profile_create(two, 2, &UNKNOWN, &error);
            ck_assert_msg(profile != NULL, "%s", error.message);
            for (size_t i = 0; i < count; i++)
                if (i != a && i != b)
                    add_error(errors, results[i].seconds, engine_profile_predict(profile, &results[i].work));
            engine_profile_free(profile);
        }
}

static void print_errors(const char *name, const char *kind, const struct errors *errors)
{
    if (errors->count)
        printf("%-60.60s %-8s %5zu  median %5.1f %%  p90 %5.1f %%  within the interval %3.0f %%\n", name, kind,
               errors->count, 100 * stats_median(errors->values, errors->count),
               100 * stats_quantile(errors->values, errors->count, 0.9),
               100.0 * (double)errors->covered / (double)errors->count);
}

static void read_results(const char *name, struct run **runs, size_t *count)
{
    struct bench_rows rows;
    struct error error = {0};
    char path[400];
    snprintf(path, sizeof path, "%s/llama_bench/%s", UNIT_DATA, name);
    char *text = text_read_file(path, 1 << 20);
    ck_assert_ptr_nonnull(text);
    ck_assert_msg(bench_read(text, name, &rows, &error) && bench_runs(&rows, name, NULL, runs, count, &error), "%s",
                  error.message);
    bench_rows_free(&rows);
    free(text);
}

/* Errors over all machines, each machine weighing what it has of predictions. */
static void foretell_all(const char *name, bool decode, bool show, struct errors *all)
{
    struct run *runs;
    size_t count;
    read_results(name, &runs, &count);
    for (size_t r = 0; r < count; r++) {
        struct engine_result results[64];
        struct errors own = {0};
        foretell(results, results_of(&runs[r], decode, results, 64), &own);
        if (show)
            print_errors(run_machine_name(&runs[r]), decode ? "decode" : "prefill", &own);
        foretell(results, results_of(&runs[r], decode, results, 64), all);
        free(own.values);
        run_free(&runs[r]);
    }
    free(runs);
    if (show)
        print_errors("all", decode ? "decode" : "prefill", all);
}

static bool show;

static void check_published(bool decode, double median, double p90)
{
    struct errors all = {0};
    foretell_all("published.csv", decode, show, &all);
    ck_assert_uint_gt(all.count, 1000);
    ck_assert_double_lt(stats_median(all.values, all.count), median);
    ck_assert_double_lt(stats_quantile(all.values, all.count, 0.9), p90);
    ck_assert_double_ge((double)all.covered, 0.9 * (double)all.count);
    free(all.values);
}

START_TEST(test_published_decode)
{
    check_published(true, 0.06, 0.13);
}
END_TEST

START_TEST(test_published_prefill)
{
    check_published(false, 0.05, 0.22);
}
END_TEST

/* Measured by llama-bench on two threads of a Xeon with AVX-512: three sizes and two types. */
START_TEST(test_measured)
{
    for (int decode = 0; decode <= 1; decode++) {
        struct errors all = {0};
        foretell_all("measured.jsonl", decode, show, &all);
        ck_assert_uint_eq(all.count, 12);
        ck_assert_double_lt(stats_median(all.values, all.count), decode ? 0.15 : 0.08);
        ck_assert_uint_ge(all.covered, 6);
        free(all.values);
    }
}
END_TEST

/* A machine that obeys the formula is found from two results, and closer from more; of nothing, nothing is said. */
START_TEST(test_made_up_machine)
{
    static const double sizes[] = {3e9, 8e9, 14e9, 30e9, 70e9, 1e9};
    struct engine_result results[6] = {0};
    struct error error = {0};
    for (int i = 0; i < 6; i++) {
        results[i].work = (struct engine_work){.decode = true,
                                               .read_weights = sizes[i],
                                               .read_bytes = sizes[i] * 8.5 / 8,
                                               .layers = 6 * cbrt(sizes[i] / 1e8),
                                               .tokens = 1,
                                               .type = "q8_0"};
        results[i].seconds = results[i].work.read_bytes / 40e9 + results[i].work.layers * 30e-6;
    }
    for (size_t count = 0; count <= 4; count += 2) {
        struct engine_profile *profile = engine_profile_create(results, count, &UNKNOWN, &error);
        ck_assert_ptr_nonnull(profile);
        for (size_t i = count; i < 6; i++) {
            struct engine_speed speed = engine_profile_predict(profile, &results[i].work);
            ck_assert(count ? fabs(speed.seconds / results[i].seconds - 1) < 0.03 : isnan(speed.seconds));
            ck_assert(!count || (speed.low < results[i].seconds && results[i].seconds < speed.high));
        }
        engine_profile_free(profile);
    }
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("engine_profile");
    TCase *tests = tcase_create("engine_profile");
    show = argc > 1 && !strcmp(argv[1], "--show");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_measured);
    tcase_add_test(tests, test_made_up_machine);
    tcase_add_test(tests, test_published_decode);
    tcase_add_test(tests, test_published_prefill);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures > 0;
}
