/* op_time as JSON: one object an op, in a worker's answer as in a run's document. */
#ifndef STORE_OP_TIME_H
#define STORE_OP_TIME_H

#include <jansson.h>

#include "harness/store/record.h"
#include "models/graph/cost.h"

/* Of a node of those features: no count, no time. */
struct op_time op_time_of(const struct features *features);
/* Counts a node to the op of `ops` that has its features, or to a new one at the end, for which there must be room. */
struct op_time *op_times_count(struct op_time *ops, size_t *count, const struct features *features);
/* NULL when there are none. */
json_t *op_times_to_json(const struct op_time *ops, size_t count);
/* Untrusted: false when anything isn't an op's name, a dtype or a figure of at least 0. *ops is the caller's to free;
 * an absent array is no op. */
bool op_times_from_json(const json_t *array, struct op_time **ops, size_t *count);

#endif
