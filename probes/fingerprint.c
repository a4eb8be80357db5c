/* The fingerprint: what a series of measurements of one machine is kept under. It holds the hardware alone, and of that
 * only what stands still between boots and under any container's limits. */
#include "probes/fingerprint.h"

#include <stdio.h>

#include "harness/base/random.h"
#include "harness/base/text.h"

/* Firmware and kernel keep a few per cent of the installed memory, not always the same few megabytes. Rounding up to an
 * eighth of the power of two below lands on the installed size: 23.5 GiB -> 24 GiB, 15.4 GiB -> 16 GiB. */
uint64_t fingerprint_round_memory(uint64_t bytes)
{
    uint64_t power = 8;
    while (power <= bytes / 2)
        power *= 2;
    uint64_t step = power / 8;
    return bytes / step * step + (bytes % step ? step : 0);
}

void fingerprint_set(struct machine *machine)
{
    struct text text = {0};
    const struct cpu *cpu = &machine->cpu;
    text_printf(&text, "cpu %s|%s|%d|%d|%d\n", cpu->vendor, cpu->model, cpu->packages, cpu->cores, cpu->threads);
    for (size_t i = 0; i < cpu->kind_count; i++)
        text_printf(&text, "kind %d\n", cpu->kinds[i].threads);
    for (size_t i = 0; i < machine->cache_count; i++) {
        const struct cache *cache = &machine->caches[i];
        text_printf(&text, "cache %d %s %llu %d %d\n", cache->level, cache->type, (unsigned long long)cache->size_bytes,
                    cache->shared_by_threads, cache->count);
    }
    if (machine->memory.total_known)
        text_printf(&text, "memory %llu\n", (unsigned long long)fingerprint_round_memory(machine->memory.total_bytes));
    for (size_t i = 0; i < machine->gpu_count; i++) {
        const struct gpu *gpu = &machine->gpus[i];
        text_printf(&text, "gpu %s %llu\n", gpu->name,
                    gpu->memory_known ? (unsigned long long)fingerprint_round_memory(gpu->memory_bytes) : 0ull);
    }
    snprintf(machine->fingerprint, sizeof machine->fingerprint, "%016llx%016llx",
             (unsigned long long)random_key(1, text_string(&text)),
             (unsigned long long)random_key(2, text_string(&text)));
    text_free(&text);
}
