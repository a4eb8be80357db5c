/* The memory plan: every tensor's lifetime laid into one arena, before anything is allocated. The plan is the
 * allocator: the engine maps `arena_bytes` once and uses the offsets, so planned bytes are what is used. */
#ifndef GRAPH_PLAN_H
#define GRAPH_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "models/graph/graph.h"

struct plan {
    size_t *offsets; /* [tensor_count] bytes from the arena's start; owned */
    size_t tensor_count;
    size_t arena_bytes;                                    /* the sum of the parts below */
    size_t weights_bytes, kv_cache_bytes, optimizer_bytes; /* persistent */
    size_t inputs_bytes;
    size_t activations_bytes; /* inputs and the peak of what lives between nodes, gradients of activations included */
    size_t gradients_bytes;   /* of weights: their share of that peak */
    size_t workspace_bytes;   /* the largest node's packing space, laid after everything else */
    size_t workspace_offset;
    int threads;
};

/* threads: workspaces depend on it. */
bool plan_make(const struct graph *graph, int threads, struct plan *plan, struct error *error);
/* The same where it is known already which nodes are alike (alike.h). */
bool plan_make_alike(const struct graph *graph, const int *alike, int threads, struct plan *plan, struct error *error);
void plan_free(struct plan *plan);

#endif
