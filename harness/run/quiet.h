/* Waiting for a quiet machine before anything is measured: a nightly run that begins while a backup or an update is
 * still at work would measure those. */
#ifndef RUN_QUIET_H
#define RUN_QUIET_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* What one look at the machine says; readiness.h. */
struct quiet_look {
    double busy_cpus, steal_share; /* NaN unknown */
};

/* Whether other programs and the hypervisor leave these CPUs alone; unknown counts as quiet. */
bool quiet_enough(const struct quiet_look *look, size_t cpus);

/* Looks a second at a time until the machine was quiet three times in a row, at most `patience_s`; `waiting` is called
 * after each look that wasn't quiet (NULL allowed). False when the patience ended first, or *stop. `look` takes the
 * looks; NULL: of this machine. */
bool quiet_wait(double patience_s, size_t cpus, volatile sig_atomic_t *stop,
                void (*waiting)(void *state, const struct quiet_look *look), struct quiet_look (*look)(void *state),
                void *state);

#endif
