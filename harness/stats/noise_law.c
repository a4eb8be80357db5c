#include "harness/stats/noise_law.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NIGHTS = 128, MOST_STEPS = 12 };

const struct noise_prior noise_prior_vague = {.log_variance = -9.2, /* 1 % */
                                              .freedom = 1,
                                              .odd_share = 0.03,
                                              .odd_lasts = 0.05,
                                              .odd_size = 0.1,
                                              .odd_above = 0.7,
                                              .persistence = 0.15};
/* Nights that the priors of a case's shares are worth. */
static const double odd_worth = 15, move_worth = 2, persistence_worth = 10;

/* Nights far from their level are commoner than under a normal law, however well the scale is known. */
static const double tail_freedom = 10;

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double noise_density(const struct noise_law *law, double away)
{
    double z = away / law->scale, v = fmin(law->freedom, tail_freedom);
    /* Student's density; its constant is the normal one's but for 1/(4 v). */
    return 0.3989422804 * (1 - 0.25 / v) / law->scale * exp(-0.5 * (v + 1) * log1p(z * z / v));
}

double noise_odd_density(const struct noise_law *law, double away)
{
    double side = away > 0 ? law->odd_above : 1 - law->odd_above;
    return side / law->odd_size * exp(-fabs(away) / law->odd_size);
}

static size_t nearest_level(const struct noise_law *law, double value)
{
    size_t best = 0;
    for (size_t j = 1; j < law->levels; j++)
        if (fabs(value - law->level[j]) < fabs(value - law->level[best]))
            best = j;
    return best;
}

/* The shortest interval that holds half of the nights. */
static void start(const double *sorted, size_t count, double floor, struct noise_law *law)
{
    size_t half = count / 2 + 1;
    double shortest = INFINITY;
    for (size_t i = 0; i + half <= count; i++) {
        double length = sorted[i + half - 1] - sorted[i];
        if (length < shortest) {
            shortest = length;
            law->level[0] = (sorted[i + half - 1] + sorted[i]) / 2;
        }
    }
    law->levels = 1;
    law->weight[0] = 1;
    law->scale = fmax(floor, shortest / 2 / 0.6745 * 1.1);
}

/* One step of expectation and maximisation; shares of each night in each level go to share[]. */
static void step(const double *values, size_t count, const struct noise_prior *prior, double floor,
                 struct noise_law *law, double share[][MOST_LEVELS])
{
    double sum[MOST_LEVELS] = {0}, first[MOST_LEVELS] = {0}, squares = 0, all = 0;
    for (size_t i = 0; i < count; i++) {
        double part[MOST_LEVELS], total = law->odd * noise_odd_density(law, values[i] - law->level[0]);
        for (size_t j = 0; j < law->levels; j++) {
            double z = (values[i] - law->level[j]) / law->scale;
            total += part[j] = z * z > 60 ? 0 : (1 - law->odd) * law->weight[j] * 0.3989 / law->scale * exp(-z * z / 2);
        }
        for (size_t j = 0; j < law->levels; j++) {
            share[i][j] = total > 0 ? part[j] / total : 0;
            sum[j] += share[i][j];
            first[j] += share[i][j] * values[i];
        }
    }
    for (size_t j = 0; j < law->levels; j++) {
        if (sum[j] > 1e-6)
            law->level[j] = first[j] / sum[j];
        all += sum[j];
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < law->levels; j++)
            squares += share[i][j] * (values[i] - law->level[j]) * (values[i] - law->level[j]);
    double own = fmax(all - (double)law->levels, 0.5);
    law->freedom = own + prior->freedom;
    double variance = (squares + prior->freedom * exp(prior->log_variance)) / law->freedom;
    law->scale = fmax(floor, sqrt(variance));
    for (size_t j = 0; j < law->levels; j++)
        law->weight[j] = (sum[j] + 0.5) / (all + 0.5 * (double)law->levels);
    law->odd = ((double)count - all + odd_worth * prior->odd_share) / ((double)count + odd_worth);
    law->nights = sum[0];
}

/* The densest place among nights that the levels explain badly; false where fewer than three lie together. */
static bool another_level(const double *values, size_t count, const struct noise_law *law, double share[][MOST_LEVELS],
                          double *level)
{
    size_t most = 0, least = count / 16 > 2 ? count / 16 : 2;
    for (size_t i = 0; i < count; i++) {
        size_t together = 0;
        double sum = 0;
        for (size_t k = 0; k < count; k++) {
            double held = 0;
            for (size_t j = 0; j < law->levels; j++)
                held += share[k][j];
            if (held < 0.5 && fabs(values[k] - values[i]) < 2 * law->scale) {
                together++;
                sum += values[k];
            }
        }
        if (together > most && together > least) {
            most = together;
            *level = sum / (double)together;
        }
    }
    return most > 0;
}

static void find_moves(const double *values, size_t count, struct noise_law *law)
{
    double counted[MOST_LEVELS][MOST_LEVELS] = {{0}}, from[MOST_LEVELS] = {0};
    size_t before = nearest_level(law, values[0]);
    for (size_t i = 1; i < count; i++) {
        size_t now = nearest_level(law, values[i]);
        counted[before][now] += 1;
        from[before] += 1;
        before = now;
    }
    law->last = before;
    for (size_t a = 0; a < law->levels; a++)
        for (size_t b = 0; b < law->levels; b++)
            law->move[a][b] = (counted[a][b] + move_worth * law->weight[b]) / (from[a] + move_worth);
}

static void find_persistence(const double *values, size_t count, const struct noise_prior *prior, struct noise_law *law)
{
    double products = 0, squares = 0, before = NAN, pairs = 0;
    for (size_t i = 0; i < count; i++) {
        double away = values[i] - law->level[nearest_level(law, values[i])];
        if (fabs(away) > 3.5 * law->scale)
            away = NAN;
        if (isfinite(away) && isfinite(before)) {
            products += away * before;
            squares += (away * away + before * before) / 2;
            pairs++;
        }
        before = away;
    }
    /* A mean taken off makes neighbours look opposed by 1/n (Marriott and Pope 1954). */
    double own = squares > 0 ? products / squares + 1 / fmax(pairs, 2) : 0;
    law->persistence = (pairs * own + persistence_worth * prior->persistence) / (pairs + persistence_worth);
    law->persistence = fmin(fmax(law->persistence, 0), 0.9);
}

static void heaviest_first(struct noise_law *law)
{
    for (size_t j = 1; j < law->levels; j++)
        if (law->weight[j] > law->weight[0]) {
            double level = law->level[0], weight = law->weight[0];
            law->level[0] = law->level[j];
            law->weight[0] = law->weight[j];
            law->level[j] = level;
            law->weight[j] = weight;
        }
}

/* Steps until the levels stand still, then a level more while there is one. */
static void settle(const double *values, size_t count, const struct noise_prior *prior, double floor,
                   struct noise_law *law)
{
    double share[MOST_NIGHTS][MOST_LEVELS], level;
    for (;;) {
        for (int i = 0; i < MOST_STEPS; i++) {
            double before = law->level[0], scale = law->scale;
            step(values, count, prior, floor, law, share);
            if (fabs(law->level[0] - before) < 0.02 * law->scale && fabs(law->scale - scale) < 0.02 * scale)
                break;
        }
        if (law->levels == MOST_LEVELS || !another_level(values, count, law, share, &level))
            break;
        law->level[law->levels] = level;
        law->weight[law->levels++] = 0.1;
    }
    heaviest_first(law);
    find_moves(values, count, law);
    find_persistence(values, count, prior, law);
}

/* Two levels that the densest half has taken for one wide one: where the nights, odd ones aside, are split best in two,
 * little spread is left (normal noise leaves 1 - 2/pi of it). */
static void split_level(const double *sorted, size_t count, double floor, struct noise_law *law)
{
    size_t from = 0, to = count;
    while (from < to && sorted[from] < law->level[0] - 4 * law->scale)
        from++;
    while (to > from && sorted[to - 1] > law->level[0] + 4 * law->scale)
        to--;
    double n = (double)(to - from), sum = 0, squares = 0, left = 0, best = INFINITY;
    size_t least = (to - from) / 16 > 2 ? (to - from) / 16 : 2, split = 0;
    for (size_t i = from; i < to; i++) {
        sum += sorted[i] - law->level[0];
        squares += (sorted[i] - law->level[0]) * (sorted[i] - law->level[0]);
    }
    for (size_t i = from; i + least < to; i++) {
        left += sorted[i] - law->level[0];
        double a = (double)(i + 1 - from), within = squares - left * left / a - (sum - left) * (sum - left) / (n - a);
        if (i + 1 >= from + least && within < best) {
            best = within;
            split = i + 1;
        }
    }
    if (n < 12 || best > 0.22 * (squares - sum * sum / n))
        return;
    double below = 0;
    for (size_t i = from; i < split; i++)
        below += sorted[i];
    double above = sum + n * law->level[0] - below, a = (double)(split - from);
    law->scale = fmax(floor, sqrt(best / n));
    law->levels = 2;
    law->level[0] = below / a;
    law->level[1] = above / (n - a);
    law->weight[0] = a / n;
    law->weight[1] = 1 - a / n;
}

void noise_law_fit(const double *values, size_t count, const struct noise_prior *prior, double floor,
                   struct noise_law *law)
{
    double sorted[MOST_NIGHTS];
    if (count > MOST_NIGHTS) {
        values += count - MOST_NIGHTS;
        count = MOST_NIGHTS;
    }
    *law = (struct noise_law){.odd = prior->odd_share,
                              .odd_lasts = prior->odd_lasts,
                              .odd_size = prior->odd_size,
                              .odd_above = prior->odd_above,
                              .freedom = (double)count};
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, ascending);
    start(sorted, count, floor, law);
    settle(values, count, prior, floor, law);
    if (law->levels > 1)
        return;
    split_level(sorted, count, floor, law);
    if (law->levels > 1)
        settle(values, count, prior, floor, law);
}

void noise_law_refit(const double *values, size_t count, const struct noise_prior *prior, double floor,
                     struct noise_law *law)
{
    settle(values, count, prior, floor, law);
}

/* ---- what cases have in common ---- */

/* Variance of the logarithm of a χ² of so many degrees of freedom: the trigamma function of half of them. */
static double log_variance_noise(double freedom)
{
    double x = freedom / 2, sum = 0;
    for (; x < 6; x++)
        sum += 1 / (x * x);
    return sum + 1 / x + 1 / (2 * x * x) + 1 / (6 * x * x * x);
}

static void learn_scales(const struct noise_law *laws, const size_t *counts, size_t cases, struct noise_prior *prior)
{
    double sum = 0, squares = 0, noise = 0, known = 0;
    for (size_t c = 0; c < cases; c++) {
        if (counts[c] < 4)
            continue;
        double value = 2 * log(laws[c].scale);
        known++;
        sum += value;
        squares += value * value;
        noise += log_variance_noise(fmax(laws[c].freedom - prior->freedom, 2));
    }
    if (known < 3)
        return;
    double spread = squares / known - sum / known * (sum / known) - noise / known;
    prior->log_variance = sum / known;
    /* The freedom whose trigamma is the spread; about 2/spread + 1/2 at both ends of what matters. */
    prior->freedom = spread > 0.02 ? fmin(60, 2 / spread + 0.5) : 60;
}

static void learn_odd_nights(const struct noise_law *laws, const double *const *values, const size_t *counts,
                             size_t cases, struct noise_prior *prior)
{
    double nights = 0, odd = 0, follow = 0, above = 0, size = 0;
    for (size_t c = 0; c < cases; c++) {
        bool before = false;
        for (size_t i = 0; counts[c] >= 4 && i < counts[c]; i++) {
            double away = values[c][i] - laws[c].level[nearest_level(&laws[c], values[c][i])];
            bool is_odd = fabs(away) > 4.5 * laws[c].scale;
            nights++;
            odd += is_odd;
            follow += is_odd && before;
            above += is_odd && away > 0;
            size += is_odd ? fabs(away) : 0;
            before = is_odd;
        }
    }
    prior->odd_share = (odd + 40 * prior->odd_share) / (nights + 40);
    prior->odd_lasts = fmax(prior->odd_share, (follow + 3 * prior->odd_lasts) / (odd + 3));
    prior->odd_above = (above + 10 * prior->odd_above) / (odd + 10);
    prior->odd_size = (size + 5 * prior->odd_size) / (odd + 5);
}

void noise_prior_learn(const struct noise_law *laws, const double *const *values, const size_t *counts, size_t cases,
                       struct noise_prior *prior)
{
    double sum = 0, known = 0;
    *prior = noise_prior_vague;
    learn_scales(laws, counts, cases, prior);
    learn_odd_nights(laws, values, counts, cases, prior);
    for (size_t c = 0; c < cases; c++)
        if (counts[c] >= 10) {
            /* Each was drawn towards the vague one. */
            double own = (double)counts[c] / ((double)counts[c] + persistence_worth);
            sum += (laws[c].persistence - (1 - own) * noise_prior_vague.persistence) / own;
            known++;
        }
    if (known >= 10)
        prior->persistence = fmin(fmax(sum / known, 0), 0.8);
}
