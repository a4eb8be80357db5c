/* Repeating a short piece of work until its rate is known: the one way every raw ceiling is timed. */
#ifndef PROBES_CEILINGS_REPEAT_H
#define PROBES_CEILINGS_REPEAT_H

#include "probes/machine.h"

struct rate {
    double median, low, high; /* amounts per second over the repetitions */
};

double ceiling_now_s(void);

/* Does `rounds` rounds of something on each of `threads` threads; with one thread it must not enter the thread pool. */
typedef void (*ceiling_work)(void *state, int threads, long rounds);

/* Finds the rounds that take about `repetition_s` on one thread, where waiting for others can't mislead, then times
 * seven repetitions on `threads`, or as many of them as a quarter of a second allows, three at least. `amount` is what
 * one round of one thread gets done (operations, bytes). */
struct rate ceiling_rate(ceiling_work work, void *state, int threads, double amount, double repetition_s);
void ceiling_put(struct machine *machine, const char *name, struct rate rate, double unit);

/* Threads that a measurement should use: those allowed here, or fewer where a quota allows fewer. */
int ceiling_threads(const struct machine *machine);

#endif
