/* What the graph's work amounts to, per node and in total. */
#ifndef GRAPH_COST_H
#define GRAPH_COST_H

#include "models/graph/graph.h"

struct cost {
    double flops;                     /* one multiply-add is 2 */
    double bytes_read, bytes_written; /* each tensor once: what must move if nothing stays in cache */
};

/* What a node's time depends on: the axes along which a measured op stands for one that wasn't measured. */
struct features {
    const char *op;       /* the op's name; static */
    enum dtype dtype;     /* of its first input, or of what it unpacks or packs */
    double flops, bytes;  /* its cost; bytes read and written together */
    double rows, columns; /* of its first output, or of its first input when it has none */
};

/* Of the same op, dtype and shape: the same time, wherever they stand. */
bool features_are_same(const struct features *a, const struct features *b);
struct features node_features(const struct graph *graph, const struct node *node);
struct cost node_cost(const struct graph *graph, const struct node *node);
struct cost graph_cost(const struct graph *graph);

#endif
