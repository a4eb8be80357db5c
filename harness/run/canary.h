/* The canary: a fixed piece of arithmetic from cache, the same on every thread, run before and after each case. When it
 * takes longer than it did for the run's other cases, the machine was slower just then, whatever the reason. */
#ifndef RUN_CANARY_H
#define RUN_CANARY_H

/* Seconds, the median of a few repetitions of about a millisecond on `threads` OpenMP threads. */
double canary_run_s(int threads);

#endif
