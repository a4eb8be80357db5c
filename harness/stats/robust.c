/* Robust statistics of timed samples; see robust.h. */
#include "harness/stats/robust.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/random.h"

enum { RESAMPLES = 2000 };

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A sorted copy; NULL for count 0 or without memory, which every caller answers with NaN. */
static double *sorted_copy(const double *values, size_t count)
{
    double *copy = count ? malloc(count * sizeof *copy) : NULL;
    if (copy) {
        memcpy(copy, values, count * sizeof *copy);
        qsort(copy, count, sizeof *copy, compare_doubles);
    }
    return copy;
}

static double quantile_of_sorted(const double *sorted, size_t count, double p)
{
    double place = p * (double)(count - 1);
    size_t below = (size_t)place;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

double stats_quantile(const double *values, size_t count, double p)
{
    double *sorted = sorted_copy(values, count);
    if (!sorted)
        return NAN;
    double result = quantile_of_sorted(sorted, count, p);
    free(sorted);
    return result;
}

double stats_median(const double *values, size_t count)
{
    return stats_quantile(values, count, 0.5);
}

double stats_mad(const double *values, size_t count)
{
    double median = stats_median(values, count);
    double *distances = count ? malloc(count * sizeof *distances) : NULL;
    if (!distances)
        return NAN;
    for (size_t i = 0; i < count; i++)
        distances[i] = fabs(values[i] - median);
    double result = stats_median(distances, count);
    free(distances);
    return result;
}

double stats_geometric_mean(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += log(values[i]);
    return count ? exp(sum / (double)count) : NAN;
}

/* The largest rank k >= 1 whose interval covers, 0 when even the whole range doesn't. */
static size_t covering_rank(size_t count, double confidence)
{
    double n = (double)count, tail = 0;
    size_t rank = 0;
    for (size_t k = 1; 2 * k <= count; k++) {
        double i = (double)(k - 1);
        tail += exp(lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) - n * M_LN2); /* P(Binomial = k - 1) */
        if (1 - 2 * tail < confidence)
            break;
        rank = k;
    }
    return rank;
}

struct interval stats_median_interval(const double *values, size_t count, double confidence)
{
    struct interval result = {NAN, NAN, NAN, NAN};
    double *sorted = sorted_copy(values, count);
    if (!sorted)
        return result;
    result.median = quantile_of_sorted(sorted, count, 0.5);
    if (count > 1) {
        size_t rank = covering_rank(count, confidence);
        result.confidence = rank ? confidence : 1 - ldexp(1, 1 - (int)count);
        result.low = sorted[rank ? rank - 1 : 0];
        result.high = sorted[count - (rank ? rank : 1)];
    }
    free(sorted);
    return result;
}

double stats_relative_error(const struct interval *interval)
{
    if (!isfinite(interval->low) || !isfinite(interval->high) || !(interval->median > 0))
        return NAN;
    return fmax(interval->high - interval->median, interval->median - interval->low) / interval->median;
}

static double resampled_median(const double *values, size_t count, uint64_t key, uint64_t resample, double *scratch)
{
    for (size_t i = 0; i < count; i++)
        scratch[i] = values[random_below(key, resample * count + i, (uint32_t)count)];
    qsort(scratch, count, sizeof *scratch, compare_doubles);
    return quantile_of_sorted(scratch, count, 0.5);
}

struct interval stats_ratio_of_medians(const double *numerator, size_t numerator_count, const double *denominator,
                                       size_t denominator_count, double confidence, uint64_t seed)
{
    struct interval result = {NAN, NAN, NAN, NAN};
    result.median = stats_median(numerator, numerator_count) / stats_median(denominator, denominator_count);
    if (numerator_count < 2 || denominator_count < 2)
        return result;
    size_t most = numerator_count > denominator_count ? numerator_count : denominator_count;
    double *ratios = malloc((RESAMPLES + most) * sizeof *ratios);
    if (!ratios)
        return result;
    uint64_t above = random_key(seed, "numerator"), below = random_key(seed, "denominator");
    for (size_t r = 0; r < RESAMPLES; r++)
        ratios[r] = resampled_median(numerator, numerator_count, above, r, ratios + RESAMPLES) /
                    resampled_median(denominator, denominator_count, below, r, ratios + RESAMPLES);
    result.low = stats_quantile(ratios, RESAMPLES, (1 - confidence) / 2);
    result.high = stats_quantile(ratios, RESAMPLES, (1 + confidence) / 2);
    result.confidence = confidence;
    free(ratios);
    return result;
}

bool stats_is_steady(const double *times, size_t count, size_t window, double tolerance)
{
    if (count < window)
        return false;
    const double *last = times + count - window;
    double earlier = stats_median(last, window / 2), later = stats_median(last + window / 2, window - window / 2);
    return fabs(earlier - later) <= tolerance * later;
}
