/* What took the machine away while a case ran: the hypervisor (steal) and other processes (run-queue delay). */
#ifndef RUN_NOISE_H
#define RUN_NOISE_H

#include <stddef.h>

/* Cumulative seconds at one moment; NaN where the system doesn't tell. */
struct noise_mark {
    double time_s;
    double steal_s; /* of the given CPUs, from /proc/stat */
    double delay_s; /* that this process's threads were ready but not run, from /proc/self/task/.../schedstat */
};
struct noise_mark noise_look(const int *cpus, size_t cpu_count);
/* Shares (0–1) of the time of `threads` threads between two marks; NaN where unknown. */
double noise_steal(const struct noise_mark *from, const struct noise_mark *to, size_t cpu_count);
double noise_delay(const struct noise_mark *from, const struct noise_mark *to, int threads);

/* Ticks of steal of those CPUs in /proc/stat's text; NaN when it has none of them. Of all when cpu_count is 0. */
double noise_parse_steal(const char *stat, const int *cpus, size_t cpu_count);
/* Seconds in a schedstat's second field; NaN when it isn't one. */
double noise_parse_delay_s(const char *schedstat);

#endif
