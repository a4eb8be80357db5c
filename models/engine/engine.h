/* Runs a planned graph. Opening maps one arena of exactly the planned bytes, touches it, and generates weights and
 * inputs; a step then runs every node in order, without allocating, locking or opening anything. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"
#include "models/graph/graph.h"
#include "models/graph/plan.h"

struct engine;
struct call;

struct engine_options {
    bool repeats; /* generated values may repeat (generate.h) */
    int threads;
    bool reference; /* plain-C specification kernels instead of the fast ones */
};

/* `graph` and `plan` stay the caller's and must outlive the engine. */
struct engine *engine_open(const struct graph *graph, const struct plan *plan, const struct engine_options *options,
                           struct error *error);
/* One step: everything the graph holds. */
void engine_step(struct engine *engine);
/* The same, and each node's time: seconds [node_count]. */
void engine_step_timed(struct engine *engine, double *seconds);
/* The same node by node, for whoever looks at each: a step begins, then its nodes run in order; `reference` as above.
 */
void engine_begin_step(struct engine *engine);
void engine_run_node(struct engine *engine, int node, bool reference);
/* Where a node's tensors are. */
const struct call *engine_call(const struct engine *engine, int node);
/* The loss of the last step; NaN when the graph has none. */
double engine_loss(const struct engine *engine);
/* The memory of a tensor: valid after a step for outputs and persistent tensors only. */
void *engine_tensor(struct engine *engine, int tensor);
/* Copies a tensor's elements, widened to f32. */
void engine_read(struct engine *engine, int tensor, float *out);
void engine_write(struct engine *engine, int tensor, const float *in);
void engine_close(struct engine *engine);

#endif
