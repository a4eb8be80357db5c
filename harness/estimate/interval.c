#include "harness/estimate/interval.h"

#include <math.h>
#include <stdlib.h>

/* Fewer cases of a mode than this say less about it than those of all modes together; fewer than MANY of all say less
 * about the growth than other machines do. */
enum { ENOUGH = 10, MANY = 60 };

static const double GROWTHS[] = {0.5, 1, 2, 3, 4, 6, 8, 12};
static const double USUAL_GROWTH = 4, USUAL_QUANTILE = 0.12;

static const double NEAR = 0.1;
enum { LEAST_NEAR = 5 };

/* Closer than the steps themselves repeat, no error tells anything. */
static const double LEAST_ERROR = 0.005;

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static bool counts(const struct score *score, const struct without *without)
{
    return isfinite(score->log_error) && !(without && score->group[without->kind] == without->group);
}

/* Of cases whose very ops were measured: what sums are off by. Of a few it says nothing. */
static double median_error(const struct score *scores, size_t count, const struct without *without, double *list)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (counts(&scores[i], without) && scores[i].kind == LEFT_OUT_SIZE && scores[i].distance < NEAR)
            list[n++] = scores[i].log_error;
    qsort(list, n, sizeof *list, by_value);
    return n >= LEAST_NEAR ? list[n / 2] : 0;
}

/* Minus the logarithm of the likelihood, when errors are Laplace's with a deviation that grows so. */
static double unlikelihood(const struct score *scores, size_t count, const struct without *without, double bias,
                           double growth)
{
    double n = 0, scaled = 0, logarithms = 0;
    for (size_t i = 0; i < count; i++) {
        if (!counts(&scores[i], without))
            continue;
        double spread = 1 + growth * scores[i].distance;
        n++;
        scaled += fmax(fabs(scores[i].log_error - bias), LEAST_ERROR) / spread;
        logarithms += log(spread);
    }
    return n > 0 ? n * log(scaled / n) + logarithms : 0;
}

/* The quantile of n scores that are of `cases` cases, each left out in several ways, which makes no more cases of them:
 * the share ⌈(cases+1)·confidence⌉ / cases of the scores lies below it. With too few cases for that it is the usual, or
 * the largest score if that is more. */
static double conformal_quantile(const double *scores, size_t n, size_t cases, double confidence)
{
    double share = ceil((double)(cases + 1) * confidence) / (double)cases;
    if (!n || !(share <= 1))
        return n ? fmax(scores[n - 1], USUAL_QUANTILE) : USUAL_QUANTILE;
    size_t rank = (size_t)ceil(share * (double)n);
    return scores[rank - 1];
}

/* Of a mode's scores; MODE_COUNT: of all. */
static size_t list_scores(const struct score *scores, size_t count, const struct without *without,
                          const struct interval_law *law, int mode, double *list, size_t *cases)
{
    size_t n = 0, of_kind[LEFT_OUT_KINDS] = {0};
    *cases = 0;
    for (size_t i = 0; i < count; i++) {
        if (!counts(&scores[i], without) || (mode != MODE_COUNT && (int)scores[i].mode != mode))
            continue;
        list[n++] = fabs(scores[i].log_error - law->bias) / (1 + law->growth * scores[i].distance);
        if (++of_kind[scores[i].kind] > *cases)
            *cases = of_kind[scores[i].kind];
    }
    qsort(list, n, sizeof *list, by_value);
    return n;
}

bool interval_law_make(const struct score *scores, size_t count, double confidence, const struct without *without,
                       struct interval_law *law)
{
    double *list = calloc(count + 1, sizeof *list), least = INFINITY;
    if (!list)
        return false;
    *law = (struct interval_law){.bias = median_error(scores, count, without, list), .growth = USUAL_GROWTH};
    size_t all = 0;
    for (size_t i = 0; i < count; i++)
        all += counts(&scores[i], without);
    for (size_t i = 0; all >= MANY && i < sizeof GROWTHS / sizeof *GROWTHS; i++) {
        double cost = unlikelihood(scores, count, without, law->bias, GROWTHS[i]);
        if (cost < least) {
            least = cost;
            law->growth = GROWTHS[i];
        }
    }
    for (int mode = 0; mode < MODE_COUNT; mode++) {
        size_t cases, n = list_scores(scores, count, without, law, mode, list, &cases);
        if (cases < ENOUGH)
            n = list_scores(scores, count, without, law, MODE_COUNT, list, &cases);
        law->quantile[mode] = conformal_quantile(list, n, cases, confidence);
    }
    free(list);
    return true;
}

double interval_half_width(const struct interval_law *law, enum mode mode, double distance)
{
    return law->quantile[mode] * (1 + law->growth * distance);
}
