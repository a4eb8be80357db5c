#include "harness/run/eviction.h"

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/run/clock.h"
#include "models/graph/cost.h"

/* Where the system doesn't tell the last cache: more than most machines'. */
static const double USUAL_CACHE_BYTES = 64 << 20;

static double last_cache_bytes(void)
{
    long last = sysconf(_SC_LEVEL4_CACHE_SIZE);
    if (last <= 0)
        last = sysconf(_SC_LEVEL3_CACHE_SIZE);
    return last > 0 ? (double)last : USUAL_CACHE_BYTES;
}

/* NaN when it can't be built. */
static double step_bytes(const struct model_case *one, struct error *error)
{
    struct graph *graph = case_build_shapes(one, error);
    if (!graph)
        return NAN;
    struct cost cost = graph_cost(graph);
    graph_free(graph);
    return cost.bytes_read + cost.bytes_written;
}

bool eviction_make(const struct model_case *one, int threads, struct eviction *eviction, struct error *error)
{
    *eviction = (struct eviction){.threads = threads};
    if (!one->layers)
        return true;
    struct model_case whole = *one;
    whole.layers = 0;
    eviction->absent_bytes = step_bytes(&whole, error) - step_bytes(one, error);
    if (isnan(eviction->absent_bytes))
        return false;
    double size = fmin(eviction->absent_bytes, last_cache_bytes());
    if (size < 1)
        return true;
    void *bytes = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        return error_set(error, ERROR_SYSTEM, "not enough memory for the bytes of the layers that aren't run");
    madvise(bytes, (size_t)size, MADV_HUGEPAGE);
    memset(bytes, 1, (size_t)size); /* untouched pages are all the same page */
    eviction->bytes = bytes;
    eviction->size = (size_t)size;
    return true;
}

void eviction_run(void *state)
{
    const struct eviction *eviction = state;
    enum { LINE = 64 };
    uint64_t sum = 0;
#pragma omp parallel for num_threads(eviction->threads) schedule(static) reduction(+ : sum)
    for (size_t at = 0; at < eviction->size; at += LINE)
        sum += eviction->bytes[at];
    static volatile uint64_t kept; /* so that the reading isn't left out */
    kept = sum;
    (void)kept;
}

struct op_time eviction_op(struct eviction *eviction)
{
    double from = clock_now_s();
    eviction_run(eviction);
    return (struct op_time){.op = OP_EVICTION,
                            .dtype = DTYPE_F32,
                            .bytes = eviction->absent_bytes,
                            .count = 1,
                            .seconds = clock_now_s() - from};
}

void eviction_free(struct eviction *eviction)
{
    if (eviction->bytes)
        munmap(eviction->bytes, eviction->size);
    *eviction = (struct eviction){0};
}
