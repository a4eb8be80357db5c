/* Lifetimes, memory sharing, and the layout of the arena:
 *
 *   | weights, buffers | optimizer | KV cache | inputs | what lives between nodes | workspace |
 *
 * A tensor lives from the node that makes it to the last that reads it. Tensors that alias one another are one piece of
 * storage; an op that may work in place takes over its input's storage when nobody reads it later. What lives between
 * nodes has its places found by place.h. */
#include "models/graph/plan.h"

#include <stdlib.h>
#include <string.h>

#include "models/graph/alike.h"
#include "models/graph/op.h"
#include "models/graph/place.h"

/* A cache line, and what the widest vector loads like. */
enum { ALIGNMENT = 64 };

struct lifetime {
    int first, last; /* node indices; first > last: never used */
    size_t bytes;
};

struct planner {
    const struct graph *graph;
    struct plan *plan;
    int *storage;               /* [tensors] the tensor whose memory each one uses */
    struct lifetime *lifetimes; /* [tensors], meaningful for storages */
    int *transients;            /* the storages that live between nodes */
    struct piece *pieces;       /* of them */
    int transient_count;
};

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void extend(struct lifetime *lifetime, int first, int last)
{
    if (first < lifetime->first)
        lifetime->first = first;
    if (last > lifetime->last)
        lifetime->last = last;
}

static void find_lifetimes(struct planner *planner)
{
    const struct graph *graph = planner->graph;
    for (int t = 0; t < graph->tensor_count; t++) {
        planner->storage[t] = tensor_storage(graph, t);
        planner->lifetimes[t] = (struct lifetime){graph->node_count, -1, aligned(tensor_bytes(&graph->tensors[t]))};
    }
    for (int n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        for (int i = 0; i < node->output_count; i++)
            extend(&planner->lifetimes[planner->storage[node->outputs[i]]], n, n);
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i] != NO_TENSOR)
                extend(&planner->lifetimes[planner->storage[node->inputs[i]]], n, n);
    }
    for (int t = 0; t < graph->tensor_count; t++)
        if (graph->tensors[t].kept || t == graph->loss || t == graph->output)
            planner->lifetimes[planner->storage[t]].last = graph->node_count;
}

/* The tensor whose memory `t` uses, through what took over from what. */
static int storage_of(const struct planner *planner, int t)
{
    while (planner->storage[t] != t)
        t = planner->storage[t];
    return t;
}

/* Does the node also read that memory as an input which the op needs whole until its end? (A residual's gradient is
 * accumulated onto and multiplied by the same linear layer.) */
static bool is_read_besides(const struct planner *planner, const struct node *node, int storage)
{
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != NO_TENSOR && !(node->op->in_place >> i & 1) &&
            storage_of(planner, node->inputs[i]) == storage)
            return true;
    return false;
}

/* May node n's output 0 live in its input's memory? Only when that memory is transient and read for the last time. */
static bool can_take_over(const struct planner *planner, int n, int input, int output)
{
    const struct graph *graph = planner->graph;
    int from = storage_of(planner, input), to = storage_of(planner, output);
    const struct lifetime *old = &planner->lifetimes[from];
    return from != to && !graph->tensors[from].persistent && old->last == n && old->first < n &&
           old->bytes == planner->lifetimes[to].bytes && !is_read_besides(planner, &graph->nodes[n], from);
}

static void share_in_place(struct planner *planner)
{
    const struct graph *graph = planner->graph;
    for (int n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        if (!node->op->in_place || !node->output_count)
            continue;
        int output = node->outputs[0];
        if (planner->storage[output] != output)
            continue; /* a view of something else already */
        for (int i = 0; i < node->input_count; i++) {
            int input = node->inputs[i];
            if (input == NO_TENSOR || !(node->op->in_place >> i & 1) || !can_take_over(planner, n, input, output))
                continue;
            int from = storage_of(planner, input);
            planner->lifetimes[from].last = planner->lifetimes[output].last;
            planner->storage[output] = from;
            break;
        }
    }
    for (int t = 0; t < graph->tensor_count; t++)
        planner->storage[t] = storage_of(planner, t);
}

/* Persistent tensors of the roles in `roles` one after the other; returns their bytes. */
static size_t lay_persistent(struct planner *planner, unsigned roles)
{
    const struct graph *graph = planner->graph;
    size_t start = planner->plan->arena_bytes;
    for (int t = 0; t < graph->tensor_count; t++) {
        const struct tensor *tensor = &graph->tensors[t];
        if (!tensor->persistent || planner->storage[t] != t || !(roles >> tensor->role & 1))
            continue;
        planner->plan->offsets[t] = planner->plan->arena_bytes;
        planner->plan->arena_bytes += planner->lifetimes[t].bytes;
    }
    return planner->plan->arena_bytes - start;
}

/* Places what lives between nodes, behind what is there already; false without memory. */
static bool lay_transients(struct planner *planner, size_t *span)
{
    const struct graph *graph = planner->graph;
    for (int t = 0; t < graph->tensor_count; t++) {
        const struct lifetime *lifetime = &planner->lifetimes[t];
        if (planner->storage[t] != t || graph->tensors[t].persistent || lifetime->last < 0)
            continue;
        planner->transients[planner->transient_count] = t;
        planner->pieces[planner->transient_count++] =
            (struct piece){.bytes = lifetime->bytes, .first = lifetime->first, .last = lifetime->last};
    }
    if (!place_pieces(planner->pieces, planner->transient_count, span))
        return false;
    for (int i = 0; i < planner->transient_count; i++)
        planner->plan->offsets[planner->transients[i]] = planner->plan->arena_bytes + planner->pieces[i].offset;
    return true;
}

/* The share of weights' gradients in the span: what they take at the node where most is alive. */
static size_t gradient_share(const struct planner *planner, const bool *is_gradient)
{
    int nodes = planner->graph->node_count;
    size_t most = 0, share = 0;
    ptrdiff_t *change = calloc((size_t)(nodes + 2) * 2, sizeof *change);
    if (!change)
        return 0;
    ptrdiff_t *gradients = change + nodes + 2, alive = 0, alive_gradients = 0;
    for (int i = 0; i < planner->transient_count; i++) {
        int t = planner->transients[i];
        const struct lifetime *lifetime = &planner->lifetimes[t];
        int end = lifetime->last < nodes ? lifetime->last + 1 : nodes + 1;
        change[lifetime->first] += (ptrdiff_t)lifetime->bytes;
        change[end] -= (ptrdiff_t)lifetime->bytes;
        if (is_gradient[t]) {
            gradients[lifetime->first] += (ptrdiff_t)lifetime->bytes;
            gradients[end] -= (ptrdiff_t)lifetime->bytes;
        }
    }
    for (int n = 0; n < nodes; n++) {
        alive += change[n];
        alive_gradients += gradients[n];
        if ((size_t)alive > most) {
            most = (size_t)alive;
            share = (size_t)alive_gradients;
        }
    }
    free(change);
    return share;
}

/* Marks the storages that hold a weight's gradient: what optimizer steps read, or what was kept to be looked at. */
static void mark_gradients(const struct planner *planner, bool *is_gradient)
{
    const struct graph *graph = planner->graph;
    for (int n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].phase == PHASE_OPTIMIZER)
            is_gradient[planner->storage[graph->nodes[n].inputs[1]]] = true;
    for (int t = 0; t < graph->tensor_count; t++)
        if (graph->tensors[t].kept)
            is_gradient[planner->storage[t]] = true;
}

/* Of nodes that are alike one is asked. */
static size_t largest_workspace(const struct graph *graph, const int *alike, int threads)
{
    size_t largest = 0;
    for (int n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        if (!node->op->workspace || alike[n] != n)
            continue;
        size_t bytes = node->op->workspace(graph, node, threads);
        if (bytes > largest)
            largest = bytes;
    }
    return aligned(largest);
}

static bool lay_out(struct planner *planner, const int *alike, bool *is_gradient)
{
    struct plan *plan = planner->plan;
    size_t span;
    plan->weights_bytes = lay_persistent(planner, 1 << ROLE_WEIGHT | 1 << ROLE_BUFFER);
    plan->optimizer_bytes = lay_persistent(planner, 1 << ROLE_OPTIMIZER);
    plan->kv_cache_bytes = lay_persistent(planner, 1 << ROLE_KV_CACHE);
    plan->inputs_bytes = lay_persistent(planner, 1 << ROLE_INPUT);
    if (!lay_transients(planner, &span))
        return false;
    mark_gradients(planner, is_gradient);
    plan->gradients_bytes = gradient_share(planner, is_gradient);
    plan->activations_bytes = plan->inputs_bytes + span - plan->gradients_bytes;
    plan->arena_bytes += span;
    plan->workspace_offset = plan->arena_bytes;
    plan->workspace_bytes = largest_workspace(planner->graph, alike, plan->threads);
    plan->arena_bytes += plan->workspace_bytes;
    for (size_t t = 0; t < plan->tensor_count; t++)
        plan->offsets[t] = plan->offsets[planner->storage[t]];
    return true;
}

bool plan_make_alike(const struct graph *graph, const int *alike, int threads, struct plan *plan, struct error *error)
{
    size_t count = (size_t)graph->tensor_count + 1;
    *plan = (struct plan){.threads = threads, .tensor_count = (size_t)graph->tensor_count};
    plan->offsets = calloc(count, sizeof *plan->offsets);
    struct planner planner = {.graph = graph,
                              .plan = plan,
                              .storage = malloc(count * sizeof(int)),
                              .lifetimes = malloc(count * sizeof(struct lifetime)),
                              .transients = malloc(count * sizeof(int)),
                              .pieces = malloc(count * sizeof(struct piece))};
    bool *is_gradient = calloc(count, sizeof *is_gradient);
    bool right =
        plan->offsets && planner.storage && planner.lifetimes && planner.transients && planner.pieces && is_gradient;
    if (right) {
        find_lifetimes(&planner);
        share_in_place(&planner);
        right = lay_out(&planner, alike, is_gradient);
    }
    if (!right) {
        error_set(error, ERROR_SYSTEM, "out of memory for the memory plan");
        plan_free(plan);
    }
    free(planner.storage);
    free(planner.lifetimes);
    free(planner.transients);
    free(planner.pieces);
    free(is_gradient);
    return right;
}

bool plan_make(const struct graph *graph, int threads, struct plan *plan, struct error *error)
{
    int *alike = malloc(((size_t)graph->node_count + 1) * sizeof *alike);
    bool right = (alike && graph_find_alike(graph, alike)) ||
                 error_set(error, ERROR_SYSTEM, "out of memory for the memory plan");
    *plan = (struct plan){0};
    right = right && plan_make_alike(graph, alike, threads, plan, error);
    free(alike);
    return right;
}

void plan_free(struct plan *plan)
{
    free(plan->offsets);
    *plan = (struct plan){0};
}
