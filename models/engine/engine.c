/* The executor: one arena, one walk over the nodes. */
#include "models/engine/engine.h"

#include <errno.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "harness/base/sizes.h"
#include "models/engine/generate.h"
#include "models/engine/values.h"
#include "models/graph/op.h"
#include "models/kernels/row_streams.h"

/* The arena starts at a huge page and asks for them: a step touches gigabytes. */
#define HUGE_PAGE ((size_t)2 << 20)
#define SMALL_PAGE ((size_t)4096)

struct engine {
    const struct graph *graph;
    const struct plan *plan;
    struct call *calls; /* [node_count]: every pointer is known before the first step */
    char *mapping, *arena;
    size_t mapping_bytes;
    uint64_t step;
};

static bool map_arena(struct engine *engine, struct error *error)
{
    size_t bytes = engine->plan->arena_bytes;
    engine->mapping_bytes = bytes + HUGE_PAGE;
    void *mapping =
        mmap(NULL, engine->mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return error_set(error, ERROR_SYSTEM, "%zu bytes of memory can't be had: %s", bytes, strerror(errno));
    engine->mapping = mapping;
    engine->arena = (char *)(((uintptr_t)mapping + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
    /* The last huge page is left in small ones, so that no more than the plan's bytes become resident. */
    size_t whole = bytes / HUGE_PAGE * HUGE_PAGE;
    if (whole)
        madvise(engine->arena, whole, MADV_HUGEPAGE);
    return true;
}

/* Makes the small pages within [from, end) of the arena resident; new ones are zeros. */
static void touch_pages(const struct engine *engine, size_t from, size_t end)
{
    for (size_t at = round_up(from, SMALL_PAGE); at < end; at += SMALL_PAGE)
        ((volatile char *)engine->arena)[at] = 0;
}

/* A page lies on the NUMA node of the thread that touches it first. Matrices are touched by the threads that read
 * those rows when each weight is read once (row_streams.h), which is when memory's distance counts; the rest by equal
 * parts. A huge page that two shares have in common is whose comes first. */
static void touch(struct engine *engine, int threads)
{
    const struct graph *graph = engine->graph;
    size_t bytes = engine->plan->arena_bytes, pages = quotient_up(bytes, HUGE_PAGE);
#pragma omp parallel num_threads(threads)
    {
        for (int t = 0; t < graph->tensor_count; t++) {
            const struct tensor *tensor = &graph->tensors[t];
            if (!tensor->persistent || tensor->rank != 2 || tensor_storage(graph, t) != t)
                continue;
            size_t rows = (size_t)tensor->dims[0], whole = tensor_bytes(tensor), at = engine->plan->offsets[t];
            struct row_streams share = row_streams_of(rows, omp_get_thread_num(), omp_get_num_threads());
            if (share.first < share.end)
                touch_pages(engine, at + whole / rows * share.first, at + whole / rows * share.end);
        }
#pragma omp barrier
#pragma omp for schedule(static)
        for (size_t page = 0; page < pages; page++) {
            size_t first = page * HUGE_PAGE;
            touch_pages(engine, first, first + least(bytes - first, HUGE_PAGE));
        }
    }
}

static struct call call_of(const struct engine *engine, const struct node *node, const struct engine_options *options)
{
    struct call call = {.graph = engine->graph,
                        .node = node,
                        .workspace = engine->arena + engine->plan->workspace_offset,
                        .threads = options->threads,
                        .reference = options->reference};
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != NO_TENSOR)
            call.inputs[i] = engine->arena + engine->plan->offsets[node->inputs[i]];
    for (int i = 0; i < node->output_count; i++)
        call.outputs[i] = engine->arena + engine->plan->offsets[node->outputs[i]];
    return call;
}

struct engine *engine_open(const struct graph *graph, const struct plan *plan, const struct engine_options *options,
                           struct error *error)
{
    struct engine *engine = calloc(1, sizeof *engine);
    size_t nodes = (size_t)graph->node_count + 1;
    if (engine)
        *engine = (struct engine){.graph = graph, .plan = plan, .calls = calloc(nodes, sizeof *engine->calls)};
    if (!engine || !engine->calls) {
        error_set(error, ERROR_SYSTEM, "out of memory for the engine");
        engine_close(engine);
        return NULL;
    }
    if (!map_arena(engine, error)) {
        engine_close(engine);
        return NULL;
    }
    touch(engine, options->threads);
    for (int n = 0; n < graph->node_count; n++)
        engine->calls[n] = call_of(engine, &graph->nodes[n], options);
    for (int t = 0; t < graph->tensor_count; t++)
        if (graph->tensors[t].persistent && tensor_storage(graph, t) == t)
            generate_tensor(graph, t, engine->arena + plan->offsets[t], options->threads, options->repeats);
    return engine;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void run_node(struct engine *engine, int index)
{
    struct call *call = &engine->calls[index];
    call->step = engine->step;
    if (call->node->op->run)
        call->node->op->run(call);
}

void engine_begin_step(struct engine *engine)
{
    engine->step++;
}

void engine_run_node(struct engine *engine, int node, bool reference)
{
    bool usual = engine->calls[node].reference;
    engine->calls[node].reference = reference;
    run_node(engine, node);
    engine->calls[node].reference = usual;
}

const struct call *engine_call(const struct engine *engine, int node)
{
    return &engine->calls[node];
}

void engine_step(struct engine *engine)
{
    engine_begin_step(engine);
    for (int n = 0; n < engine->graph->node_count; n++)
        run_node(engine, n);
}

void engine_step_timed(struct engine *engine, double *seconds)
{
    engine_begin_step(engine);
    double before = now();
    for (int n = 0; n < engine->graph->node_count; n++) {
        run_node(engine, n);
        double after = now();
        seconds[n] = after - before;
        before = after;
    }
}

double engine_loss(const struct engine *engine)
{
    int loss = engine->graph->loss;
    return loss == NO_TENSOR ? NAN : (double)*(const float *)(engine->arena + engine->plan->offsets[loss]);
}

void *engine_tensor(struct engine *engine, int tensor)
{
    return engine->arena + engine->plan->offsets[tensor];
}

void engine_read(struct engine *engine, int tensor, float *out)
{
    const struct tensor *description = &engine->graph->tensors[tensor];
    values_read(description->dtype, engine_tensor(engine, tensor), 0, (size_t)tensor_elements(description), out);
}

void engine_write(struct engine *engine, int tensor, const float *in)
{
    const struct tensor *description = &engine->graph->tensors[tensor];
    values_write(description->dtype, in, 0, (size_t)tensor_elements(description), engine_tensor(engine, tensor));
}

void engine_close(struct engine *engine)
{
    if (!engine)
        return;
    if (engine->mapping)
        munmap(engine->mapping, engine->mapping_bytes);
    free(engine->calls);
    free(engine);
}
