/* harness/estimate/engine_profile: on published results of llama-bench (tests/unit/data/llama_bench/published.csv, with
 * its sources), each pair of a machine's results foretells its others of the same kind. --show prints the errors of
 * each machine. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/text.h"
#include "harness/estimate/engine_profile.h"
#include "harness/stats/robust.h"
#include "harness/store/llama_bench_run.h"
#include "tests/suite.h"

static const struct engine_limits UNKNOWN = {.read_gbs = NAN, .peak_gflops = NAN, .kind = ENGINE_ANY};

/* How results are foretold: with the priors of the machine's kind of processor, or with those of none. What is believed
 * of a kind was rounded from one machine, so that this leaves the machine itself out. And which of them are counted. */
struct way {
    bool left_out, same_type; /* same_type: only of types that were learned from */
};

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

/* From each two of the results the others. */
static void foretell(const struct engine_result *results, size_t count, enum engine_kind kind, struct way way,
                     struct errors *errors)
{
    struct error error = {0};
    struct engine_limits limits = UNKNOWN;
    limits.kind = way.left_out ? ENGINE_ANY : kind;
    for (size_t a = 0; a < count; a++)
        for (size_t b = a + 1; b < count; b++) {
            const struct engine_result two[2] = {results[a], results[b]};
            struct engine_profile *profile = engine_profile_create(two, 2, &limits, &error);
            ck_assert_msg(profile != NULL, "%s", error.message);
            for (size_t i = 0; i < count; i++) {
                bool same =
                    !strcmp(results[i].work.type, two[0].work.type) || !strcmp(results[i].work.type, two[1].work.type);
                if (i != a && i != b && (same || !way.same_type))
                    add_error(errors, results[i].seconds, engine_profile_predict(profile, &results[i].work));
            }
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

static bool show;

/* Errors over all machines, each machine weighing what it has of predictions. */
static void foretell_all(const char *name, bool decode, struct way way, struct errors *all)
{
    struct run *runs;
    size_t count;
    read_results(name, &runs, &count);
    if (show)
        printf("%s, %s, %s%s\n", name, decode ? "decode" : "prefill",
               way.left_out ? "priors of no kind of processor" : "priors of the processor's kind",
               way.same_type ? ", types that were learned from" : "");
    for (size_t r = 0; r < count; r++) {
        struct engine_result results[64];
        struct errors own = {0};
        const char *machine = run_machine_name(&runs[r]);
        foretell(results, results_of(&runs[r], decode, results, 64), engine_kind_of_name(machine), way, &own);
        if (show)
            print_errors(machine, "", &own);
        for (size_t i = 0; i < own.count; i++)
            add_error(all, 1, (struct engine_speed){1 + own.values[i], 2, 0});
        all->covered += own.covered;
        free(own.values);
        run_free(&runs[r]);
    }
    free(runs);
    if (show)
        print_errors("all", "", all);
}

/* The least of what it must do, by measured results; METHOD.md has what it does. */
static const struct bounds {
    const char *file;
    bool decode;
    struct way way;
    double median, p90, covered;
    size_t count;
} bounds[] = {
    {"published.csv", true, {false, false}, 0.06, 0.13, 0.9, 1000},
    {"published.csv", false, {false, false}, 0.05, 0.25, 0.9, 1000},
    {"published.csv", true, {true, false}, 0.12, 0.50, 0.8, 1000},
    {"published.csv", false, {true, false}, 0.16, 1.3, 0.8, 1000},
    /* llama-bench on two threads of a Xeon with AVX-512: three sizes and three types, at two or three lengths */
    {"measured.jsonl", true, {false, false}, 0.10, 0.25, 0.8, 600},
    {"measured.jsonl", false, {false, false}, 0.10, 0.25, 0.8, 600},
    {"measured.jsonl", true, {false, true}, 0.10, 0.25, 0.8, 200},
    {"measured.jsonl", false, {false, true}, 0.10, 0.25, 0.8, 200},
    {"measured.jsonl", true, {true, true}, 0.15, 0.4, 0.8, 200},
    {"measured.jsonl", false, {true, true}, 0.15, 0.4, 0.8, 200},
};

START_TEST(results_are_foretold)
{
    const struct bounds *bound = &bounds[_i];
    struct errors all = {0};
    foretell_all(bound->file, bound->decode, bound->way, &all);
    ck_assert_uint_ge(all.count, bound->count);
    ck_assert_double_lt(stats_median(all.values, all.count), bound->median);
    ck_assert_double_lt(stats_quantile(all.values, all.count, 0.9), bound->p90);
    ck_assert_double_ge((double)all.covered, bound->covered * (double)all.count);
    free(all.values);
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
    show = argc > 1 && !strcmp(argv[1], "--show");
    return suite_run("engine_profile", 60,
                     SUITE(LOOP(results_are_foretold, sizeof bounds / sizeof *bounds), ONCE(test_made_up_machine)));
}
