/* What a run found, as data: the run, and one record a case. It is what `run` fills, the store keeps, documents carry
 * (document.h) and reports read. Absent is absent: NaN, 0 counts that `has_…` denies, "" for text. */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/stats/robust.h"
#include "models/engine/fidelity.h"
#include "models/graph/dtype.h"

enum status {
    STATUS_OK,
    STATUS_NOISY, /* measured, but the machine was too busy, or the samples too spread, to rest much on it */
    STATUS_FAILED,
    STATUS_TIMEOUT,
    STATUS_OUT_OF_MEMORY,
    STATUS_SKIPPED, /* never started */
    STATUS_COUNT
};
const char *status_name(enum status status);
bool status_parse(const char *name, enum status *status);
/* Whether a record of that status has times that stand for something: ok or noisy. */
bool status_is_measured(enum status status);

/* The parts of `memory`, in the order of the document. */
enum memory_part {
    MEMORY_PLANNED,
    MEMORY_PEAK,
    MEMORY_WEIGHTS,
    MEMORY_ACTIVATIONS,
    MEMORY_GRADIENTS,
    MEMORY_OPTIMIZER,
    MEMORY_KV_CACHE,
    MEMORY_WORKSPACE,
    MEMORY_PART_COUNT
};
extern const char *const memory_part_names[MEMORY_PART_COUNT]; /* "planned_bytes" */
#define BYTES_UNKNOWN UINT64_MAX

enum { TEXT_ID = 160, TEXT_NAME = 96, TEXT_WORD = 32, TEXT_REASON = 400 };

/* One op that a case's step holds `count` times with the same features (models/graph/cost.h), and how long one of them
 * took within the step: what estimates of other cases rest on. An op of the name OP_EVICTION is what was read before
 * each step in place of the layers that a case leaves out, and no part of its time. */
#define OP_EVICTION "eviction"
struct op_time {
    char op[40]; /* the op's name */
    enum dtype dtype;
    double flops, bytes, rows, columns;
    double count;
    double seconds;
};

struct record {
    char id[TEXT_ID];
    char family[TEXT_WORD], model[TEXT_NAME], task[TEXT_WORD], mode[TEXT_WORD], dtype[TEXT_WORD], device[TEXT_WORD];
    int64_t batch, context; /* 0: none */
    int threads;            /* 0: unknown */
    enum status status;
    char reason[TEXT_REASON]; /* why it isn't ok */
    bool unfinished;          /* more of it was to be measured when the run ended: --resume goes on */

    uint64_t parameters; /* 0: unknown */
    double flops, bytes; /* of one step */
    uint64_t memory[MEMORY_PART_COUNT];

    double *samples; /* seconds a step, in the order they were taken; owned */
    size_t sample_count;
    struct interval time, estimate; /* seconds */

    struct op_time *ops; /* owned; none where they weren't timed */
    size_t op_count;

    double throughput;
    char unit[TEXT_WORD]; /* "tokens/s" */
    double gflops, mfu, mbu;
    char bound[TEXT_WORD];

    bool has_check, check_passed;
    double check_error;
    char check_against[TEXT_NAME];
    struct fidelity fidelity; /* to f32; output_error is NaN where it wasn't looked at */

    json_t *counters;        /* name -> count a step, or NULL; owned */
    double energy_j;         /* a step */
    double steal, run_delay; /* shares of the case's time that the hypervisor, or other processes, took */
    double canary_s, canary; /* the canary kernel's time, and that over its median in the run */
};

struct run {
    char id[TEXT_WORD], started[TEXT_WORD], finished[TEXT_WORD]; /* finished: "" while it isn't */
    char suite[TEXT_NAME];
    char *note;             /* or NULL; owned */
    char *engine;           /* whose figures they are when not this program's own; or NULL; owned */
    json_t *command;        /* array of strings; owned */
    json_t *machine;        /* benchmark.machine document; owned */
    struct record *records; /* owned */
    size_t record_count;
};

/* A record of which nothing is known. */
void record_clear(struct record *record);
void record_free(struct record *record);
/* Takes the samples over into the record's own copy; false without memory. */
bool record_add_samples(struct record *record, const double *samples, size_t count);
void run_free(struct run *run);
/* The machine's fingerprint and name, "" when the document hasn't one. */
const char *run_fingerprint(const struct run *run);
const char *run_machine_name(const struct run *run);
/* A new id: 8 hex digits of the time and 8 random ones, so that ids sort by time and none is made twice. */
void run_make_id(char id[TEXT_WORD]);
/* RFC 3339 UTC with milliseconds. */
void time_stamp(char stamp[TEXT_WORD]);

#endif
