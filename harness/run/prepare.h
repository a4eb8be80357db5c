/* From a case to the item that is scheduled: its graph is built and planned, its cost and memory are read off, and what
 * the machine's ceilings make of that. Nothing of it is measured, and nothing is kept of the graph. */
#ifndef RUN_PREPARE_H
#define RUN_PREPARE_H

#include "harness/run/schedule.h"
#include "models/engine/case.h"
#include "probes/machine.h"

/* Never fails as a whole: a case that can't be built or planned is a failed record, settled. */
void prepare_item(const struct model_case *one, int threads, const struct machine *machine, struct item *item);
/* The machine's highest measured rate at a dtype, or at f32 where that one wasn't measured; NaN when neither was. */
double prepare_peak_gflops(const struct machine *machine, const char *dtype);

#endif
