/* Time for measuring: monotonic, in seconds, the same in parent and worker, so that a deadline can be handed over. */
#ifndef RUN_CLOCK_H
#define RUN_CLOCK_H

/* CLOCK_MONOTONIC. */
double clock_now_s(void);

#endif
