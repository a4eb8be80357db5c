/* Rows of 256 bytes read at random places of memory, as an embedding lookup reads them. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "harness/base/random.h"
#include "probes/ceilings/repeat.h"
#include "probes/ceilings/stream.h"
#include "probes/probe.h"

enum { ROW_FLOATS = 64, ROWS_PER_ROUND = 256 };

struct table {
    float *memory;
    uint32_t rows;
    int threads;
    uint64_t key;
    float sink;
};

static float gather(const struct table *table, uint64_t key, long rounds)
{
    const struct stream_loops *loops = stream_loops();
    float sum = 0;
    for (uint64_t i = 0; i < (uint64_t)rounds * ROWS_PER_ROUND; i++)
        sum += loops->read(table->memory + (size_t)random_below(key, i, table->rows) * ROW_FLOATS, ROW_FLOATS / 16);
    return sum;
}

static void work(void *state, int threads, long rounds)
{
    struct table *table = state;
    float sink = 0;
    /* Another key each time: the same places again would be in a cache. */
    table->key = random_mix(table->key);
    if (threads == 1) {
        table->sink += gather(table, table->key, rounds);
        return;
    }
#pragma omp parallel num_threads(threads) reduction(+ : sink)
    sink += gather(table, random_mix(table->key + (uint64_t)omp_get_thread_num()), rounds);
    table->sink += sink;
}

static void measure(struct machine *machine)
{
    uint64_t room = machine->memory.available_known ? machine->memory.available_bytes / 4 : (uint64_t)256 << 20;
    size_t bytes = (size_t)1 << 30;
    while (bytes > room && bytes > 1 << 20)
        bytes /= 2;
    struct table table = {
        .rows = (uint32_t)(bytes / sizeof(float) / ROW_FLOATS), .threads = ceiling_threads(machine), .key = 1};
    table.memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (table.memory == MAP_FAILED)
        return;
    madvise(table.memory, bytes, MADV_HUGEPAGE);
    size_t part = bytes / (size_t)table.threads;
#pragma omp parallel num_threads(table.threads)
    memset((char *)table.memory + (size_t)omp_get_thread_num() * part, 0, part);
    double amount = (double)ROWS_PER_ROUND * ROW_FLOATS * sizeof(float);
    ceiling_put(machine, "gather_gbs", ceiling_rate(work, &table, table.threads, amount, 0.02), 1e9);
    munmap(table.memory, bytes);
}

const struct ceiling_probe ceiling_gather = {
    .name = "gather",
    .help = "rows of 256 bytes at random places of memory",
    .measure = measure,
};
