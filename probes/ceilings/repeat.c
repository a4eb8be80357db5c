#include "probes/ceilings/repeat.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

enum { REPETITIONS = 7, FEWEST = 3 };
static const double PATIENCE_S = 0.25;

double ceiling_now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double timed(ceiling_work work, void *state, int threads, long rounds)
{
    double start = ceiling_now_s();
    work(state, threads, rounds);
    return ceiling_now_s() - start;
}

/* The first rounds also wake the CPU and raise its clock; they are not counted. */
static long choose_rounds(ceiling_work work, void *state, double repetition_s)
{
    for (long rounds = 1;;) {
        double taken = timed(work, state, 1, rounds);
        /* Being put aside while others run must not pass for work; it would have to happen twice. */
        if (taken >= repetition_s / 2 && taken < 10 * repetition_s)
            taken = fmin(taken, timed(work, state, 1, rounds));
        if (taken >= repetition_s / 2 || rounds >= LONG_MAX / 64)
            return rounds;
        rounds = (long)((double)rounds * fmin(fmax(repetition_s / fmax(taken, 1e-7), 2), 16));
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct rate ceiling_rate(ceiling_work work, void *state, int threads, double amount, double repetition_s)
{
    long rounds = choose_rounds(work, state, repetition_s);
    double rates[REPETITIONS], begun = ceiling_now_s();
    int count = 0;
    timed(work, state, threads, 1 + rounds / 8);
    while (count < REPETITIONS && (count < FEWEST || ceiling_now_s() - begun < PATIENCE_S))
        rates[count++] = amount * threads * (double)rounds / timed(work, state, threads, rounds);
    qsort(rates, (size_t)count, sizeof *rates, ascending);
    return (struct rate){.median = rates[count / 2], .low = rates[0], .high = rates[count - 1]};
}

void ceiling_put(struct machine *machine, const char *name, struct rate rate, double unit)
{
    machine_add_ceiling(machine, name, rate.median / unit, rate.low / unit, rate.high / unit);
}

int ceiling_threads(const struct machine *machine)
{
    int threads = machine->cpu.usable_threads > 0 ? machine->cpu.usable_threads : 1;
    if (isfinite(machine->cpu.quota) && machine->cpu.quota < threads)
        threads = machine->cpu.quota < 1 ? 1 : (int)machine->cpu.quota;
    return threads;
}
