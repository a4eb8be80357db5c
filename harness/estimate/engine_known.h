/* What the store knows of another engine on a machine: its results there, and the profile learned from them. */
#ifndef ESTIMATE_ENGINE_KNOWN_H
#define ESTIMATE_ENGINE_KNOWN_H

#include "harness/estimate/engine_profile.h"

/* *profile is NULL where the store has no result of that engine from that machine: one whose processor or card, or
 * whose name, is `machine`. A store that isn't there knows nothing. Names go without case. */
bool engine_known_load(const char *database, const char *engine, const char *machine,
                       const struct engine_limits *limits, struct engine_profile **profile, struct error *error);

/* A machine that results of the engine are of. */
struct engine_machine {
    bool known;
    char name[TEXT_NAME];
    uint64_t memory_bytes; /* 0 unknown: what llama-bench prints doesn't say */
    char nearest[160];     /* where it isn't known: machines that are, like "a, b or c"; "" when there is none */
};
bool engine_known_machine(const char *database, const char *engine, const char *name, struct engine_machine *found,
                          struct error *error);

#endif
