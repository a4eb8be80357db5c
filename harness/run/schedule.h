/* The order in which a run's cases are measured, within its budget.
 *
 * Cases are visited in rounds, each visit in a worker of its own, so that a machine that drifts doesn't drift under one
 * case only, and so that what a process happens to get (its pages, its place in the cache) is drawn more than once.
 * Within a round those that are in doubt go first, and then the cheap ones: a budget that ends early has then left out
 * few. A visit's share of what is
 * left of the budget is equal to every other's; what a precise case doesn't use goes to those after it.
 *
 * A case whose visits were all noisy is visited once more while the budget lasts. What it says then is kept if it is
 * quieter, and the case is marked `noisy` if it is not. No model is known here: an item says what its case costs. */
#ifndef RUN_SCHEDULE_H
#define RUN_SCHEDULE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "harness/base/error.h"
#include "harness/run/measure.h"
#include "harness/run/supervise.h"
#include "harness/store/record.h"

/* What the machine can do, in the terms of one case; NaN where it isn't known. */
struct roof {
    double peak_gflops; /* at the case's dtype */
    double read_gbs;
    double floor_s;    /* the least a step can take by these */
    const char *bound; /* which of them makes most of floor_s; NULL unknown */
};

struct item {
    struct record record; /* identity, plan and cost are filled by the caller, the rest here */
    bool sampled;         /* some layers of a model: what they cost is asked, the whole's check is for the rest */
    const char *model;    /* the file that its model is of, or NULL; */
    bool weights;         /* whose weights it runs with */
    const char *tokens, *output; /* what it reads, and where what it computes is written; or NULL */
    double units;                /* that a step produces, for throughput */
    struct roof roof;
    double expected_step_s, expected_setup_s; /* guesses, replaced by what is seen */
    double doubt; /* how much earlier runs leave to find out about it; the most doubtful go first, 0: as it comes */

    int visits;      /* the caller sets these when it goes on with a run */
    bool settled;    /* nothing more is to be done with it */
    bool cold;       /* its only sample is its first step */
    bool is_noisy;   /* the samples it holds are from a noisy visit */
    bool seen_again; /* had its extra visit */
};

struct progress {
    size_t settled, count;
    const char *id;            /* being measured, or NULL between cases */
    const struct record *last; /* the one that a visit just ended for, or NULL */
    double left_s;             /* until the run's end, as far as can be told */
};

struct schedule {
    struct worker_program program;
    const int *cpus; /* one a thread */
    size_t threads;
    struct measure_options measure; /* least, most, warmup and target */
    double budget_s;                /* of everything from started_s on */
    double started_s;               /* point of the clock */
    double timeout_s;               /* of one visit; NaN: from what the case should take */
    int rounds;
    uint64_t memory_bytes; /* that a worker may hold; BYTES_UNKNOWN: not known */
    const char *memory_limited_by;
    volatile sig_atomic_t *stop;
    /* A record has changed and is to be kept now. False with *error ends the run. */
    bool (*keep)(void *state, size_t position, const struct record *record, struct error *error);
    void (*progress)(void *state, const struct progress *progress); /* or NULL */
    void *state;
};

/* What a worker holds at the most besides its case's memory: code, stacks, the BLAS's buffers. */
uint64_t worker_idle_bytes(size_t threads);

/* Fills the items' records. False when a record couldn't be kept or no worker can be started; true otherwise, also
 * when *stop has ended it early. */
bool schedule_run(const struct schedule *schedule, struct item *items, size_t count, struct error *error);

/* judge.c: what a case's samples come to. Sets time, throughput, MFU and the like, and ok or noisy with the reason. */
void judge_record(struct item *item);
/* Median of the canaries; *known is of how many. */
double judge_usual_canary_s(const struct item *items, size_t count, size_t *known);
/* Each record's canary as a multiple of their median. */
void judge_canaries(struct item *items, size_t count);

/* visit.c: one worker for one case. */
struct visit {
    double *samples; /* owned */
    size_t count;
    struct op_time *ops; /* owned */
    size_t op_count;
    double setup_s, steal, run_delay, canary_s, energy_j;
    uint64_t peak_bytes;
    bool cold, has_check, check_passed;
    double check_error;
    char check_against[TEXT_NAME];
    struct fidelity fidelity; /* output_error is NaN where it wasn't looked at */
    json_t *counters;
    enum fate fate;
    char reason[TEXT_REASON];
};
bool visit_item(const struct schedule *schedule, const struct item *item, double slice_s, void (*tick)(void *),
                void *tick_state, struct visit *visit, struct error *error);
/* Nothing heard yet; and what one of the worker's lines adds: false when it makes no sense. */
struct visit visit_unknown(void);
bool visit_take(struct visit *visit, const json_t *line);
void visit_free(struct visit *visit);
bool visit_is_noisy(const struct visit *visit, double usual_canary_s);

#endif
