/* A run from its cases to its finished record in the store: looks at the machine, takes the lock, provides the
 * ceilings, plans the cases, has them measured, and keeps each as it comes. */
#ifndef RUN_EXECUTE_H
#define RUN_EXECUTE_H

#include <signal.h>

#include "harness/run/schedule.h"
#include "harness/run/suites.h"
#include "harness/store/store.h"

enum stage { STAGE_WAITING, STAGE_BUSY, STAGE_LOOKING, STAGE_CEILINGS, STAGE_CASES };

struct run_request {
    struct worker_program program;
    const char *database;     /* a file, or an address: store.h, outbox.h */
    struct case_list cases;   /* unless going on with a run */
    const char *resume;       /* a run's id, "" for the latest unfinished one of this machine, NULL: a new run */
    const char *suite, *note; /* as they are recorded */
    json_t *command;          /* the command line */
    int threads;              /* 0: what the machine lets us use */
    struct measure_options measure;
    double budget_s, timeout_s; /* timeout: NaN for what the cases should take */
    bool budget_of_cases;       /* what the machine's limits take to measure isn't counted */
    double quiet_patience_s;    /* how long it may wait for a quiet machine; 0: not at all */
    double keep_samples_s;      /* afterwards, older runs of this machine are thinned (retention.h); 0: none is */
    int rounds;
    uint64_t memory_bytes; /* BYTES_UNKNOWN: the machine's */
    volatile sig_atomic_t *stop;
    void (*entered)(void *state, enum stage stage, long process);          /* process: who is waited for; or NULL */
    void (*undelivered)(void *state, const char *outbox, const char *why); /* the database is away; or NULL */
    void (*progress)(void *state, const struct progress *progress);        /* or NULL */
    void *state;
};

/* Fills *run with what was measured and kept; the caller frees it. True also when *stop ended it early: `finished` is
 * then empty. On failure what was kept until then stays in the store. */
bool run_execute(const struct run_request *request, struct run *run, struct error *error);

#endif
