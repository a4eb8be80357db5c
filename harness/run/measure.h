/* The measuring loop: times a step until its median is known well enough. It knows nothing of what a step does.
 *
 * First it warms up until the times settle, then it samples until the 95 % interval of the median is within `target`,
 * or its time is spent. Steps too short for the clock are run several to a sample. All samples are kept. */
#ifndef RUN_MEASURE_H
#define RUN_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/error.h"

struct measure_options {
    size_t least, most;         /* samples; `least` holds even when `until_s` has passed, but not beyond `deadline_s` */
    long warmup;                /* steps, or WARMUP_UNTIL_STEADY */
    double target;              /* relative half-width of the interval: 0.02 */
    double least_sample_s;      /* steps are batched until a sample lasts this long */
    double least_s;             /* of sampling, so that a short burst of luck isn't taken for precision */
    double until_s, deadline_s; /* points of the clock: stop sampling; stop whatever there is */
    double (*now)(void *state); /* the clock; NULL: clock_now_s */
    void (*before)(void *state); /* called with before_state ahead of each step, untimed; or NULL */
    void *before_state;
};
enum { WARMUP_UNTIL_STEADY = -1 };

/* 1 ms samples, ±2 %, 3 to 100000 samples; ±2 % at 95 % is never had with fewer than 6. */
struct measure_options measure_defaults(void);

enum measure_end { MEASURED_PRECISELY, MEASURED_MOST, MEASURED_UNTIL, MEASURED_DEADLINE };

struct measurement {
    double *samples; /* seconds a step; owned */
    size_t count;
    size_t batch;   /* steps in each sample */
    size_t warmups; /* steps before the first sample */
    size_t steps;   /* that samples stand for: count · batch */
    bool steady;    /* the times had settled before sampling began */
    bool cold;      /* time was spent by the first step: it is the only sample */
    enum measure_end end;
};

/* `state` goes to `step` (and to `now`). There is always at least one sample on success. */
bool measure(void (*step)(void *state), void *state, const struct measure_options *options,
             struct measurement *measurement, struct error *error);
void measurement_free(struct measurement *measurement);

#endif
