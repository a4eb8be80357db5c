/* Graphs of one op, as the golden cases describe them: ops.py's counterpart. */
#ifndef GOLDEN_OP_GRAPHS_H
#define GOLDEN_OP_GRAPHS_H

#include "models/engine/engine.h"
#include "models/graph/graph.h"
#include "tests/golden/golden.h"

/* The op on generated inputs, its output kept as graph->output, its loss as graph->loss. Every input is a weight, so
 * that its gradient is kept. Without `training` only the output. NULL when the case names no known op; building errors
 * are the graph's. */
struct graph *op_graph_build(const struct golden_case *one, bool training);
/* Where the case ignores targets, moves the generated ones, which start at 0, down by two: negative ones are ignored.
 */
void op_graph_ignore_targets(const struct golden_case *one, struct engine *engine, const struct graph *graph);

#endif
