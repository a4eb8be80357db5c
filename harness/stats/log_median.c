/* Medians on the logarithm's scale; see log_median.h. */
#include "harness/stats/log_median.h"

#include <math.h>
#include <stdlib.h>

/* The continued fraction of the incomplete beta function, by Lentz's method (Press et al., Numerical Recipes, 6.4). */
static double beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
    double result = d;
    for (int m = 1; m < 500; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        for (int half = 0; half < 2; half++) {
            double term = half ? odd : even;
            d = 1 + term * d;
            c = 1 + term / c;
            d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
            c = fabs(c) < 1e-300 ? 1e-300 : c;
            result *= d * c;
        }
        if (fabs(d * c - 1) < 1e-14)
            break;
    }
    return result;
}

static double incomplete_beta(double a, double b, double x)
{
    if (x <= 0 || x >= 1)
        return x > 0;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double stats_student_quantile(double p, double freedom)
{
    if (!(p >= 0.5 && p < 1 && freedom > 0))
        return NAN;
    double low = 0, high = 1;
    /* P(T > t) = I(freedom / (freedom + t²); freedom/2, 1/2) / 2 */
    while (high < 1e9 && incomplete_beta(freedom / 2, 0.5, freedom / (freedom + high * high)) / 2 > 1 - p)
        high *= 2;
    for (int i = 0; i < 100; i++) {
        double middle = (low + high) / 2;
        bool above = incomplete_beta(freedom / 2, 0.5, freedom / (freedom + middle * middle)) / 2 > 1 - p;
        *(above ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct log_median stats_log_median(const double *values, size_t count)
{
    struct log_median result = {NAN, NAN, NAN};
    double *logs = count ? malloc(count * sizeof *logs) : NULL;
    if (!logs)
        return result;
    for (size_t i = 0; i < count; i++)
        logs[i] = values[i];
    qsort(logs, count, sizeof *logs, compare_doubles);
    result.value = log(count % 2 ? logs[count / 2] : (logs[count / 2 - 1] + logs[count / 2]) / 2);
    if (count > 1) {
        double n = (double)count, half = (n + 1) / 2, sum = 0, squares = 0, below = 0;
        for (size_t i = 0; i < count; i++) {
            double up_to = incomplete_beta(half, half, (double)(i + 1) / n), away = log(logs[i]) - result.value;
            sum += (up_to - below) * away;
            squares += (up_to - below) * away * away;
            below = up_to;
        }
        result.variance = fmax(squares - sum * sum, 0) / (1 + (count % 2 ? 1.1 : 1.4) / sqrt(n));
        result.freedom = fmin(n - 1, 1 + sqrt(n));
    }
    free(logs);
    return result;
}

struct log_median stats_log_median_of_interval(const struct interval *interval)
{
    struct log_median result = {log(interval->median), NAN, NAN};
    double confidence = interval->confidence > 0 && interval->confidence < 1 ? interval->confidence : 0.95;
    if (interval->low > 0 && isfinite(interval->high)) {
        result.freedom = 1e6; /* normal */
        double deviation = (log(interval->high) - log(interval->low)) /
                           (2 * stats_student_quantile((1 + confidence) / 2, result.freedom));
        result.variance = deviation * deviation;
    }
    return result;
}

struct interval stats_mean_ratio(const struct log_median *above, const struct log_median *below, const double *weights,
                                 size_t count, double confidence)
{
    double weight = 0, sum = 0, variance = 0, fourth = 0;
    for (size_t i = 0; i < count; i++) {
        if (!(weights[i] > 0))
            continue;
        double square = weights[i] * weights[i], v = above[i].variance, w = below[i].variance;
        weight += weights[i];
        sum += weights[i] * (above[i].value - below[i].value);
        variance += square * (v + w);
        fourth += square * square * (v * v / above[i].freedom + w * w / below[i].freedom);
    }
    struct interval result = {NAN, NAN, NAN, NAN};
    if (!(weight > 0))
        return result;
    result.median = exp(sum / weight);
    if (isfinite(variance)) {
        double freedom = variance > 0 ? variance * variance / fourth : 1e6;
        double half = stats_student_quantile((1 + confidence) / 2, freedom) * sqrt(variance) / weight;
        result.low = exp(sum / weight - half);
        result.high = exp(sum / weight + half);
        result.confidence = confidence;
    }
    return result;
}
