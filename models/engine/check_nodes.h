/* A step in which every node is computed twice from the very same memory: by the fast kernels and by the plain-C
 * specification. Errors can't grow from node to node, so a model in which a rounding flips a ReLU, and through a batch
 * norm everything behind it, is judged as strictly as any other; and a fault is found where it is. */
#ifndef ENGINE_CHECK_NODES_H
#define ENGINE_CHECK_NODES_H

#include <stdbool.h>

#include "models/engine/engine.h"

struct node_check {
    double error; /* the largest found; infinite when a result isn't a number where the specification's is */
    int node;     /* where; NO_NODE before anything was found */
};

/* One step of an engine that was opened with the fast kernels; *worst becomes the larger of itself and what is found.
 * A tensor's error is the norm of the difference over that of what the specification computed (for f32 memory that was
 * there before: of what it changed), or, where that is all cancellation, over the norm that the inputs' rounding has in
 * it: how far the result moves when the inputs do by a small part of themselves, divided by that part. */
bool check_nodes(struct engine *engine, const struct graph *graph, double allowed, struct node_check *worst,
                 struct error *error);

#endif
