/* Nodes that are alike: a model's layers repeat, and what is read off a node's op, attributes and shapes (its cost, its
 * workspace) is the same for each repetition. */
#ifndef GRAPH_ALIKE_H
#define GRAPH_ALIKE_H

#include <stdbool.h>

#include "models/graph/graph.h"

/* alike[n] (the caller's, [node_count]) becomes the first node with n's op, phase, attributes and tensors' shapes,
 * types and roles: n itself when there is none before it. False when there is no memory for it. */
bool graph_find_alike(const struct graph *graph, int *alike);

#endif
