/* The law of one case's noise from night to night, learned from its own nights and, where those are few, from all
 * cases: one to three levels with a common scale around them, lone odd nights, and how long a deviation lasts.
 *
 * Figures are logarithms, so a scale of 0.01 is 1 %. A night is at one of the levels, or odd. Levels, scale and the
 * share of odd nights are a mixture's, fitted by expectation and maximisation (Dempster, Laird, Rubin 1977) from the
 * densest half of the nights outwards. Scales are drawn towards the cases' common one (empirical Bayes: Smyth 2004,
 * "Linear Models and Empirical Bayes Methods", 3). */
#ifndef STATS_NOISE_LAW_H
#define STATS_NOISE_LAW_H

#include <stddef.h>

enum { MOST_LEVELS = 3 };

/* What all cases have in common. */
struct noise_prior {
    double log_variance, freedom; /* of the scales: centre, and what it is worth in nights */
    double odd_share;             /* of all nights */
    double odd_lasts;             /* share of odd nights that follow another */
    double odd_size;              /* mean of how far an odd night is away */
    double odd_above;             /* share of odd nights that are above */
    double persistence;           /* correlation of a night's deviation with the next one's */
};
/* Before anything is known. */
extern const struct noise_prior noise_prior_vague;

struct noise_law {
    double level[MOST_LEVELS], weight[MOST_LEVELS]; /* the heaviest first */
    double move[MOST_LEVELS][MOST_LEVELS];          /* probability of a night's level after another */
    size_t levels;
    double scale, freedom; /* freedom: that of the scale's estimate */
    double odd, odd_lasts, odd_size, odd_above;
    double persistence;
    double nights; /* that the levels rest on */
    size_t last;   /* the level of the last night */
};

/* Needs 4 nights or more. `floor` is the least scale. */
void noise_law_fit(const double *values, size_t count, const struct noise_prior *prior, double floor,
                   struct noise_law *law);
/* The same from a law of nearly the same nights, which it is quicker to begin with. */
void noise_law_refit(const double *values, size_t count, const struct noise_prior *prior, double floor,
                     struct noise_law *law);
/* What the laws of all cases, each fitted with the vague prior, have in common. values[c] has counts[c] nights. */
void noise_prior_learn(const struct noise_law *laws, const double *const *values, const size_t *counts, size_t cases,
                       struct noise_prior *prior);

/* Densities of a night that lies `away` from its level, and of an odd one that lies so far from the main level. */
double noise_density(const struct noise_law *law, double away);
double noise_odd_density(const struct noise_law *law, double away);

#endif
