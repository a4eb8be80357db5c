/* What the classical models are trained on and predict with, generated like everything else from (seed, name, index).
 *
 * Labels follow a planted rule: for row r of the features x [N, F],
 *
 *     s = Σ_c w_c x_rc / √F + Σ_{p < limit} x_{r,2p} · x_{r,2p+1} / √limit + scale · noise_r;   label = s > 0
 *
 * with w_c = random_normal(seed, "LABELS rule", c) and noise_r = random_normal(seed, "LABELS", r), LABELS being the
 * tensor's name. limit = 0: what a straight line can part but for the noise.
 *
 * A forest [trees, capacity, 2] (models/kernels/forest.h) for prediction without training has the shape of one that was
 * trained on such labels: each node splits a random feature (of `limit`) at one of 32 evenly spaced quantiles of the
 * normal distribution, rows divide accordingly, and a node with few rows is a leaf of one class or the other. */
#ifndef ENGINE_GENERATE_TABULAR_H
#define ENGINE_GENERATE_TABULAR_H

#include "models/graph/graph.h"

void generate_labels(const struct graph *graph, int tensor, int32_t *labels, int threads);
void generate_forest(const struct graph *graph, int tensor, void *nodes, int threads);

#endif
