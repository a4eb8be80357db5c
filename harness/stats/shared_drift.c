#include "harness/stats/shared_drift.h"

#include <math.h>
#include <stdlib.h>

#include "harness/stats/robust.h"

struct polish {
    const double *values;
    size_t cases, nights;
    double *drift, *level, *scale, *column, *weight;
};

/* Each case's level and scale, the drift taken off. */
static void find_levels(struct polish *polish)
{
    for (size_t c = 0; c < polish->cases; c++) {
        size_t count = 0;
        for (size_t n = 0; n < polish->nights; n++) {
            double value = polish->values[c * polish->nights + n] - polish->drift[n];
            if (isfinite(value))
                polish->column[count++] = value;
        }
        polish->level[c] = stats_median(polish->column, count);
        polish->scale[c] = 1.4826 * stats_mad(polish->column, count);
    }
}

/* A case's weight is one over its variance, but none is trusted beyond twice the middle one's precision: the quietest
 * case alone must not be the drift. */
static void weigh(struct polish *polish)
{
    size_t count = 0;
    for (size_t c = 0; c < polish->cases; c++)
        if (isfinite(polish->scale[c]))
            polish->column[count++] = polish->scale[c];
    double floor = fmax(1e-4, stats_quantile(polish->column, count, 0.25));
    for (size_t c = 0; c < polish->cases; c++) {
        double scale = fmax(floor, polish->scale[c]);
        polish->weight[c] = isfinite(polish->level[c]) ? 1 / (scale * scale) : 0;
    }
}

/* Huber's centre of the cases' residuals of one night, from their median. */
static double night_centre(struct polish *polish, size_t night)
{
    size_t count = 0;
    for (size_t c = 0; c < polish->cases; c++) {
        double residual = polish->values[c * polish->nights + night] - polish->level[c];
        if (isfinite(residual))
            polish->column[count++] = residual;
    }
    if (count < LEAST_DRIFT_CASES)
        return NAN;
    double centre = stats_median(polish->column, count);
    for (int step = 0; step < 3; step++) {
        double sum = 0, weights = 0;
        for (size_t c = 0; c < polish->cases; c++) {
            double residual = polish->values[c * polish->nights + night] - polish->level[c] - centre;
            if (!isfinite(residual))
                continue;
            double most = 1.5 / sqrt(polish->weight[c]);
            double weight = polish->weight[c] * (fabs(residual) > most ? most / fabs(residual) : 1);
            sum += weight * residual;
            weights += weight;
        }
        centre += weights > 0 ? sum / weights : 0;
    }
    return centre;
}

static void centre_drift(struct polish *polish)
{
    size_t count = 0;
    for (size_t n = 0; n < polish->nights; n++)
        if (isfinite(polish->drift[n]))
            polish->column[count++] = polish->drift[n];
    double centre = stats_median(polish->column, count);
    for (size_t n = 0; n < polish->nights; n++)
        polish->drift[n] -= centre;
}

bool shared_drift_find(const double *values, size_t cases, size_t nights, double *drift, struct error *error)
{
    for (size_t n = 0; n < nights; n++)
        drift[n] = 0;
    if (cases < LEAST_DRIFT_CASES || !nights)
        return true;
    size_t longest = cases > nights ? cases : nights;
    double *memory = calloc(3 * cases + longest, sizeof *memory);
    if (!memory)
        return error_set(error, ERROR_SYSTEM, "not enough memory to judge the nights");
    struct polish polish = {.values = values,
                            .cases = cases,
                            .nights = nights,
                            .drift = drift,
                            .level = memory,
                            .scale = memory + cases,
                            .weight = memory + 2 * cases,
                            .column = memory + 3 * cases};
    for (int turn = 0; turn < 4; turn++) {
        find_levels(&polish);
        weigh(&polish);
        for (size_t n = 0; n < nights; n++)
            drift[n] = night_centre(&polish, n);
        centre_drift(&polish);
    }
    free(memory);
    return true;
}
