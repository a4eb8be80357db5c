/* Energy that the CPU packages took, from RAPL (Intel SDM volume 3, 15.10.1) through powercap or perf. */
#ifndef PROBES_ENERGY_H
#define PROBES_ENERGY_H

#include "probes/machine.h"

struct energy; /* opaque */

/* NULL with why_not filled when there is nothing to read. `root` as in probe_context ("" to measure). */
struct energy *energy_open(const char *root, struct presence *why_not);
/* Joules since it was opened, all packages together; NaN when reading fails. The counters wrap within minutes to
 * hours at full load: read at least once a minute. */
double energy_read(struct energy *energy);
/* "powercap" or "perf". */
const char *energy_source(const struct energy *energy);
void energy_close(struct energy *energy);

#endif
