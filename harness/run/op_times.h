/* How long each op of a case takes within a step, in place: what estimates of other cases rest on (harness/estimate).
 * Nodes of the same op and features (a model's equal layers) are told as one, with their count. */
#ifndef RUN_OP_TIMES_H
#define RUN_OP_TIMES_H

#include <jansson.h>

#include "harness/store/record.h"
#include "models/engine/engine.h"

/* Takes a few timed steps, each after `before` (or NULL), at most about `budget_s` of them and at least one, each
 * node's median, scaled so that together they are the median step. NULL without memory; the caller frees it, and may
 * add one op. */
struct op_time *op_times_measure(struct engine *engine, const struct graph *graph, double step_s, double budget_s,
                                 void (*before)(void *state), void *before_state, size_t *count);

#endif
