/* How fast a case would be on a machine of which only its limits are known: another machine's probe, a data sheet. Each
 * node takes its roofline time at the share of a limit that programs reach, so the interval is as wide as those shares
 * are. */
#ifndef FITNESS_FIT_LIMITS_H
#define FITNESS_FIT_LIMITS_H

#include "models/catalogue/devices.h"
#include "models/graph/graph.h"
#include "probes/machine.h"
#include "reports/fitness/range.h"

/* A share of a limit that is reached: what is usual, and the least and the most. */
struct share {
    double usual, least, most;
};

struct fit_limits {
    double f32_flops, half_flops, bytes_per_s; /* a second; NaN unknown */
    struct share compute, bandwidth;
    bool sheet; /* from a data sheet, not measured */
};

struct fit_limits limits_of_device(const struct device *device);
/* By the ceilings that were measured there; NaN where they weren't. */
struct fit_limits limits_of_machine(const struct machine *machine);
/* Is enough known to tell a speed? */
bool limits_known(const struct fit_limits *limits);
/* Seconds of a step; *bound receives what most of it goes to. */
struct range limits_seconds(const struct fit_limits *limits, const struct graph *graph, const char **bound);

#endif
