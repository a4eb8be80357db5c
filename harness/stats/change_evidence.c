#include "harness/stats/change_evidence.h"

#include <math.h>

/* Slopes are looked for over this many last nights. */
static const size_t slope_nights[] = {8, 11, 14};
enum { SLOPES = sizeof slope_nights / sizeof *slope_nights, STATES = MOST_LEVELS + 1 };
/* Sizes of changes are as likely in each octave between the threshold and this. */
static const double largest = 0.3;
static const double certain_odd = 1e-12;

static double odd_density(const struct noise_law *law, double value)
{
    return noise_odd_density(law, value - law->level[0]) + certain_odd;
}

static double log_sum(double a, double b)
{
    double most = fmax(a, b);
    return isfinite(most) ? most + log(exp(a - most) + exp(b - most)) : most;
}

/* The forward recursion over the levels, and oddness as one more state. */
static double likelihood_without(const double *values, size_t count, const struct noise_law *law, bool with_odd)
{
    double alpha[STATES] = {0}, sum = 0;
    size_t odd = law->levels;
    alpha[law->last] = 1;
    for (size_t i = 0; i < count; i++) {
        double next[STATES] = {0}, total = 0;
        for (size_t j = 0; j < law->levels; j++) {
            for (size_t k = 0; k < law->levels; k++)
                next[j] += alpha[k] * (1 - law->odd) * law->move[k][j];
            next[j] += alpha[odd] * (1 - law->odd_lasts) * law->weight[j];
            next[j] *= noise_density(law, values[i] - law->level[j]);
        }
        next[odd] =
            with_odd ? ((1 - alpha[odd]) * law->odd + alpha[odd] * law->odd_lasts) * odd_density(law, values[i]) : 0;
        for (size_t j = 0; j <= odd; j++)
            total += next[j];
        for (size_t j = 0; j <= odd; j++)
            alpha[j] = next[j] / fmax(total, 1e-300);
        sum += log(fmax(total, 1e-300));
    }
    return sum;
}

/* Levels that nights before have been at, were it only one night: an odd night may have been a first visit. */
struct seen_level {
    double level, nights, stays, leaves;
};
enum { MOST_SEEN = 8 };
/* Of cases with an odd night, those in which it was a visit to a level. */
static const double visits_share = 0.05;

/* The level that a night is at, or MOST_LEVELS for an odd one. */
static size_t level_of(const struct noise_law *law, double value)
{
    for (size_t j = 0; j < law->levels; j++)
        if (fabs(value - law->level[j]) < 3.5 * law->scale)
            return j;
    return MOST_LEVELS;
}

static size_t find_seen(const double *base, size_t count, const struct noise_law *law, struct seen_level *seen)
{
    size_t found = 0, last = MOST_SEEN;
    for (size_t i = 0; i < count; i++) {
        size_t at = level_of(law, base[i]), now = MOST_SEEN;
        double level = at < MOST_LEVELS ? law->level[at] : base[i];
        for (size_t s = 0; s < found && at != 0; s++)
            if (fabs(level - seen[s].level) < 2.5 * law->scale)
                now = s;
        if (at != 0 && now == MOST_SEEN && found < MOST_SEEN) {
            now = found++;
            seen[now] = (struct seen_level){level, 0, 0, 0};
        }
        if (last < MOST_SEEN)
            *(now == last ? &seen[last].stays : &seen[last].leaves) += 1;
        if (now < MOST_SEEN) {
            seen[now].level = (seen[now].level * seen[now].nights + base[i]) / (seen[now].nights + 1);
            seen[now].nights += 1;
        }
        last = now;
    }
    return found;
}

/* All of the window at a level seen before. How long such visits last is known from few, so that it is integrated out:
 * the Beta distribution's predictive of `count` nights in a row (Jeffreys' prior). */
static double likelihood_at_seen(const double *window, size_t count, const struct noise_law *law,
                                 const struct seen_level *seen, size_t found, size_t before)
{
    double sum = -INFINITY;
    for (size_t s = 0; s < found; s++) {
        double enter = (seen[s].nights + 0.5) / ((double)before + 2) * (seen[s].nights > 1 ? 1 : visits_share);
        double value = log(enter), scale = sqrt(1 + 1 / seen[s].nights);
        for (size_t i = 0; i < count; i++) {
            double stays = seen[s].stays + 0.5 + (double)i, all = stays + seen[s].leaves + 0.5;
            value += log((1 - law->odd) * noise_density(law, (window[i] - seen[s].level) / scale) / scale +
                         law->odd * odd_density(law, window[i]));
            if (i + 1 < count)
                value += log(stays / all);
        }
        sum = log_sum(sum, value);
    }
    return sum;
}

/* All nights around level + slope · (1, 2, …), or odd. */
static double likelihood_with(const double *values, size_t count, const struct noise_law *law, double level,
                              double slope)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += log((1 - law->odd) * noise_density(law, values[i] - level - slope * (double)(i + 1)) +
                   law->odd * odd_density(law, values[i]));
    return sum;
}

/* How much less a sum of `count` nights says than if they were independent. */
static double inflation(const struct noise_law *law, size_t count)
{
    double sum = 1, power = 1;
    for (size_t lag = 1; lag < count; lag++)
        sum += 2 * (1 - (double)lag / (double)count) * (power *= law->persistence);
    return sum;
}

/* The level that the window is likeliest at: each night tried, then moved to the mean of those around it. */
static double best_level(const double *values, size_t count, const struct noise_law *law, double *most)
{
    double best = NAN;
    *most = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        double level = values[i];
        for (int turn = 0; turn < 2; turn++) {
            double sum = 0, weights = 0;
            for (size_t k = 0; k < count; k++) {
                double near = (1 - law->odd) * noise_density(law, values[k] - level);
                double weight = near / (near + law->odd * odd_density(law, values[k]) + 1e-300);
                sum += weight * values[k];
                weights += weight;
            }
            if (weights > 1e-6)
                level = sum / weights;
        }
        double likelihood = likelihood_with(values, count, law, level, 0);
        if (likelihood > *most) {
            *most = likelihood;
            best = level;
        }
    }
    return best;
}

static double best_slope(const double *values, size_t count, const struct noise_law *law, double *most)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        double step = (double)(i + 1), away = values[i] - law->level[0];
        sum += step * away;
        squares += step * step;
    }
    double slope = sum / squares;
    *most = likelihood_with(values, count, law, law->level[0], slope);
    return slope;
}

struct candidate {
    double log_factor, size, error;
    double fit; /* how well it explains the nights, whatever was expected */
    size_t first;
    bool creep;
};

/* Density of a change of that size; none below the threshold. */
static double size_density(double size, double threshold)
{
    return fabs(size) < threshold ? 0 : 1 / (2 * fmin(fabs(size), largest) * log(largest / threshold));
}

/* Without a change: as before, and from any night on at a level that was seen before. */
static double without_change(const double *window, size_t count, const struct noise_law *law, const double *base,
                             size_t before)
{
    struct seen_level seen[MOST_SEEN];
    size_t found = find_seen(base, before, law, seen);
    double sum = likelihood_without(window, count, law, true);
    for (size_t stay = 0; found && stay + 2 <= count; stay++)
        sum = log_sum(sum, (stay ? likelihood_without(window, stay, law, true) : 0) +
                               likelihood_at_seen(window + stay, count - stay, law, seen, found, before));
    return sum;
}

/* What a change's likelihood is over that without one. Where no night is odd, deviations that last and the error of the
 * level make the nights say less than they would by themselves: that ratio is raised to `power`. */
static double log_ratio(const double *window, size_t count, const struct noise_law *law, const double *base,
                        size_t before, double with, double power, double *fit)
{
    *fit = with - likelihood_without(window, count, law, true);
    double usual = power * (with - likelihood_without(window, count, law, false));
    double unusual = with - without_change(window, count, law, base, before);
    return -log_sum(-usual, -unusual);
}

static struct candidate weigh_level(const double *window, size_t count, const struct noise_law *law,
                                    const struct change_search *search, const double *base, size_t before)
{
    double most, level = best_level(window, count, law, &most);
    double share = (double)count / law->nights, power = 1 / (inflation(law, count) * (1 + share));
    struct candidate candidate = {.size = level - law->level[0]};
    candidate.error = law->scale / sqrt((double)count * power);
    double density = size_density(candidate.size, search->threshold);
    candidate.log_factor = log_ratio(window, count, law, base, before, most, power, &candidate.fit) +
                           log(density * candidate.error * 2.5066);
    return candidate;
}

static struct candidate weigh_slope(const double *window, size_t count, const struct noise_law *law,
                                    const struct change_search *search, const double *base, size_t before)
{
    double most, slope = best_slope(window, count, law, &most);
    double n = (double)count, power = 1 / (inflation(law, count) * (1 + n / law->nights));
    struct candidate candidate = {.size = slope * n, .creep = true};
    candidate.error = law->scale / sqrt(power * n * (n + 1) * (2 * n + 1) / 6) * n;
    double density = size_density(candidate.size, 1.5 * search->threshold);
    candidate.log_factor = log_ratio(window, count, law, base, before, most, power, &candidate.fit) +
                           log(density * candidate.error * 2.5066);
    return candidate;
}

static void take(struct change_evidence *evidence, double *best, const struct candidate *candidate, double log_weight)
{
    double value = candidate->log_factor + log_weight;
    if (isnan(value))
        return;
    double *side = candidate->size > 0 ? &evidence->up : &evidence->down;
    *side = log_sum(*side, value);
    /* Of several beginnings, the one that explains most; the level of fewer nights is found by luck more easily. */
    double fit = candidate->fit + log(candidate->error);
    if (fit > *best) {
        *best = fit;
        evidence->size = candidate->size;
        evidence->error = candidate->error;
        evidence->first = candidate->first;
        evidence->creep = candidate->creep;
    }
}

void change_evidence_find(const double *values, size_t count, const struct change_search *search,
                          struct change_evidence *evidence)
{
    double best = -INFINITY;
    struct noise_law law;
    *evidence = (struct change_evidence){
        .up = -INFINITY, .down = -INFINITY, .size = NAN, .error = NAN, .first = count - 1, .scale = NAN, .away = NAN};
    if (count < LEAST_BASELINE + 2)
        return;
    size_t longest = count - LEAST_BASELINE < MOST_WINDOW ? count - LEAST_BASELINE : MOST_WINDOW;
    for (size_t window = longest; window >= 2; window--) {
        size_t first = count - window, before = first < search->baseline ? first : search->baseline;
        const double *base = values + first - before;
        (window == longest ? noise_law_fit : noise_law_refit)(base, before, &search->prior, search->floor, &law);
        evidence->scale = law.scale;
        if (window == longest) {
            struct seen_level seen[MOST_SEEN];
            evidence->irregular = law.levels > 1 || find_seen(values, first, &law, seen) > 1;
        }
        evidence->away = values[count - 1] - law.level[law.last];
        struct candidate candidate = weigh_level(values + first, window, &law, search, values, first);
        candidate.first = first;
        take(evidence, &best, &candidate, log(window == 2 ? 0.3 : 0.06));
    }
    for (size_t i = 0; i < SLOPES && slope_nights[i] + LEAST_BASELINE <= count; i++) {
        size_t first = count - slope_nights[i], before = first < search->baseline ? first : search->baseline;
        noise_law_fit(values + first - before, before, &search->prior, search->floor, &law);
        struct candidate candidate = weigh_slope(values + first, slope_nights[i], &law, search, values, first);
        candidate.first = first;
        take(evidence, &best, &candidate, log(0.07));
    }
}
