/* The worker's answers, one JSON object a line (job.h). Private to the worker's side. */
#ifndef RUN_ANSWER_H
#define RUN_ANSWER_H

#include <jansson.h>

#include "harness/base/error.h"
#include "harness/run/job.h"
#include "probes/counters.h"

/* A parent that is gone ends the worker at once: nobody would hear it. Takes `line` over. */
void answer(int out, json_t *line);
json_t *answer_event(const char *event);
/* The last line of a job that failed; status as in job.h. */
void answer_failed(int out, const char *status, const char *reason);

/* worker_case.c: measures one case, from its id to "done" or "failed". `counters` is NULL where there are none. */
void worker_measure_case(const struct job *job, struct counters *counters, int out);

#endif
