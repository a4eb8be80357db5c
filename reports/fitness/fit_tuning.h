/* What the machine's own measurements say of how to run on it: how many threads, and with which pages. They were tried
 * when its limits were measured (probes/ceilings): the same memory read, and products made, by 1, 2, 4 … threads, and
 * memory read through small pages beside huge ones. */
#ifndef FITNESS_FIT_TUNING_H
#define FITNESS_FIT_TUNING_H

#include <jansson.h>

#include "reports/fitness/range.h"

enum { TUNING_THREADS = 10 };

/* What was measured with so many threads. */
struct tuning_step {
    int threads;
    struct range read_gbs; /* a decode's kind of work; NaN where it wasn't measured */
};

struct fit_tuning {
    struct tuning_step steps[TUNING_THREADS]; /* fewest threads first; the last has all */
    int step_count;
    struct range multiply_one, multiply_all; /* f32 products, GFLOP/s */
    struct range small_pages;                /* reading, GB/s */
};

/* By the `ceilings` and `ceiling_ranges` of a machine's document, measured with so many threads. */
struct fit_tuning fit_tuning_of(const json_t *machine, int threads);
/* How much faster than the other, with the interval that both leave. */
struct range range_ratio(struct range one, struct range other);
/* The fewest threads that read as fast as any, within what nobody would notice; 0 where it isn't known. */
int fit_tuning_threads(const struct fit_tuning *tuning, struct range *gain);

#endif
