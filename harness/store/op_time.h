/* op_time as JSON: one object an op, in a worker's answer as in a run's document. */
#ifndef STORE_OP_TIME_H
#define STORE_OP_TIME_H

#include <jansson.h>

#include "harness/store/record.h"

/* NULL when there are none. */
json_t *op_times_to_json(const struct op_time *ops, size_t count);
/* Untrusted: false when anything isn't an op's name, a dtype or a figure of at least 0. *ops is the caller's to free;
 * an absent array is no op. */
bool op_times_from_json(const json_t *array, struct op_time **ops, size_t *count);

#endif
