/* What is drawn of a machine, from its document (benchmark.machine/1), whoever's machine it is. */
#ifndef REPORTS_MACHINE_FIGURES_H
#define REPORTS_MACHINE_FIGURES_H

#include "reports/report.h"

/* Its topology as boxes: packages, caches, cores, memory, GPUs. Nothing where the document doesn't tell. */
void machine_add_topology(struct report *report, const json_t *machine);
/* The ceilings that a roofline of that dtype ("f32") is drawn under. */
void machine_add_ceilings(struct roofline *roofline, const json_t *machine, const char *dtype);

#endif
