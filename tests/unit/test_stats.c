/* harness/stats: medians and intervals against answers known from tables and by hand. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "harness/base/random.h"
#include "harness/stats/robust.h"
#include "tests/suite.h"

START_TEST(centres_and_spreads)
{
    const double odd[] = {9, 1, 5}, even[] = {4, 1, 3, 2}, spread[] = {1, 1, 2, 2, 4, 6, 9};
    ck_assert_double_eq(stats_median(odd, 3), 5);
    ck_assert_double_eq(odd[0], 9); /* left as it was */
    ck_assert_double_eq(stats_median(even, 4), 2.5);
    ck_assert_double_eq(stats_quantile(even, 4, 0.25), 1.75);
    ck_assert_double_eq(stats_quantile(even, 4, 1), 4);
    ck_assert_double_eq(stats_mad(spread, 7), 1); /* median 2; distances 1 1 0 0 2 4 7 */
    ck_assert_double_eq_tol(stats_geometric_mean((const double[]){1, 10, 100}, 3), 10, 1e-12);
    ck_assert(isnan(stats_median(NULL, 0)) && isnan(stats_mad(NULL, 0)) && isnan(stats_geometric_mean(NULL, 0)));
}
END_TEST

/* Ranks of the 95 % interval of the median, from the binomial distribution's table. */
START_TEST(median_interval_ranks)
{
    static const struct {
        size_t count, rank;
    } rows[] = {{6, 1}, {8, 1}, {9, 2}, {10, 2}, {12, 3}, {15, 4}, {20, 6}, {25, 8}, {50, 18}, {100, 40}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        double values[100];
        for (size_t i = 0; i < rows[r].count; i++)
            values[i] = (double)(rows[r].count - i); /* n … 1: value = rank */
        struct interval interval = stats_median_interval(values, rows[r].count, 0.95);
        ck_assert_msg(interval.low == (double)rows[r].rank, "%zu: %g", rows[r].count, interval.low);
        ck_assert_double_eq(interval.high, (double)(rows[r].count + 1 - rows[r].rank));
        ck_assert_double_eq(interval.confidence, 0.95);
    }
}
END_TEST

START_TEST(few_samples_claim_less)
{
    const double values[] = {3, 1, 2, 5, 4};
    struct interval five = stats_median_interval(values, 5, 0.95);
    ck_assert(five.median == 3 && five.low == 1 && five.high == 5);
    ck_assert_double_eq(five.confidence, 0.9375);
    ck_assert_double_eq_tol(stats_relative_error(&five), 2.0 / 3, 1e-12);
    struct interval one = stats_median_interval(values, 1, 0.95);
    ck_assert(one.median == 3 && isnan(one.low) && isnan(one.high) && isnan(one.confidence));
    ck_assert(isnan(stats_relative_error(&one)));
    ck_assert(isnan(stats_median_interval(NULL, 0, 0.95).median));
}
END_TEST

/* The interval covers the true median at least as often as it claims, on a skewed distribution. */
START_TEST(median_interval_covers)
{
    int covered = 0;
    for (int trial = 0; trial < 2000; trial++) {
        double values[15];
        for (uint64_t i = 0; i < 15; i++)
            values[i] = -log(1 - (double)random_uniform(random_key((uint64_t)trial, "cover"), i));
        struct interval interval = stats_median_interval(values, 15, 0.95);
        covered += interval.low <= M_LN2 && M_LN2 <= interval.high;
    }
    ck_assert_msg(covered >= 1880 && covered < 1990, "%d of 2000", covered);
}
END_TEST

START_TEST(ratio_of_medians)
{
    double old[40], new[40];
    for (uint64_t i = 0; i < 40; i++) {
        old[i] = 1 + 0.01 * (double)random_normal(random_key(1, "old"), i);
        new[i] = 1.2 * (1 + 0.01 * (double)random_normal(random_key(1, "new"), i));
    }
    struct interval ratio = stats_ratio_of_medians(new, 40, old, 40, 0.95, 7);
    ck_assert(ratio.low < ratio.median && ratio.median < ratio.high);
    ck_assert(ratio.low > 1.18 && ratio.low < 1.2 && ratio.high < 1.22 && ratio.high > 1.2);
    struct interval again = stats_ratio_of_medians(new, 40, old, 40, 0.95, 7);
    ck_assert(again.low == ratio.low && again.high == ratio.high);
    ck_assert(isnan(stats_ratio_of_medians(new, 1, old, 40, 0.95, 7).low));
    ck_assert(isnan(stats_ratio_of_medians(NULL, 0, old, 40, 0.95, 7).median));
}
END_TEST

START_TEST(steadiness)
{
    const double falling[] = {10, 8, 6, 5, 4, 3.2}, settled[] = {10, 5, 3, 3.01, 3.02, 3.0},
                 spike[] = {3, 3, 9, 3, 3, 3};
    ck_assert(!stats_is_steady(falling, 6, 4, 0.03));
    ck_assert(stats_is_steady(settled, 6, 4, 0.03));
    ck_assert(!stats_is_steady(settled, 3, 4, 0.03));
    ck_assert(stats_is_steady(spike, 6, 6, 0.03)); /* one outlier is not a trend */
}
END_TEST

int main(void)
{
    return suite_run("stats", 60,
                     SUITE(ONCE(centres_and_spreads), ONCE(median_interval_ranks), ONCE(few_samples_claim_less),
                           ONCE(median_interval_covers), ONCE(ratio_of_medians), ONCE(steadiness)));
}
