/* What a row says of another engine: its speed, foretold by its profile, and its memory, by its own rules. */
#ifndef FITNESS_FIT_ENGINE_H
#define FITNESS_FIT_ENGINE_H

#include "harness/estimate/engine_memory.h"
#include "reports/fitness/fit.h"

/* Throughput from the latency. */
void fit_set_speed(struct fit_row *row, struct range seconds, const char *bound);
/* False where the machine has no profile of the engine that is asked about, or the profile none of such a case. */
bool fit_engine_speed(struct fit_row *row, const struct fit_machine *machine);
/* The same of a file that no family builds. */
bool fit_engine_speed_of_settings(struct fit_row *row, const struct settings *settings,
                                  const struct fit_machine *machine);
/* The parts in the place of our plan's; the weights are there already. False where its rules for it aren't known. */
bool fit_engine_memory(struct fit_row *row, const struct fit_machine *machine);
/* The largest batch and the longest context, by the same rules. */
void fit_engine_limits(struct fit_row *row, const struct fit_machine *machine);

#endif
