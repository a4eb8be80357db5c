/* `fit --engine`: what the store knows of another engine on the machine that is asked about. */
#ifndef COMMAND_FIT_ENGINE_H
#define COMMAND_FIT_ENGINE_H

#include "harness/estimate/engine_known.h"
#include "reports/fitness/fit.h"

/* What other engines are asked about. */
enum { FIT_ENGINE_MODES = 1 << MODE_PREFILL | 1 << MODE_DECODE };

/* `engine` is what --engine says, or NULL. */
bool fit_engine_is_other(const char *engine);
/* Whether its speeds are all that is asked for, and results of it from that processor are known. */
bool fit_engine_suffices(const char *database, const char *engine, const struct fit_demands *demands,
                         const char *processor, bool *suffices, struct error *error);
/* Fills what the room says of the engine, and warns where it isn't known; the profile is the caller's, NULL without
 * results. Does nothing for this program's own engine. */
bool fit_engine_learn(const char *database, const char *engine, const char *machine, double peak_gflops,
                      struct fit_machine *room, struct engine_profile **profile, struct error *error);

#endif
