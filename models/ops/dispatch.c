/* dispatch: each row of x once for every expert that it goes to, sorted by expert
 *
 *   x [..., C], experts [..., k] i32;  rows [R·k, C], slots [..., k] i32, offsets [E + 1] i32
 *   rows[slots[r,j], :] = x[r, :];  expert e has the rows from offsets[e] to offsets[e + 1]
 *   dx[r, :] = Σ_j drows[slots[r,j], :]                    (combine without weights) */
#include <string.h>

#include "models/kernels/routing.h"
#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { X, EXPERTS };
enum { ROWS, SLOTS, OFFSETS };

static bool infer_dispatch(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X), experts = *node_input(graph, node, EXPERTS);
    int64_t count = node->attributes.dims[0];
    if (experts.dtype != DTYPE_I32 || tensor_rows(&experts) != tensor_rows(&x))
        return error_set(error, ERROR_INPUT, "has %lld rows and experts for %lld", (long long)tensor_rows(&x),
                         (long long)tensor_rows(&experts));
    if (count < 1 || count > ROUTING_MOST_EXPERTS || tensor_elements(&experts) > INT32_MAX)
        return error_set(error, ERROR_INPUT, "can't sort %lld choices among %lld experts; 1 to %d experts can be",
                         (long long)tensor_elements(&experts), (long long)count, ROUTING_MOST_EXPERTS);
    graph_output(graph, node, x.dtype, 2, (int64_t[]){tensor_elements(&experts), tensor_columns(&x)});
    graph_output(graph, node, DTYPE_I32, experts.rank, experts.dims);
    graph_output(graph, node, DTYPE_I32, 1, &(int64_t){count + 1});
    return true;
}

static void run_dispatch(const struct call *call)
{
    const struct tensor *x = node_input(call->graph, call->node, X);
    const struct tensor *experts = node_input(call->graph, call->node, EXPERTS);
    size_t count = (size_t)tensor_elements(experts), chosen = (size_t)tensor_columns(experts);
    size_t bytes = dtype_bytes(x->dtype, (size_t)tensor_columns(x));
    int32_t *slots = call->outputs[SLOTS];
    routing_sort(call->inputs[EXPERTS], count, (size_t)call->node->attributes.dims[0], slots, call->outputs[OFFSETS]);
#pragma omp parallel for schedule(static) num_threads(call->threads) if (count * bytes > PARALLEL_FROM * sizeof(float))
    for (size_t i = 0; i < count; i++)
        memcpy((char *)call->outputs[ROWS] + (size_t)slots[i] * bytes,
               (const char *)call->inputs[X] + i / chosen * bytes, bytes);
}

static void gradient_dispatch(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    if (wanted[X])
        dx[X] = build_combine(graph, node->name, dy[ROWS], NO_TENSOR, node->outputs[SLOTS]);
}

const struct op op_dispatch = {.name = "dispatch",
                               .help = "rows sorted by the experts that they go to",
                               .infer = infer_dispatch,
                               .gradient = gradient_dispatch,
                               .run = run_dispatch};

struct dispatched build_dispatch(struct graph *graph, const char *name, int x, int experts, int64_t expert_count)
{
    const struct attributes attributes = {.dims = {expert_count}};
    int made = graph_append(graph, &op_dispatch, name, (int[]){x, experts}, 2, &attributes);
    if (made == NO_NODE)
        return (struct dispatched){NO_TENSOR, NO_TENSOR, NO_TENSOR};
    const int *outputs = graph->nodes[made].outputs;
    return (struct dispatched){outputs[ROWS], outputs[SLOTS], outputs[OFFSETS]};
}
