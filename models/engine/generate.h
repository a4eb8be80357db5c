/* Fills persistent tensors as their `fill` says: weights and inputs that depend on nothing but seed, name and index. */
#ifndef ENGINE_GENERATE_H
#define ENGINE_GENERATE_H

#include "models/graph/graph.h"

void generate_tensor(const struct graph *graph, int tensor, void *data, int threads);

#endif
