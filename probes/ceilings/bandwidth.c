/* Bandwidth of reading, writing, copying and the triad: from each cache level and from memory, on all threads; from
 * memory also on one thread and on doubling numbers of them. Every thread has its own part, which it touched first. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "probes/ceilings/repeat.h"
#include "probes/ceilings/stream.h"
#include "probes/isa.h"
#include "probes/probe.h"

extern const struct stream_loops stream_plain;
#if defined(__x86_64__)
extern const struct stream_loops stream_avx2, stream_avx512;
#endif

const struct stream_loops *stream_loops(void)
{
#if defined(__x86_64__)
    unsigned isa = isa_flags();
    if (isa & ISA_AVX512F)
        return &stream_avx512;
    if (isa & ISA_AVX2)
        return &stream_avx2;
#endif
    return &stream_plain;
}

static const struct {
    const char *name;
    int arrays; /* that take part */
} kinds[STREAM_KINDS] = {{"read", 1}, {"write", 1}, {"copy", 2}, {"triad", 3}};

enum { HUGE = 2 << 20, LINE = 64 };

struct field {
    float *memory;
    size_t bytes;       /* of the allocation, split evenly among the threads */
    size_t part_bytes;  /* of each thread */
    size_t array_bytes; /* that each thread works on, times the arrays of the kind */
    int threads;
    enum stream_kind kind;
    float sink;
};

static void move(struct field *field, int thread, long rounds, float *sink)
{
    const struct stream_loops *loops = stream_loops();
    size_t stride = field->array_bytes / sizeof(float), count = field->array_bytes / LINE;
    float *a = field->memory + (size_t)thread * field->part_bytes / sizeof(float), *b = a + stride, *c = b + stride;
    for (long i = 0; i < rounds; i++)
        switch (field->kind) {
        case STREAM_READ:
            *sink += loops->read(a, count);
            break;
        case STREAM_WRITE:
            loops->write(a, (float)i, count);
            break;
        case STREAM_COPY:
            loops->copy(a, b, count);
            break;
        default:
            loops->triad(a, b, c, 0.5f, count);
        }
}

static void work(void *state, int threads, long rounds)
{
    struct field *field = state;
    float sink = 0;
    if (threads == 1) {
        move(field, 0, rounds, &field->sink);
        return;
    }
#pragma omp parallel num_threads(threads) reduction(+ : sink)
    move(field, omp_get_thread_num(), rounds, &sink);
    field->sink += sink;
}

/* `footprint` bytes for each thread, over all arrays that take part. */
static void measure_kind(struct machine *machine, struct field *field, enum stream_kind kind, size_t footprint,
                         const char *suffix, double repetition_s)
{
    char name[48];
    int arrays = kinds[kind].arrays;
    field->kind = kind;
    field->array_bytes = footprint / (size_t)arrays / 4096 * 4096;
    if (field->array_bytes < 4096)
        field->array_bytes = footprint / (size_t)arrays / LINE * LINE;
    snprintf(name, sizeof name, "%s%s_gbs", kinds[kind].name, suffix);
    ceiling_put(machine, name,
                ceiling_rate(work, field, field->threads, (double)field->array_bytes * arrays, repetition_s), 1e9);
}

/* What one thread has of the data cache of a level: 0 when the level isn't known. */
static size_t cache_share(const struct machine *machine, int level)
{
    size_t least = 0;
    for (size_t i = 0; i < machine->cache_count; i++) {
        const struct cache *cache = &machine->caches[i];
        if (cache->level != level || strcmp(cache->type, "instruction") == 0 || cache->shared_by_threads < 1)
            continue;
        size_t share = cache->size_bytes / (size_t)cache->shared_by_threads;
        least = !least || share < least ? share : least;
    }
    return least;
}

static size_t total_last_level(const struct machine *machine)
{
    size_t total = 0;
    int last = 0;
    for (size_t i = 0; i < machine->cache_count; i++) {
        const struct cache *cache = &machine->caches[i];
        if (strcmp(cache->type, "instruction") == 0 || cache->level < last)
            continue;
        total = cache->level > last ? 0 : total;
        last = cache->level;
        total += cache->size_bytes * (size_t)cache->count;
    }
    return total;
}

/* Four times the last-level caches where the memory allows it; between 256 MiB and 1 GiB, since huge ones (a virtual
 * machine is shown its host's whole cache) would take all the time there is. */
static size_t choose_bytes(const struct machine *machine)
{
    size_t bytes = 4 * total_last_level(machine);
    uint64_t room = machine->memory.available_known ? machine->memory.available_bytes / 4 : (uint64_t)256 << 20;
    bytes = bytes < (size_t)256 << 20 ? (size_t)256 << 20 : bytes;
    bytes = bytes > (size_t)1 << 30 ? (size_t)1 << 30 : bytes;
    return bytes > room ? (size_t)room : bytes;
}

static void measure_caches(struct machine *machine, struct field *field)
{
    size_t below = 0;
    for (int level = 1; level <= 3; level++) {
        size_t share = cache_share(machine, level), footprint = share / 2;
        char suffix[8];
        /* Well above the level below, and of a last level no more than is surely ours. */
        if (below && footprint > 8 * below)
            footprint = 8 * below;
        if (!share || footprint <= below || footprint > field->part_bytes)
            continue;
        snprintf(suffix, sizeof suffix, "_l%d", level);
        for (int kind = 0; kind < STREAM_KINDS; kind++)
            measure_kind(machine, field, kind, footprint, suffix, 0.006);
        below = share;
    }
}

static void measure_memory(struct machine *machine, struct field *field, int threads)
{
    char suffix[24];
    for (int kind = 0; kind < STREAM_KINDS; kind++)
        measure_kind(machine, field, kind, field->part_bytes, "", 0.02);
    for (int fewer = 1; fewer < threads; fewer *= 2) {
        /* The same memory as all threads have together, so that caches hold no more of it. */
        field->threads = fewer;
        field->part_bytes = field->bytes / (size_t)fewer / HUGE * HUGE;
        snprintf(suffix, sizeof suffix, "_%dt", fewer);
        measure_kind(machine, field, STREAM_READ, field->part_bytes, suffix, 0.02);
        if (fewer == 1)
            measure_kind(machine, field, STREAM_TRIAD, field->part_bytes, suffix, 0.02);
    }
}

static void touch(struct field *field)
{
#pragma omp parallel num_threads(field->threads)
    memset((char *)field->memory + (size_t)omp_get_thread_num() * field->part_bytes, 0, field->part_bytes);
}

/* Reading the same through small pages: what huge ones are worth. Where the system gives none, there is nothing to
 * tell.
 */
static void measure_small_pages(struct machine *machine, struct field *field)
{
    if (!strcmp(machine->memory.transparent_huge_pages, "never") || !*machine->memory.transparent_huge_pages ||
        madvise(field->memory, field->bytes, MADV_DONTNEED) || madvise(field->memory, field->bytes, MADV_NOHUGEPAGE))
        return;
    field->threads = ceiling_threads(machine);
    field->part_bytes = field->bytes / (size_t)field->threads / HUGE * HUGE;
    touch(field);
    measure_kind(machine, field, STREAM_READ, field->part_bytes, "_small_pages", 0.02);
}

static void measure(struct machine *machine)
{
    struct field field = {.threads = ceiling_threads(machine), .bytes = choose_bytes(machine)};
    field.part_bytes = field.bytes / (size_t)field.threads / HUGE * HUGE;
    if (!field.part_bytes)
        return;
    field.bytes = field.part_bytes * (size_t)field.threads;
    field.memory = mmap(NULL, field.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (field.memory == MAP_FAILED)
        return;
    madvise(field.memory, field.bytes, MADV_HUGEPAGE);
    touch(&field);
    measure_caches(machine, &field);
    measure_memory(machine, &field, field.threads);
    measure_small_pages(machine, &field);
    munmap(field.memory, field.bytes);
}

const struct ceiling_probe ceiling_bandwidth = {
    .name = "bandwidth",
    .help = "reading, writing, copying, triad: from each cache and from memory, by threads",
    .measure = measure,
};
