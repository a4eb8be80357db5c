/* A few layers of a model are timed with the caches as the whole model would leave them: before each step as many bytes
 * are read as the layers that aren't there would have moved, so that what the step reads comes from where the whole's
 * would. More than the last cache holds changes nothing. */
#ifndef RUN_EVICTION_H
#define RUN_EVICTION_H

#include <stddef.h>

#include "harness/base/error.h"
#include "harness/store/record.h"
#include "models/engine/case.h"

struct eviction {
    double absent_bytes;  /* that the layers which aren't there would have moved */
    unsigned char *bytes; /* owned; NULL: nothing is evicted */
    size_t size;
    int threads;
};

/* For a case of some layers; of none for a whole one. */
bool eviction_make(const struct model_case *one, int threads, struct eviction *eviction, struct error *error);
/* Reads it all, each thread its part. `state` is the struct eviction. */
void eviction_run(void *state);
/* As an op of the step before which it is run, timed anew. */
struct op_time eviction_op(struct eviction *eviction);
void eviction_free(struct eviction *eviction);

#endif
