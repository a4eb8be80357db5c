/* Medians to compare and to average: on the logarithm's scale, where a ratio is a difference and a geometric mean a
 * sum, with the variance that an interval of either rests on (the delta method).
 *
 * The variance is Maritz and Jarrett's (1978, "A Note on Estimating the Variance of the Sample Median", JASA 73), which
 * is too large on average with few samples: by 1 + a/√n, and spread like a χ² of 1 + √n degrees of freedom (both found
 * by simulation, a 1.4 for an even n and 1.1 for an odd one, between what even noise and a tail of slow samples ask).
 * Sums take Welch and Satterthwaite's degrees of freedom.
 */
#ifndef STATS_LOG_MEDIAN_H
#define STATS_LOG_MEDIAN_H

#include <stddef.h>

#include "harness/stats/robust.h"

struct log_median {
    double value;    /* natural logarithm of the median */
    double variance; /* of that; NaN where one sample says nothing about it */
    double freedom;  /* degrees of freedom of the variance */
};

/* Samples above 0. NaN for none of them. */
struct log_median stats_log_median(const double *values, size_t count);
/* A median of which only the interval was kept, as if its ends were those of a normal distribution. */
struct log_median stats_log_median_of_interval(const struct interval *interval);

/* exp of Σ weight · (above − below) / Σ weight, with its interval at `confidence`; without ends when a variance is
 * NaN, and NaN when the weights sum to 0. */
struct interval stats_mean_ratio(const struct log_median *above, const struct log_median *below, const double *weights,
                                 size_t count, double confidence);

/* The quantile of Student's distribution, p in [0.5, 1); NaN outside. */
double stats_student_quantile(double p, double freedom);

#endif
