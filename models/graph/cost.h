/* What the graph's work amounts to, per node and in total. */
#ifndef GRAPH_COST_H
#define GRAPH_COST_H

#include "models/graph/graph.h"

struct cost {
    double flops;                     /* one multiply-add is 2 */
    double bytes_read, bytes_written; /* each tensor once: what must move if nothing stays in cache */
};

struct cost node_cost(const struct graph *graph, const struct node *node);
struct cost graph_cost(const struct graph *graph);

#endif
