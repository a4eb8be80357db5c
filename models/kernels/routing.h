/* Which experts each row of a routed layer goes to (Shazeer et al. 2017), and the rows in the order of their experts.
 *
 * A row goes to the `chosen` experts of largest score. Scores are the router's probabilities; a *skewed* routing takes
 * the place of a router that was trained on data which needs some experts more than others: of rank r = 0, 1, … an
 * expert has the weight (1 + r)^-skew, about Zipf's law, and a row draws its experts by these weights without putting
 * any back (Plackett 1975), which is to choose the largest of log(u) / weight for one u uniform in (0, 1) for each
 * expert. Ranks are dealt out by the layer's key, and a row's u depend on the key and on where the row stands alone, so
 * that a position is routed alike wherever it is computed. */
#ifndef KERNELS_ROUTING_H
#define KERNELS_ROUTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ROUTING_MOST_EXPERTS = 1024 };

struct routing {
    size_t experts, chosen;
    float skew;       /* 0: as the router says */
    uint64_t key;     /* of the layer, where the routing is skewed */
    bool renormalise; /* the chosen experts' weights sum to 1 */
};

/* The experts' factors 1 / weight, ready for routing_choose; unused where nothing is skewed. [experts] */
void routing_factors(const struct routing *routing, double *factors);
/* Of one row of probabilities [experts]: the chosen experts, best first, and the weights of what they make. `place`
 * tells the row from all others. */
void routing_choose(const struct routing *routing, const double *factors, const float *probabilities, uint64_t place,
                    float *weights, int32_t *chosen);
/* From the gradient of the weights, [chosen], to that of the probabilities, [experts]. */
void routing_choose_gradient(const struct routing *routing, const float *probabilities, const int32_t *chosen,
                             const float *dweights, float *dprobabilities);

/* Where each of `count` choices (rows times chosen, in order) lies when they are sorted by expert, and where each
 * expert's begin: offsets [experts + 1]. Equal experts keep their order. */
void routing_sort(const int32_t *chosen, size_t count, size_t experts, int32_t *slots, int32_t *offsets);

/* How many different experts `rows` rows go to, as is to be expected: Σ 1 − (1 − pₑ)^rows. Without skew pₑ is chosen /
 * experts; with it the chance of being drawn, one draw after the other, with what earlier ones are expected to have
 * left standing for what they did. */
double routing_distinct(size_t experts, size_t chosen, double rows, double skew);

#endif
