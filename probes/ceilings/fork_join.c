/* What it costs to hand work to the thread pool and wait for it: an empty parallel region. */
#include <omp.h>

#include "probes/ceilings/repeat.h"
#include "probes/probe.h"

enum { REPETITIONS = 5, REGIONS = 400 };
static const double PATIENCE_S = 0.1; /* for one repetition: on a busy machine a single region takes milliseconds */

/* Seconds per region. */
static double time_regions(int threads)
{
    double start = ceiling_now_s(), now = start;
    int present = 0, done = 0;
    while (done < REGIONS && now - start < PATIENCE_S) {
#pragma omp parallel num_threads(threads)
        {
            if (omp_get_thread_num() == 0)
                __atomic_store_n(&present, omp_get_num_threads(), __ATOMIC_RELAXED);
        }
        if (++done % 16 == 0)
            now = ceiling_now_s();
    }
    return (ceiling_now_s() - start) / done;
}

static void measure(struct machine *machine)
{
    int threads = ceiling_threads(machine);
    double times[REPETITIONS];
    time_regions(threads);
    for (int i = 0; i < REPETITIONS; i++) {
        double time = time_regions(threads);
        int place = i;
        for (; place > 0 && times[place - 1] > time; place--)
            times[place] = times[place - 1];
        times[place] = time;
    }
    machine_add_ceiling(machine, "fork_join_s", times[REPETITIONS / 2], times[0], times[REPETITIONS - 1]);
}

const struct ceiling_probe ceiling_fork_join = {
    .name = "fork_join",
    .help = "an empty parallel region of the OpenMP pool",
    .measure = measure,
};
