/* Where a worker's threads go: one CPU a thread, whole cores first, as hwloc knows them. */
#ifndef RUN_PLACEMENT_H
#define RUN_PLACEMENT_H

#include <stddef.h>

#include "harness/base/error.h"

/* The CPUs (as the system numbers them) that this process may use, first one of each core, then the cores' further
 * threads; each in hwloc's order, so that neighbours share caches. `synthetic` is an hwloc description of a machine in
 * place of this one (tests), or NULL. The caller frees *cpus. */
bool placement_find(const char *synthetic, int **cpus, size_t *count, struct error *error);

#endif
