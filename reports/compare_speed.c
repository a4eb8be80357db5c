/* What the samples say of machines beside each other: each case's ratio and each machine's score, with intervals.
 *
 * A data sheet's times aren't samples: how much of its limits programs reach is uncertain in the same way for all cases
 * of a machine. So their intervals' ends are averaged as they are, and don't shrink with the number of cases; sampling
 * errors of the other machine are added in quadrature. */
#include <math.h>
#include <stdlib.h>

#include "harness/stats/log_median.h"
#include "reports/compare.h"

static const double CONFIDENCE = 0.95;
static const struct interval NONE = {NAN, NAN, NAN, NAN};

struct interval compare_throughput(const struct record *record)
{
    double units = record->throughput * record->time.median;
    return (struct interval){record->throughput, units / record->time.high, units / record->time.low,
                             record->time.confidence};
}

/* How far a data sheet's speed reaches below and above its usual value, on the logarithm's scale. */
struct reach {
    double down, up;
};

/* The cases of one run, in the comparison's order; what stands where it has no record is never read. */
struct speeds {
    struct log_median *medians;
    struct reach *reaches;
};

static struct log_median median_of(const struct compared_run *run, const struct record *record)
{
    struct log_median time = run->sheet                 ? (struct log_median){log(record->time.median), 0, 1e6}
                             : record->sample_count > 1 ? stats_log_median(record->samples, record->sample_count)
                                                        : stats_log_median_of_interval(&record->time);
    time.value = -time.value;
    return time;
}

static struct reach reach_of(const struct compared_run *run, const struct record *record)
{
    return run->sheet ? (struct reach){log(record->time.high / record->time.median),
                                       log(record->time.median / record->time.low)}
                      : (struct reach){0, 0};
}

static bool make_speeds(const struct comparison *comparison, size_t r, struct speeds *speeds)
{
    size_t count = comparison->case_count;
    speeds->medians = calloc(count + 1, sizeof *speeds->medians);
    speeds->reaches = calloc(count + 1, sizeof *speeds->reaches);
    for (size_t i = 0; speeds->medians && speeds->reaches && i < count; i++)
        if (comparison->cases[i].records[r]) {
            speeds->medians[i] = median_of(&comparison->runs[r], comparison->cases[i].records[r]);
            speeds->reaches[i] = reach_of(&comparison->runs[r], comparison->cases[i].records[r]);
        }
    return speeds->medians && speeds->reaches;
}

static void free_speeds(struct speeds *speeds)
{
    free(speeds->medians);
    free(speeds->reaches);
}

static struct reach mean_reach(const struct reach *reaches, const double *weights, size_t count)
{
    struct reach sum = {0, 0};
    double weight = 0;
    for (size_t i = 0; i < count; i++) {
        weight += weights[i];
        sum.down += weights[i] * reaches[i].down;
        sum.up += weights[i] * reaches[i].up;
    }
    return weight > 0 ? (struct reach){sum.down / weight, sum.up / weight} : sum;
}

/* One run over another, in `count` cases from `first` on. */
static struct interval ratio_of(const struct speeds *above, const struct speeds *below, size_t first,
                                const double *weights, size_t count)
{
    struct interval ratio =
        stats_mean_ratio(above->medians + first, below->medians + first, weights, count, CONFIDENCE);
    struct reach over = mean_reach(above->reaches + first, weights, count),
                 under = mean_reach(below->reaches + first, weights, count);
    double low = log(ratio.median / ratio.low), high = log(ratio.high / ratio.median);
    ratio.low = ratio.median * exp(-sqrt(low * low + over.down * over.down + under.up * under.up));
    ratio.high = ratio.median * exp(sqrt(high * high + over.up * over.up + under.down * under.down));
    return ratio;
}

static void fill_run(struct comparison *comparison, size_t r, const struct speeds *above, const struct speeds *below,
                     const double *weights)
{
    const struct interval itself = {1, 1, 1, CONFIDENCE};
    const double whole = 1;
    struct compared_run *run = &comparison->runs[r];
    for (size_t i = 0; i < comparison->case_count; i++) {
        struct compared_case *one = &comparison->cases[i];
        one->ratios[r] = !one->records[0] || !one->records[r] ? NONE
                         : r                                  ? ratio_of(above, below, i, &whole, 1)
                                                              : itself;
    }
    bool scored = comparison->scored && !*run->left_out;
    run->cases = scored ? comparison->scored : 0;
    run->speed = !scored ? NONE : r ? ratio_of(above, below, 0, weights, comparison->case_count) : itself;
}

bool compare_add_speeds(struct comparison *comparison)
{
    double *weights = calloc(comparison->case_count + 1, sizeof *weights);
    struct speeds first = {0};
    bool right = weights && make_speeds(comparison, 0, &first);
    for (size_t i = 0; right && i < comparison->case_count; i++)
        weights[i] = comparison->cases[i].scored ? comparison->cases[i].weight : 0;
    for (size_t r = 0; right && r < comparison->run_count; r++) {
        struct speeds own = {0};
        right = make_speeds(comparison, r, &own);
        if (right)
            fill_run(comparison, r, &own, &first, weights);
        free_speeds(&own);
    }
    free_speeds(&first);
    free(weights);
    return right;
}
