#include "harness/run/quiet.h"

#include <math.h>

#include "harness/run/clock.h"
#include "probes/readiness.h"

/* A single quiet second is found on busy machines too. */
enum { QUIET_LOOKS = 3 };
static const double LOOK_S = 1, MOST_STEAL = 0.01;

bool quiet_enough(const struct quiet_look *look, size_t cpus)
{
    return !(look->busy_cpus > 0.1 + 0.02 * (double)cpus) && !(look->steal_share > MOST_STEAL);
}

static struct quiet_look look_here(size_t cpus)
{
    struct observation seen = readiness_observe(LOOK_S);
    return (struct quiet_look){seen.busy_share * (double)cpus, seen.steal_share};
}

bool quiet_wait(double patience_s, size_t cpus, volatile sig_atomic_t *stop,
                void (*waiting)(void *state, const struct quiet_look *look), struct quiet_look (*look)(void *state),
                void *state)
{
    double end = clock_now_s() + patience_s;
    for (int quiet = 0; quiet < QUIET_LOOKS;) {
        if ((stop && *stop) || clock_now_s() >= end)
            return false;
        struct quiet_look seen = look ? look(state) : look_here(cpus);
        quiet = quiet_enough(&seen, cpus) ? quiet + 1 : 0;
        if (!quiet && waiting)
            waiting(state, &seen);
    }
    return true;
}
