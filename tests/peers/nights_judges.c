#include "nights_judges.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/stats/false_discovery.h"
#include "harness/stats/nights.h"
#include "harness/stats/robust.h"
#include "harness/stats/shared_drift.h"

enum { LONGEST = 10, BASELINE = 40 };

static void part_of(const struct made *made, size_t nights, double *part)
{
    for (size_t c = 0; c < MADE_CASES; c++)
        memcpy(part + c * nights, made->values + c * MADE_NIGHTS, nights * sizeof *part);
}

static void stop_at(const struct error *error)
{
    fprintf(stderr, "%s\n", error->message);
    exit(1);
}

/* ---- ours ---- */

static void judge_ours(const struct made *made, size_t tonight, struct judged *judged)
{
    static double part[MADE_CASES * MADE_NIGHTS];
    static struct night_finding findings[MADE_CASES];
    struct shared_shift shift;
    struct error error;
    struct night_options options = night_defaults();
    const struct night_panel panel = {part, MADE_CASES, tonight + 1, true};
    part_of(made, tonight + 1, part);
    if (!nights_judge(&panel, &options, findings, &shift, &error))
        stop_at(&error);
    for (size_t c = 0; c < MADE_CASES; c++) {
        judged->slower[c] = findings[c].verdict == NIGHT_SLOWER;
        judged->since[c] = findings[c].since;
    }
}
const struct nights_judge nights_judge_ours = {"ours", judge_ours};

/* ---- the plain detector ---- */

struct plain_case {
    double values[MADE_NIGHTS];
    size_t places[MADE_NIGHTS], count;
    double variance;
};

static double square_of_scale(const double *values, size_t count)
{
    double scale = 1.4826 * stats_mad(values, count);
    return fmax(scale * scale, 1e-7);
}

/* Correlation of neighbours, drawn towards 0. */
static double neighbour_correlation(const double *values, size_t count)
{
    double centre = stats_median(values, count), products = 0, squares = 0,
           limit = 3 * 1.4826 * stats_mad(values, count);
    for (size_t i = 1; i < count; i++) {
        double before = fmin(fmax(values[i - 1] - centre, -limit), limit);
        double now = fmin(fmax(values[i] - centre, -limit), limit);
        products += before * now;
        squares += now * now;
    }
    double n = (double)count;
    return squares > 0 ? fmin(0.6, fmax(0, products / squares) * n / (n + 20)) : 0;
}

/* P(Z > z) for the z > 0 that count here. */
static double tail(double z)
{
    return 0.5 * erfc(z / sqrt(2));
}

/* Share of the baseline's nights that were at the window's level already. */
static double seen_before(const double *values, size_t count, double level, double scale)
{
    double seen = 0;
    for (size_t i = 0; i < count; i++)
        seen += fabs(values[i] - level) < 1.5 * scale;
    return seen / (double)count;
}

static double plain_p(const struct plain_case *one, double common, size_t *since)
{
    double best = 1;
    for (size_t k = 2; k <= LONGEST && k + 10 <= one->count; k++) {
        size_t first = one->count - k, before = first < BASELINE ? first : BASELINE;
        const double *window = one->values + first, *base = window - before;
        double variance = (12 * common + (double)before * square_of_scale(base, before)) / (12 + (double)before);
        double persistence = neighbour_correlation(base, before);
        double size = stats_median(window, k) - stats_median(base, before);
        double z =
            size / sqrt(variance * (1 / (double)k + 1.57 / (double)before) * (1 + persistence) / (1 - persistence));
        /* Most of the window on the same side: a lone odd night never counts. */
        size_t above = 0;
        for (size_t i = 0; i < k; i++)
            above += window[i] - stats_median(base, before) > 0.5 * size;
        if (size < 0.01 || 4 * above < 3 * k)
            continue;
        double seen = seen_before(base, before, stats_median(window, k), sqrt(variance));
        double p = 4 * tail(z) + (seen > 0.02 ? pow(seen, (double)k / 2) : 0);
        if (p < best) {
            best = p;
            *since = one->places[first];
        }
    }
    return best;
}

static void judge_plain(const struct made *made, size_t tonight, struct judged *judged)
{
    static double part[MADE_CASES * MADE_NIGHTS], drift[MADE_NIGHTS], p[MADE_CASES], variances[MADE_CASES];
    static struct plain_case cases[MADE_CASES];
    size_t nights = tonight + 1;
    struct error error;
    part_of(made, nights, part);
    if (!shared_drift_find(part, MADE_CASES, nights, drift, &error))
        stop_at(&error);
    for (size_t c = 0; c < MADE_CASES; c++) {
        cases[c].count = 0;
        for (size_t n = 0; n < nights; n++)
            if (isfinite(part[c * nights + n])) {
                cases[c].places[cases[c].count] = n;
                cases[c].values[cases[c].count++] = part[c * nights + n] - drift[n];
            }
        variances[c] = square_of_scale(cases[c].values, cases[c].count);
    }
    double common = stats_median(variances, MADE_CASES);
    for (size_t c = 0; c < MADE_CASES; c++) {
        bool seen = cases[c].count && cases[c].places[cases[c].count - 1] == tonight;
        p[c] = seen ? plain_p(&cases[c], common, &judged->since[c]) : NAN;
    }
    if (!false_discovery_adjust(p, MADE_CASES, &error))
        stop_at(&error);
    for (size_t c = 0; c < MADE_CASES; c++)
        judged->slower[c] = p[c] <= 0.01;
}
const struct nights_judge nights_judge_plain = {"plain", judge_plain};

/* ---- the oracle ---- */

static void judge_oracle(const struct made *made, size_t tonight, struct judged *judged)
{
    for (size_t c = 0; c < MADE_CASES; c++) {
        double best = 0, sum = 0, share = made->persistence[c];
        for (size_t k = 1; k <= LONGEST; k++) {
            sum += made->clean[c * MADE_NIGHTS + tonight - (k - 1)] - made->level[c];
            double spread = 1, power = 1;
            for (size_t lag = 1; lag < k; lag++)
                spread += 2 * (1 - (double)lag / (double)k) * (power *= share);
            double z = sum / (made->scale[c] * sqrt((double)k * spread));
            if (k > 1 && z > best) {
                best = z;
                judged->since[c] = tonight - (k - 1);
            }
        }
        judged->slower[c] = best > 4.35; /* 0.8 % of quiet nights */
    }
}
const struct nights_judge nights_judge_oracle = {"oracle", judge_oracle};
