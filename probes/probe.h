/* A probe looks at one side of the machine. Each is one file with one struct, named in the table in machine.c.
 * Finding nothing is normal: the probe says why in *why_not, with the remedy, and the others go on. */
#ifndef PROBES_PROBE_H
#define PROBES_PROBE_H

#include "probes/machine.h"

/* What the probes of one look share. */
struct probe_context {
    void *topology;   /* hwloc_topology_t, loaded */
    const char *root; /* "" for the live system, or a folder that stands for / (tests of /proc, /sys parsing) */
    bool foreign;     /* the topology is from a file: probes of the live system are passed over */
};

struct probe {
    const char *name, *help;
    bool live_only; /* looks at the running system, so it has nothing to say of a topology file */
    void (*look)(const struct probe_context *context, struct machine *machine, struct presence *why_not);
};

/* A raw ceiling: one measured limit or a group of them, one file, named in the table in ceilings.c. */
struct ceiling_probe {
    const char *name, *help;
    void (*measure)(struct machine *machine); /* adds its figures with machine_add_ceiling */
};

extern const struct probe *const probes[];                 /* NULL-ended */
extern const struct ceiling_probe *const ceiling_probes[]; /* NULL-ended */

/* Fills *machine by running the table over a context, and sets the fingerprint; machine_probe does so with the live
 * system's. */
void machine_look(struct machine *machine, const struct probe_context *context);

#endif
