/* Hardware counters of this process, through PAPI where the program was built with it. Only as many events as the CPU
 * counts at once are asked for: multiplexed counts are estimates, and short cases would get bad ones. */
#ifndef PROBES_COUNTERS_H
#define PROBES_COUNTERS_H

#include "probes/machine.h"

struct counter_values {
    double cycles, instructions, cache_misses, floating_point_operations; /* NaN where not counted */
};

struct counters; /* opaque */

/* For the calling process, threads made later included; NULL with why_not filled when nothing can be counted. */
struct counters *counters_open(struct presence *why_not);
bool counters_start(struct counters *counters);
/* What was counted since the start. */
struct counter_values counters_stop(struct counters *counters);
void counters_close(struct counters *counters);
/* The events' names, separated by ", "; owned by *counters. */
const char *counters_names(const struct counters *counters);

/* Why the system under `root` has no counters for us, with the remedy; false when nothing there speaks against it. */
bool counters_explain_absence(const char *root, struct presence *why_not);

#endif
