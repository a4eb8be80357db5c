/* Starting a worker process with pipes to its stdin, from its stdout and from its stderr. */
#ifndef RUN_SPAWN_H
#define RUN_SPAWN_H

#include <sys/types.h>

#include "harness/run/supervise.h"

struct worker_process {
    pid_t id;
    int in, out, err; /* our ends; -1 when closed */
    int pidfd;        /* readable when it has ended; -1 where the kernel has none */
};

bool spawn_worker(const struct worker_program *program, const int *cpus, size_t threads, struct worker_process *process,
                  struct error *error);

#endif
