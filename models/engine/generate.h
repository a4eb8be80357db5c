/* Fills persistent tensors as their `fill` says: weights and inputs that depend on nothing but seed, name and index. */
#ifndef ENGINE_GENERATE_H
#define ENGINE_GENERATE_H

#include "models/graph/graph.h"

/* With `repeats` a large tensor's values begin anew after the first quarter of a million, which takes less time than to
 * make them all: for timing, which doesn't look at them. */
void generate_tensor(const struct graph *graph, int tensor, void *data, int threads, bool repeats);

#endif
