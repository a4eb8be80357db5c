/* How often compare's interval holds the truth: pairs of simulated machines whose true ratio is known, through the
 * whole of compare_make, as samples of runs.
 *
 *     build/tests/peers/interval_coverage [TRIALS]
 *
 * Prints a row for each shape of noise, number of cases and samples a case, and fails when a row is out of 93 to 97 %
 * by more than three standard errors of its trials. Shapes: `even`, lognormal with 3 %; `tail`, nothing faster than the
 * machine and an exponential tail of slow samples (10 %); `levels`, two speeds 3 % apart, the slow one a third of the
 * time, each with 1 %; `suite`, what a suite is: each case has one of these shapes, its own spread from 0.3 to 5 %, and
 * its own number of samples, from 8 to 60. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/random.h"
#include "reports/compare.h"

static const double TRUTH = 1.25;

enum shape { EVEN, TAIL, LEVELS, SUITE, SHAPES };
static const char *const shape_names[] = {"even", "tail", "levels", "suite"};

/* Uniform in (0, 1), never an end. */
static double uniform(uint64_t key, uint64_t index)
{
    return (random_uniform(key, index) * 16777215.0 + 0.5) / 16777216.0;
}

static double normal(uint64_t key, uint64_t index)
{
    double radius = sqrt(-2 * log(uniform(key, 2 * index)));
    return radius * cos(2 * M_PI * uniform(key, 2 * index + 1));
}

/* A step's time over what is the same for all machines: `spread` is of the order of its relative deviation. */
static double sample(enum shape shape, double spread, uint64_t key, uint64_t index)
{
    if (shape == EVEN)
        return exp(spread * normal(key, index));
    if (shape == TAIL)
        return (1 - 3 * spread * log(uniform(key, index))) / (1 + 3 * spread * M_LN2);
    double level = uniform(key ^ 1, index) < 1.0 / 3 ? 1 + 3 * spread : 1;
    return level * exp(spread * normal(key, index));
}

struct row {
    enum shape shape;
    size_t cases, samples;
};

static double spread_of(const struct row *row, uint64_t key)
{
    static const double usual[] = {0.03, 0.033, 0.01};
    return row->shape == SUITE ? 0.003 * exp(uniform(key, 7) * log(0.05 / 0.003)) : usual[row->shape];
}

static void fill_record(struct record *record, const struct row *row, size_t place, uint64_t machine, uint64_t trial,
                        double seconds)
{
    uint64_t of_case = random_key(place, "case") ^ trial,
             key = random_key(trial * 64 + place, machine ? "other" : "one");
    enum shape shape = row->shape == SUITE ? (enum shape)(random_bits(of_case, 3) % 3) : row->shape;
    size_t count = row->samples ? row->samples : 8 + random_bits(of_case, machine) % 53;
    double spread = spread_of(row, of_case);
    record_clear(record);
    snprintf(record->id, sizeof record->id, "mlp/mlp-1m/forward/f32/b%zu", place + 1);
    snprintf(record->dtype, sizeof record->dtype, "f32");
    snprintf(record->unit, sizeof record->unit, "samples/s");
    record->threads = 4;
    for (uint64_t i = 0; i < count; i++) {
        double value = seconds * sample(shape, spread, key, i);
        if (!record_add_samples(record, &value, 1))
            abort();
    }
    record->time = stats_median_interval(record->samples, record->sample_count, 0.95);
    record->throughput = 1 / record->time.median;
}

static struct run make_run(const struct row *row, uint64_t machine, uint64_t trial)
{
    struct run run = {0};
    snprintf(run.id, sizeof run.id, "machine-%d", (int)machine);
    run.machine = json_pack("{s:s, s:s}", "fingerprint", run.id, "name", run.id);
    run.records = calloc(row->cases, sizeof *run.records);
    run.record_count = row->cases;
    for (size_t i = 0; run.records && i < row->cases; i++)
        fill_record(&run.records[i], row, i, machine, trial, (machine ? 1 : TRUTH) * 0.01 * (double)(1 + i));
    return run;
}

/* Whether the interval of one pair of machines holds the truth. */
static bool holds(const struct row *row, uint64_t trial)
{
    static const struct workload everything;
    struct run runs[] = {make_run(row, 0, trial), make_run(row, 1, trial)};
    const struct compare_input inputs[] = {{&runs[0], NULL, false, NAN, NAN}, {&runs[1], NULL, false, NAN, NAN}};
    struct comparison comparison;
    struct error error = {0};
    if (!compare_make(inputs, 2, false, &everything, &comparison, &error)) {
        fprintf(stderr, "%s\n", error.message);
        exit(4);
    }
    const struct interval speed = comparison.runs[1].speed;
    compare_free(&comparison);
    run_free(&runs[0]);
    run_free(&runs[1]);
    return speed.low <= TRUTH && TRUTH <= speed.high;
}

int main(int count, char **arguments)
{
    static const size_t cases[] = {1, 8, 40}, samples[] = {8, 15, 40, 101};
    int trials = count > 1 ? atoi(arguments[1]) : 2000;
    bool right = trials > 0;
    if (!right)
        fprintf(stderr, "usage: interval_coverage [TRIALS]\n");
    for (int shape = 0; trials > 0 && shape < SHAPES; shape++)
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
            for (size_t s = 0; s < (shape == SUITE ? 1 : sizeof samples / sizeof *samples); s++) {
                const struct row row = {(enum shape)shape, cases[c], shape == SUITE ? 0 : samples[s]};
                int held = 0;
                for (int trial = 0; trial < trials; trial++)
                    held += holds(&row, (uint64_t)trial);
                double share = (double)held / trials, error = 3 * sqrt(0.95 * 0.05 / trials);
                bool within = share > 0.93 - error && share < 0.97 + error;
                char each[24] = "8 to 60";
                if (row.samples)
                    snprintf(each, sizeof each, "%zu", row.samples);
                printf("%-7s %2zu cases of %-7s samples: %.1f %%%s\n", shape_names[shape], row.cases, each, 100 * share,
                       within ? "" : "  OUT OF 93 to 97 %");
                fflush(stdout);
                right &= within;
            }
    return right ? 0 : 1;
}
