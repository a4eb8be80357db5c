/* Training that keeps what single samples look like from showing in the weights: DP-SGD (Abadi et al. 2016). */
#ifndef GRAPH_PRIVATE_H
#define GRAPH_PRIVATE_H

#include "models/graph/graph.h"

struct privacy {
    int64_t batch;
    float norm;  /* C: a sample's gradient, over all weights, is shortened to this */
    float noise; /* σ: the noise on the sum has the standard deviation σ · C */
};

/* As graph_train, for a graph that was built for a batch of one: turns it into one for privacy->batch samples, whose
 * gradient is (Σ g · min(1, C / ‖g‖) + σC · normal) / batch. */
bool graph_train_privately(struct graph *graph, const struct training *training, const struct privacy *privacy,
                           struct error *error);

#endif
