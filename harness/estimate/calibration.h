/* Which cases to measure so that those that are asked about can be estimated: calibration.
 *
 * What is measured are samples (case_sample.h): a few layers of a model, or the case itself where it has none. The next
 * one is always that which brings all that is asked nearest, for its cost, to what is known and chosen by then (the
 * greedy solution, which no order beats by much: Nemhauser, Wolsey, Fisher 1978); so a model asked about by name has
 * its own ops measured, and a whole catalogue has the surfaces sampled where its models lie. Where no estimate has been
 * tested on this machine yet, a few cheap cases are measured whole beside their samples: what estimates are off by
 * there makes the intervals.
 */
#ifndef ESTIMATE_CALIBRATION_H
#define ESTIMATE_CALIBRATION_H

#include "harness/estimate/estimate.h"
#include "models/engine/case.h"

struct calibration_limits {
    double budget_s;       /* that all chosen ones may take together, as far as can be told before */
    uint64_t memory_bytes; /* that one may take */
    int threads;
};

/* Whether that case was to be measured before, with whatever outcome: it is not asked of the machine again. */
struct calibration_tried {
    bool (*was_tried)(const void *state, const char *id);
    const void *state;
};

/* *chosen receives *count cases, the caller's to free; none where all that is asked is near to what is known.
 * `known` is NULL on a machine of which nothing is. */
bool calibration_choose(const struct model_case *asked, size_t asked_count, const struct estimator *known,
                        const struct calibration_limits *limits, const struct calibration_tried *tried,
                        struct model_case **chosen, size_t *count, struct error *error);

/* What calibration would have measured of cases that were measured whole, to see how well they would have been
 * foretold: their samples, or, of cases that have no layers, the same at half the batch and at twice. *samples is the
 * caller's to free. */
bool calibration_samples(const struct model_case *measured, size_t measured_count, struct model_case **samples,
                         size_t *count, struct error *error);

#endif
