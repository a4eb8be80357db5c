/* What happens on the machine at this moment, and what of it takes CPU from us. */
#ifndef PROBES_CONDITIONS_H
#define PROBES_CONDITIONS_H

#include "probes/machine.h"

/* Ticks of all CPUs since boot, from the first line of /proc/stat: proc_stat(5). */
struct cpu_times {
    double busy, idle, steal; /* busy: user, nice, system, interrupts; steal not in it */
    bool known;
};
struct cpu_times conditions_read_times(const char *root);
/* Shares of all CPUs' time between two readings; NaN when nothing passed. */
double conditions_steal_share(const struct cpu_times *before, const struct cpu_times *after);
double conditions_busy_share(const struct cpu_times *before, const struct cpu_times *after);

/* How often the CPUs slowed down for heat since boot; the hottest sensor of the CPU in degrees; NaN unknown. */
double conditions_read_throttles(const char *root);
double conditions_read_temperature(const char *root);

#endif
