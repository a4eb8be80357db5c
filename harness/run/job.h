/* What the parent asks a worker to do, one JSON document on its stdin, and the words of what it answers.
 *
 * A worker answers on its stdout with one JSON object a line, each with an "event":
 *   check    passed, error, allowed, against                     the case's output was compared
 *   against_f32  figures: {output_error, kl_nats, …}             what the case's types lose (models/engine/fidelity.h)
 *   samples  seconds: […]                                        in the order they were taken; any number of times
 *   ops      ops: [{op, dtype, flops, bytes, rows, columns, count, seconds}…]   how long each op took in place
 *   ceiling  name, value, low, high                              one measured limit of the machine
 *   failed   status: failed | out_of_memory | skipped, reason    the case can't be measured; nothing follows
 *   done     setup_s, peak_bytes, steal, run_delay, canary_s, … the last line of a worker that did its job */
#ifndef RUN_JOB_H
#define RUN_JOB_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness/base/error.h"
#include "harness/run/measure.h"

enum { JOB_PATH = 1024, JOB_TOKENS = 4096 };

struct job {
    bool ceilings;           /* measure the machine's limits instead of a case */
    char subject[160];       /* the case's id, or the name of a ceiling probe (glob; "" for all) */
    char model[JOB_PATH];    /* the model's file that the case is of; "" for one that a family lists */
    bool weights;            /* with that file's weights */
    char tokens[JOB_TOKENS]; /* what it reads, "101,7592,102", from the first on; "": generated */
    char output[JOB_PATH];   /* where what it computes is written as NumPy's .npy, or "" */
    const int *cpus;         /* one a thread; not owned, except by job_from_json's caller */
    size_t threads;
    bool check, ops; /* compare the output first; time each node at the end */
    struct measure_options measure;
    uint64_t planned_bytes; /* 0: no limit on the address space */
};

json_t *job_to_json(const struct job *job);
/* The caller frees job->cpus. */
bool job_from_json(struct job *job, const json_t *document, struct error *error);

#endif
