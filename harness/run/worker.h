/* The worker's side: reads one job (job.h) from `in`, does it, and writes its lines to `out`. */
#ifndef RUN_WORKER_H
#define RUN_WORKER_H

#include "harness/base/error.h"

/* The process's exit code: 0 whenever what there was to say was said in lines, a failed case's reason included. */
int worker_run(int in, int out, struct error *error);

#endif
