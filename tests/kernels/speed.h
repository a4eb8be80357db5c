/* What programs that time kernels share: their arguments, memory to compute on, and contests in turns. */
#ifndef TEST_KERNELS_SPEED_H
#define TEST_KERNELS_SPEED_H

#include <omp.h>
#include <stdlib.h>

#include "harness/base/random.h"
#include "harness/run/clock.h"
#include "models/graph/dtype.h"

/* [threads [part of a shape's name [seconds per figure]]] */
struct speed_arguments {
    int threads;
    const char *part;
    double budget_s;
};

static inline struct speed_arguments speed_arguments(int count, char **words)
{
    struct speed_arguments arguments = {.threads = count > 1 ? atoi(words[1]) : omp_get_max_threads(),
                                        .part = count > 2 ? words[2] : "",
                                        .budget_s = count > 3 ? atof(words[3]) : 0.2};
    omp_set_num_threads(arguments.threads);
    return arguments;
}

static inline void *speed_buffer(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (!memory)
        exit(1);
    return memory;
}

/* Of f32 or bf16, between −½ and ½. */
static inline void *speed_random(enum dtype dtype, size_t count, const char *name)
{
    uint64_t key = random_key(1, name);
    void *memory = speed_buffer(count * 4);
    for (size_t i = 0; i < count; i++)
        if (dtype == DTYPE_F32)
            ((float *)memory)[i] = random_uniform(key, i) - 0.5f;
        else
            ((uint16_t *)memory)[i] = f32_to_bf16(random_uniform(key, i) - 0.5f);
    return memory;
}

/* Contestant i's best time in best_s[i]: calls take turns of an eighth of the budget that each has, so that a busy
 * machine disturbs them all alike. */
static inline void speed_contest(size_t count, double budget_s, void (*call)(const void *contest, size_t i),
                                 const void *contest, double *best_s)
{
    double used[count];
    for (size_t i = 0; i < count; i++) {
        best_s[i] = 1e30;
        used[i] = 0;
    }
    for (bool busy = count > 0; busy;) {
        busy = false;
        for (size_t i = 0; i < count; i++) {
            for (double turn_s = 0; used[i] < budget_s && turn_s < budget_s / 8;) {
                double start = clock_now_s();
                call(contest, i);
                double took = clock_now_s() - start;
                best_s[i] = took < best_s[i] ? took : best_s[i];
                used[i] += took;
                turn_s += took;
            }
            busy = busy || used[i] < budget_s;
        }
    }
}

#endif
