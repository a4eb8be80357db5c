/* How strongly a case's last nights say that it has changed: for each place where that could have begun, the likelihood
 * of a new level (or of a slope) over that of more nights of the law before it (noise_law.h).
 *
 * Without a change the nights walk between the case's known levels as they did before, a hidden Markov chain whose
 * likelihood is summed by the forward recursion (Rabiner 1989): a level seen before counts little. With one, they are
 * around a level that none has been at. The ratio is a Bayes factor with the size of the change integrated out
 * (Laplace's method), raised to a power that pays for the error of the level before and for deviations that last; the
 * places are averaged, which pays for having searched. A lone odd night is never enough. */
#ifndef STATS_CHANGE_EVIDENCE_H
#define STATS_CHANGE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/stats/noise_law.h"

enum { MOST_WINDOW = 10, LEAST_BASELINE = 6 };

struct change_search {
    double threshold, floor;
    size_t baseline; /* nights before a window that are looked at, at most */
    struct noise_prior prior;
};

struct change_evidence {
    double up, down;    /* logarithms of the Bayes factors for slower and for faster */
    double size, error; /* of the change, as a logarithm, and its standard error; NaN without one */
    size_t first;       /* of values: the first changed night */
    bool creep;
    bool irregular;     /* the case has had several levels or odd nights */
    double scale, away; /* of a night's noise; tonight's distance from the level before */
};

/* values[count]: the case's nights without gaps, tonight the last. */
void change_evidence_find(const double *values, size_t count, const struct change_search *search,
                          struct change_evidence *evidence);

#endif
