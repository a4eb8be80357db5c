/* Appending an optimizer's step for one weight: a node that updates it in place from its gradient. */
#ifndef GRAPH_OPTIMIZER_H
#define GRAPH_OPTIMIZER_H

#include "models/graph/graph.h"

/* Creates the moments that graph->optimizer keeps and appends the update of `weight` by `gradient`. */
void optimizer_append_step(struct graph *graph, int weight, int gradient);

#endif
