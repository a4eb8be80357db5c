/* The arithmetic peak by running it: each loop on one thread and on all. */
#include "probes/ceilings/peak.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "probes/ceilings/repeat.h"
#include "probes/isa.h"
#include "probes/probe.h"

extern const struct peak_loop peak_plain_f32;
#if defined(__x86_64__)
extern const struct peak_loop peak_avx2_f32, peak_avx_vnni_int8, peak_avx512_f32, peak_avx512_bf16, peak_avx512_int8,
    peak_amx_bf16, peak_amx_int8;
#elif defined(__aarch64__)
extern const struct peak_loop peak_neon_f32, peak_neon_bf16, peak_neon_dotprod, peak_neon_i8mm;
#endif

const struct peak_loop *const peak_loops[] = {
    &peak_plain_f32,
#if defined(__x86_64__)
    &peak_avx2_f32,
    &peak_avx_vnni_int8,
    &peak_avx512_f32,
    &peak_avx512_bf16,
    &peak_avx512_int8,
    &peak_amx_bf16,
    &peak_amx_int8,
#elif defined(__aarch64__)
    &peak_neon_f32,
    &peak_neon_bf16,
    &peak_neon_dotprod,
    &peak_neon_i8mm,
#endif
    NULL,
};

struct peak_state {
    const struct peak_loop *loop;
    float sink;
};

static void work(void *state, int threads, long rounds)
{
    struct peak_state *peak = state;
    float sum = 0;
    if (threads == 1) {
        peak->sink += peak->loop->run(rounds);
        return;
    }
#pragma omp parallel num_threads(threads) reduction(+ : sum)
    sum += peak->loop->run(rounds);
    peak->sink += sum;
}

static struct rate measure_loop(const struct peak_loop *loop, int threads)
{
    struct peak_state peak = {.loop = loop};
    return ceiling_rate(work, &peak, threads, loop->operations, 0.012);
}

static void measure(struct machine *machine)
{
    static const char *const names[] = {"f32", "bf16", "int8"};
    static const char *const units[] = {"gflops", "gflops", "gops"};
    unsigned isa = isa_flags();
    int threads = ceiling_threads(machine);
    struct rate best[3] = {0};
    const struct peak_loop *best_loop[3] = {0};
    for (size_t i = 0; peak_loops[i]; i++) {
        const struct peak_loop *loop = peak_loops[i];
        if ((isa & loop->isa) != loop->isa)
            continue;
        struct rate all = measure_loop(loop, threads);
        char name[48];
        snprintf(name, sizeof name, "peak_%s_%s_%s", names[loop->kind], loop->name, units[loop->kind]);
        ceiling_put(machine, name, all, 1e9);
        if (all.median > best[loop->kind].median) {
            best[loop->kind] = all;
            best_loop[loop->kind] = loop;
        }
    }
    for (int kind = 0; kind < 3; kind++) {
        char name[48];
        if (!best_loop[kind])
            continue;
        snprintf(name, sizeof name, "peak_%s_%s", names[kind], units[kind]);
        ceiling_put(machine, name, best[kind], 1e9);
        snprintf(name, sizeof name, "peak_%s_1t_%s", names[kind], units[kind]);
        ceiling_put(machine, name, measure_loop(best_loop[kind], 1), 1e9);
    }
}

const struct ceiling_probe ceiling_peak = {
    .name = "peak",
    .help = "multiply-add peak of every instruction set for f32, bf16 and int8, on one thread and on all",
    .measure = measure,
};
