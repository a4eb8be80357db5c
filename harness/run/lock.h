/* Two runs must not measure at once: each would be the other's noise. A run holds a lock on a file beside its store,
 * which the system lets go when the process ends, however it ends. */
#ifndef RUN_LOCK_H
#define RUN_LOCK_H

#include <signal.h>
#include <stdbool.h>

#include "harness/base/error.h"

struct run_lock {
    int file; /* -1: none */
};
/* Waits up to `patience_s` for another run to end, after calling `waiting` once (NULL allowed) with the other's process
 * id (0 unknown). ERROR_MEASURE when it doesn't end in time; false with no error when *stop is set. */
bool run_lock_take(struct run_lock *lock, const char *database, double patience_s, volatile sig_atomic_t *stop,
                   void (*waiting)(void *state, long process), void *state, struct error *error);
void run_lock_release(struct run_lock *lock);

#endif
