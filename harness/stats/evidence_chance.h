/* How often evidence for a change as strong as this arises by chance, on these very cases: learned from their earlier
 * nights, drawn towards what independent normal noise gives. Cases that wander have strong evidence often, and are then
 * believed less. The tail is an exponential one (the peaks over a threshold: Pickands 1975). */
#ifndef STATS_EVIDENCE_CHANCE_H
#define STATS_EVIDENCE_CHANCE_H

#include <stdbool.h>
#include <stddef.h>

struct evidence_chance {
    double rate; /* of evidence above 0 nats */
    double mean; /* of what is above 0 */
};
/* evidence[count] in nats, NaN where there is none: the most that each case had on some earlier nights, `nights` of
 * them. Learned from the cases of the kind `which`. */
struct evidence_chance evidence_chance_learn(const double *evidence, const bool *kind, bool which, size_t count,
                                             size_t nights);
/* Probability of as much on a night without a change. */
double evidence_chance_p(const struct evidence_chance *chance, double evidence);

#endif
