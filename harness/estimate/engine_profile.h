/* How fast another engine (llama.cpp) is on a machine, learned from a few of its results there.
 *
 *   decode:  s = ((bytes / B)^4 + (weights · cost / (r B))^4)^(1/4) + attention + layers · c
 *   attention of a token: ((cache bytes / B)^4 + (multiplications of all heads · t / (r B))^4)^(1/4)
 *   prefill: s = (flops · cost' + attention flops · a + activations · e) / P + layers · c · batches of 512
 *
 * B is the bandwidth that the engine reaches, r how many weights of a type it unpacks for each byte that it could read,
 * P the arithmetic that its matrix products reach, a how much slower attention is, t the same of a token
 * (heads that share keys multiply with each of them anew), e the arithmetic that goes as well into an activation of
 * each layer (norms, positions, sums), c what a layer costs besides. The costs of each type of weights are relative to
 * q4_K's (engine_priors.c), and each type's, and each kind of type's, may differ on this machine. All of these are
 * logarithms with normal priors, and the estimate is the posterior's mode (Gauss-Newton; Laplace's approximation,
 * MacKay 2003, ch. 27): with two results little but B or P moves from where the priors have them, with more everything
 * does. The interval is that of the prediction, widened by how the results lie about their own leave-one-out
 * predictions. */
#ifndef ESTIMATE_ENGINE_PROFILE_H
#define ESTIMATE_ENGINE_PROFILE_H

#include <stddef.h>

#include "harness/base/error.h"
#include "harness/estimate/engine_priors.h"
#include "harness/estimate/engine_work.h"

struct engine_result {
    struct engine_work work;
    double seconds; /* of the token, or of the prompt */
};

/* The machine's own limits: NaN where unknown. */
struct engine_limits {
    double read_gbs, peak_gflops;
    enum engine_kind kind; /* whose types' costs are believed at first, where its results aren't a card's */
};

struct engine_profile;

/* Copies what it needs. The results are of one machine, the latest first where there are too many. */
struct engine_profile *engine_profile_create(const struct engine_result *results, size_t count,
                                             const struct engine_limits *limits, struct error *error);
void engine_profile_free(struct engine_profile *profile);
/* How many of its results were of tokens, or of prompts. */
size_t engine_profile_results(const struct engine_profile *profile, bool decode);

struct engine_speed {
    double seconds, low, high; /* a 90 % interval; NaN where no such result was learned from */
};
struct engine_speed engine_profile_predict(const struct engine_profile *profile, const struct engine_work *work);

/* What was measured of the very same work: its results' median, and their range and what one
 * test moves by; NaN where none is. `work` without threads is
 * that with any. */
struct engine_speed engine_profile_measured(const struct engine_profile *profile, const struct engine_work *work);

#endif
