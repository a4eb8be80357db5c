/* How another process ended, in words that its user can act on. */
#ifndef RUN_PROCESS_END_H
#define RUN_PROCESS_END_H

#include "harness/run/supervise.h"

/* How many processes the system has killed for want of memory since it started; 0 where it doesn't say. */
unsigned long long process_kills_for_memory(void);

/* The fate of a process that didn't do what it was for, by its wait status, and the reason: that it was killed, by
 * what, or its exit code; with exit code 0 the reason that is there already. The last line that it `said` on stderr
 * follows: libraries say there what they choke on. `who` begins the reason: "the worker". */
enum fate process_end_fate(const char *who, int status, bool killed_for_memory, const char *said, char *reason,
                           size_t size);

/* The fate of one that was ended before its own end: because it was to stop, or else after its time. */
enum fate process_cut_short(bool stopped, double timeout_s, char *reason, size_t size);

#endif
