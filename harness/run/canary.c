#include "harness/run/canary.h"

#include "harness/run/clock.h"
#include "harness/stats/robust.h"

enum { FLOATS = 1 << 15, PASSES = 200, LANES = 16, REPETITIONS = 5 };

/* Sixteen independent sums over 128 KiB: enough work in flight to feel a busy sibling thread, a lowered clock or a
 * neighbour in the cache. */
static float work(const float *values, float scale)
{
    float sums[LANES] = {0};
    for (int pass = 0; pass < PASSES; pass++)
        for (int i = 0; i < FLOATS; i += LANES)
            for (int lane = 0; lane < LANES; lane++)
                sums[lane] = sums[lane] * scale + values[i + lane];
    float total = 0;
    for (int lane = 0; lane < LANES; lane++)
        total += sums[lane];
    return total;
}

double canary_run_s(int threads)
{
    static float values[FLOATS];
    double seconds[REPETITIONS];
    float total = 0;
    for (int i = 0; i < FLOATS; i++)
        values[i] = 1;
    for (int repetition = -1; repetition < REPETITIONS; repetition++) { /* the first warms up */
        double start = clock_now_s();
#pragma omp parallel for num_threads(threads) reduction(+ : total) schedule(static)
        for (int thread = 0; thread < threads; thread++)
            total += work(values, 0.5f);
        if (repetition >= 0)
            seconds[repetition] = clock_now_s() - start;
    }
    volatile float kept = total; /* the work's result must seem to matter */
    (void)kept;
    return stats_median(seconds, REPETITIONS);
}
