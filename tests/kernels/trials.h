/* How many random trials a test makes. */
#ifndef TEST_KERNELS_TRIALS_H
#define TEST_KERNELS_TRIALS_H

#include <stdlib.h>

/* So many random trials, or one in BENCHMARK_TRIALS_DIVISOR of them: emulators and sanitizers are slow, and it is other
 * faults that they are there to find. */
static inline int trials(int all)
{
    const char *divisor = getenv("BENCHMARK_TRIALS_DIVISOR");
    long value = divisor ? strtol(divisor, NULL, 10) : 1;
    return value > 1 ? (int)((all + value - 1) / value) : all;
}

#endif
