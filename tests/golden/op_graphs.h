/* Graphs of one op, as the golden cases describe them: ops.py's counterpart. */
#ifndef GOLDEN_OP_GRAPHS_H
#define GOLDEN_OP_GRAPHS_H

#include "models/graph/graph.h"
#include "tests/golden/golden.h"

/* The op on generated inputs, its output kept as graph->output, its loss as graph->loss. Every input is a weight, so
 * that its gradient is kept. Without `training` only the output. NULL when the case names no known op; building errors
 * are the graph's. */
struct graph *op_graph_build(const struct golden_case *one, bool training);

#endif
