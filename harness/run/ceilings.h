/* The ceilings that MFU, MBU and bounds rest on: measured once for a machine and its software, in a worker like any
 * case, and kept in the store. */
#ifndef RUN_CEILINGS_H
#define RUN_CEILINGS_H

#include <signal.h>

#include "harness/run/supervise.h"
#include "harness/store/store.h"
#include "probes/machine.h"

/* Hex, of what speed depends on besides the hardware: kernel, libc, compiler, BLAS and its core, microcode, governor,
 * SMT, mitigations, this program. */
void software_key(const struct software *software, char key[17]);

struct ceiling_request {
    struct worker_program program;
    const int *cpus; /* all that the machine lets us use, whatever a run's --threads */
    size_t threads;
    double budget_s; /* of the whole run: what it leaves for measuring doubtful ones again is a small part of it */
    volatile sig_atomic_t *stop;
    void (*measuring)(void *state); /* called, and called again about every second, while they are measured; or NULL */
    void *state;
};

/* Adds to *machine the ceilings that a run needs: those that are kept, and those that aren't by measuring them. A kept
 * one whose repetitions differed widely was measured on a busy machine: it is measured again when that is cheap beside
 * the budget, and the better one is kept, since nothing makes a machine faster than it is. What can't be measured is
 * left out, with a warning in machine->warnings; false only when the store fails or no worker can be started. */
bool ceilings_provide(struct store *store, struct machine *machine, const struct ceiling_request *request,
                      struct error *error);

#endif
