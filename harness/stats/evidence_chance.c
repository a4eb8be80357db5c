#include "harness/stats/evidence_chance.h"

#include <math.h>

/* Of independent normal noise (by simulation: tests/peers/nights.c), and what that is worth in nights and in
 * exceedances. */
static const double usual_rate = 0.015, usual_mean = 1, rate_worth = 400, mean_worth = 12;
/* A true change of the past says no more than this about chance. */
static const double most_excess = 8;

struct evidence_chance evidence_chance_learn(const double *evidence, const bool *kind, bool which, size_t count,
                                             size_t nights)
{
    double above = 0, sum = 0, all = 0;
    for (size_t i = 0; i < count; i++) {
        if (isnan(evidence[i]) || kind[i] != which)
            continue;
        all += (double)nights;
        above += evidence[i] > 0;
        sum += evidence[i] > 0 ? fmin(evidence[i], most_excess) : 0;
    }
    return (struct evidence_chance){.rate = (above + rate_worth * usual_rate) / (all + rate_worth),
                                    .mean = (sum + mean_worth * usual_mean) / (above + mean_worth)};
}

double evidence_chance_p(const struct evidence_chance *chance, double evidence)
{
    return evidence > 0 ? chance->rate * exp(-evidence / chance->mean) : fmin(1, chance->rate * exp(-evidence));
}
