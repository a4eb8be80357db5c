/* Robust statistics of timed samples: small pure functions that know nothing of what was timed.
 *
 * Step times are skewed (nothing is faster than the machine, much can be slower), so the centre is the median, the
 * spread the median absolute deviation, and the interval is distribution-free. */
#ifndef STATS_ROBUST_H
#define STATS_ROBUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A figure and the interval that holds it; NaN where absent. */
struct interval {
    double median, low, high;
    double confidence; /* what low…high covers at: 0.95, or less when there are too few samples for that */
};

/* Each returns NaN for count 0. `values` is left as it is. */
double stats_median(const double *values, size_t count);
/* Quantile p in [0, 1] by linear interpolation between order statistics (Hyndman and Fan's type 7). */
double stats_quantile(const double *values, size_t count, double p);
/* Median absolute deviation from the median, unscaled. */
double stats_mad(const double *values, size_t count);
double stats_geometric_mean(const double *values, size_t count);

/* The median's distribution-free interval: order statistics k and n+1-k, the largest k with
 * P(k <= Binomial(n, 1/2) < n+1-k) >= confidence (Conover, Practical Nonparametric Statistics, 3.2). With fewer
 * samples than that needs (6 for 0.95) it is the whole range at the confidence that has; with one, low and high are
 * NaN. Of independent samples only. */
struct interval stats_median_interval(const double *values, size_t count, double confidence);
/* The larger side of the interval over the median: 0.02 is ±2 %. NaN when the interval has no ends. */
double stats_relative_error(const struct interval *interval);

/* The ratio of two medians, numerator over denominator, with its percentile bootstrap interval (Efron 1979; 2000
 * resamples of each side, reproducible by `seed`). NaN when a side is empty; no ends when a side has one sample. */
struct interval stats_ratio_of_medians(const double *numerator, size_t numerator_count, const double *denominator,
                                       size_t denominator_count, double confidence, uint64_t seed);

/* Whether times have settled: of the last `window` (even, >= 4) the medians of the earlier and of the later half differ
 * by at most `tolerance` of the later one. False while there are fewer. */
bool stats_is_steady(const double *times, size_t count, size_t window, double tolerance);

#endif
