/* The parent's side of one worker: starts it, hands it its job, takes its lines, and sees to its end whatever that is.
 * A worker that is killed, hangs, prints nonsense or runs out of memory ends as a `fate` with its reason, and is gone
 * when supervise returns. It dies with its parent too (PR_SET_PDEATHSIG). */
#ifndef RUN_SUPERVISE_H
#define RUN_SUPERVISE_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "harness/base/error.h"

struct worker_program {
    const char *path, *argument; /* "/proc/self/exe", "worker" */
};

enum fate {
    FATE_DONE,          /* said "done" and ended */
    FATE_FAILED,        /* said why it failed, or ended otherwise */
    FATE_OUT_OF_MEMORY, /* said so, or the system killed it for that */
    FATE_TIMEOUT,
    FATE_SKIPPED, /* said that its budget was spent before it could measure */
    FATE_STOPPED, /* because *stop was set */
};

struct supervision {
    struct worker_program program;
    double timeout_s; /* from its start; INFINITY: none */
    const int *cpus;  /* one a thread of its OpenMP pool: they size it and place it */
    size_t threads;
    volatile sig_atomic_t *stop; /* or NULL */
    /* Each line's object, except "failed", which becomes the fate. False when it makes no sense. */
    bool (*take)(void *state, const json_t *line);
    void (*tick)(void *state); /* at least once a second, for progress; or NULL */
    void *state;
};

/* False only when no worker could be started at all. `reason` is filled unless the fate is FATE_DONE. */
bool supervise(const struct supervision *supervision, const json_t *job, enum fate *fate, char *reason,
               size_t reason_size, struct error *error);

#endif
