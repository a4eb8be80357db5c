/* top_k: the experts that each row goes to, and the weights of what they make
 *
 *   p [..., E] f32, a router's softmax;  weights [..., k] f32, experts [..., k] i32, best first
 *   weights = p[experts], or with `renormalise` p[experts] / Σ p[experts]; `skew`, `key` and `position` as
 *   kernels/routing.h says.  dp is zero but at the chosen experts (Shazeer et al. 2017). */
#include "harness/base/random.h"
#include "models/kernels/routing.h"
#include "models/ops/ops.h"
#include "models/ops/storage.h"

/* Positions of a sequence, of which places in a batch are told apart. */
static const uint64_t MOST_POSITIONS = UINT64_C(1) << 24;

static bool infer_top_k(struct graph *graph, struct node *node, struct error *error)
{
    struct tensor p = *node_input(graph, node, 0);
    int64_t chosen = node->attributes.chosen, experts = tensor_columns(&p);
    if (p.dtype != DTYPE_F32 || experts > ROUTING_MOST_EXPERTS)
        return error_set(error, ERROR_INPUT, "takes f32 probabilities of at most %d experts, not %s of %lld",
                         ROUTING_MOST_EXPERTS, dtype_info(p.dtype)->name, (long long)experts);
    if (chosen < 1 || chosen > experts)
        return error_set(error, ERROR_INPUT, "can't choose %lld of %lld experts", (long long)chosen,
                         (long long)experts);
    p.dims[p.rank - 1] = chosen;
    graph_output(graph, node, DTYPE_F32, p.rank, p.dims);
    graph_output(graph, node, DTYPE_I32, p.rank, p.dims);
    return true;
}

static struct routing routing_of(const struct graph *graph, const struct node *node)
{
    return (struct routing){.experts = (size_t)tensor_columns(node_input(graph, node, 0)),
                            .chosen = (size_t)node->attributes.chosen,
                            .skew = node->attributes.skew,
                            .key = node->attributes.key,
                            .renormalise = node->attributes.renormalise};
}

static void run_top_k(const struct call *call)
{
    const struct tensor *p = node_input(call->graph, call->node, 0);
    const struct routing routing = routing_of(call->graph, call->node);
    size_t rows = (size_t)tensor_rows(p), length = p->rank > 2 ? (size_t)p->dims[p->rank - 2] : 1;
    uint64_t position = (uint64_t)call->node->attributes.position;
    double factors[ROUTING_MOST_EXPERTS];
    routing_factors(&routing, factors);
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * routing.experts > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r++)
        routing_choose(&routing, factors, (const float *)call->inputs[0] + r * routing.experts,
                       r / length * MOST_POSITIONS + position + r % length,
                       (float *)call->outputs[0] + r * routing.chosen,
                       (int32_t *)call->outputs[1] + r * routing.chosen);
}

/* A comparison with the least that is kept for each expert, and a division for each that is. */
static struct cost cost_top_k(const struct graph *graph, const struct node *node)
{
    double chosen = (double)tensor_elements(node_output(graph, node, 0));
    return (struct cost){.flops = (double)tensor_elements(node_input(graph, node, 0)) + chosen};
}

static const struct op op_top_k_gradient;

static void gradient_top_k(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    int inputs[] = {node->inputs[0], node->outputs[1], dy[0]};
    dx[0] = node_first_output(graph, graph_append(graph, &op_top_k_gradient, node->name, inputs, 3, &node->attributes));
}

const struct op op_top_k = {.name = "top_k",
                            .help = "the experts that a router chooses for each row, and their weights",
                            .infer = infer_top_k,
                            .cost = cost_top_k,
                            .gradient = gradient_top_k,
                            .run = run_top_k};

int build_top_k(struct graph *graph, const char *name, int probabilities, int64_t chosen, bool renormalise, float skew,
                int64_t position, int *experts)
{
    const struct attributes attributes = {.chosen = chosen,
                                          .renormalise = renormalise,
                                          .skew = skew,
                                          .position = position,
                                          .key = random_key(graph->seed, name)};
    int made = graph_append(graph, &op_top_k, name, &probabilities, 1, &attributes);
    *experts = made == NO_NODE ? NO_TENSOR : graph->nodes[made].outputs[1];
    return node_first_output(graph, made);
}

/* ---- gradient ---- */

enum { PROBABILITIES, EXPERTS, DWEIGHTS };

static bool infer_top_k_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor p = *node_input(graph, node, PROBABILITIES);
    return graph_output(graph, node, DTYPE_F32, p.rank, p.dims) != NO_TENSOR;
}

static void run_top_k_gradient(const struct call *call)
{
    const struct routing routing = routing_of(call->graph, call->node);
    size_t rows = (size_t)tensor_rows(node_input(call->graph, call->node, PROBABILITIES));
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * routing.experts > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r++)
        routing_choose_gradient(&routing, (const float *)call->inputs[PROBABILITIES] + r * routing.experts,
                                (const int32_t *)call->inputs[EXPERTS] + r * routing.chosen,
                                (const float *)call->inputs[DWEIGHTS] + r * routing.chosen,
                                (float *)call->outputs[0] + r * routing.experts);
}

static const struct op op_top_k_gradient = {
    .name = "top_k_gradient", .help = "gradient of top_k", .infer = infer_top_k_gradient, .run = run_top_k_gradient};
