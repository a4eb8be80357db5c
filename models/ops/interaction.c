/* interaction: y[b,:] = (v₀[b,:], …, vᵢ[b,:] · vⱼ[b,:], …) for all pairs j < i, i outermost (Naumov et al. 2019)
 *
 *   inputs v₀, v₁, … [B,C] each, of one dtype;  y [B, C + n(n−1)/2]: the first vector itself, then all pairs' products
 *   dvᵢ[b,:] = Σ_j dy[b, pair(i,j)] · vⱼ[b,:], and dv₀ += dy[b, :C] */
#include <omp.h>

#include "models/kernels/recommender.h"
#include "models/ops/ops.h"

static bool infer_interaction(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor first = *node_input(graph, node, 0);
    for (int i = 0; i < node->input_count; i++) {
        const struct tensor *v = node_input(graph, node, i);
        if (v->rank != 2 || v->dtype != first.dtype || v->dims[0] != first.dims[0] || v->dims[1] != first.dims[1])
            return error_set(error, ERROR_INPUT, "takes vectors [B,C] of one shape and dtype");
    }
    size_t width = interaction_width((size_t)node->input_count, (size_t)first.dims[1]);
    return graph_output(graph, node, first.dtype, 2, (int64_t[]){first.dims[0], (int64_t)width}) != NO_TENSOR;
}

static const struct recommender_kernels *kernels_of(const struct call *call)
{
    return call->reference ? &recommender_reference : recommender_kernels();
}

/* Floats of one thread's room, a multiple of a cache line's. */
static size_t thread_room(const struct recommender_kernels *kernels, const struct tensor *vector, size_t count)
{
    return (kernels->interaction_workspace(count, (size_t)vector->dims[1]) + 15) / 16 * 16;
}

/* The vectors are inputs from 0 on; a gradient has dy behind them. */
static size_t workspace_interaction(const struct graph *graph, const struct node *node, int threads)
{
    return (size_t)threads * sizeof(float) *
           thread_room(recommender_kernels(), node_input(graph, node, 0), (size_t)node->input_count);
}

static struct interaction describe(const struct call *call, size_t count)
{
    const struct tensor *first = node_input(call->graph, call->node, 0);
    return (struct interaction){.vectors = (const void *const *)call->inputs,
                                .dtype = first->dtype,
                                .count = count,
                                .columns = (size_t)first->dims[1],
                                .last = (size_t)first->dims[0]};
}

/* This thread's samples of all; its room goes to *room. */
static struct interaction share(const struct call *call, const struct interaction *all, float **room)
{
    size_t threads = (size_t)omp_get_num_threads(), me = (size_t)omp_get_thread_num();
    struct interaction mine = *all;
    mine.first = all->last * me / threads;
    mine.last = all->last * (me + 1) / threads;
    *room = (float *)call->workspace +
            me * thread_room(kernels_of(call), node_input(call->graph, call->node, 0), all->count);
    return mine;
}

static void run_interaction(const struct call *call)
{
    const struct interaction all = describe(call, (size_t)call->node->input_count);
#pragma omp parallel num_threads(call->threads) if (all.last > 16)
    {
        float *room;
        const struct interaction mine = share(call, &all, &room);
        kernels_of(call)->interact(&mine, call->outputs[0], room);
    }
}

/* The first vector only moves. */
static struct cost cost_interaction(const struct graph *graph, const struct node *node)
{
    const struct tensor *v = node_input(graph, node, 0);
    double pairs = 0.5 * node->input_count * (node->input_count - 1);
    return (struct cost){.flops = 2 * pairs * (double)tensor_elements(v)};
}

static const struct op op_interaction_gradient;

static void gradient_interaction(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                 int *dx)
{
    (void)wanted;
    int inputs[MAX_INPUTS], count = node->input_count;
    for (int i = 0; i < count; i++)
        inputs[i] = node->inputs[i];
    inputs[count] = dy[0];
    int made = graph_append(graph, &op_interaction_gradient, node->name, inputs, count + 1, NULL);
    for (int i = 0; made != NO_NODE && i < count; i++)
        dx[i] = graph->nodes[made].outputs[i];
}

const struct op op_interaction = {.name = "interaction",
                                  .help = "dot products of all pairs of a sample's vectors",
                                  .infer = infer_interaction,
                                  .cost = cost_interaction,
                                  .gradient = gradient_interaction,
                                  .workspace = workspace_interaction,
                                  .run = run_interaction};

int build_interaction(struct graph *graph, const char *name, const int *vectors, int count)
{
    return node_first_output(graph, graph_append(graph, &op_interaction, name, vectors, count, NULL));
}

/* ---- gradient: an output for each vector ---- */

static bool infer_interaction_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor first = *node_input(graph, node, 0);
    for (int i = 0; i + 1 < node->input_count; i++)
        graph_output(graph, node, first.dtype, 2, first.dims);
    return true;
}

static void run_interaction_gradient(const struct call *call)
{
    size_t count = (size_t)call->node->input_count - 1;
    const struct interaction all = describe(call, count);
#pragma omp parallel num_threads(call->threads) if (all.last > 16)
    {
        float *room;
        const struct interaction mine = share(call, &all, &room);
        kernels_of(call)->interact_gradient(&mine, call->inputs[count], call->outputs, room);
    }
}

/* Each pair's gradient goes to both. */
static struct cost cost_interaction_gradient(const struct graph *graph, const struct node *node)
{
    double count = node->input_count - 1;
    return (struct cost){.flops = 2 * count * (count - 1) * (double)tensor_elements(node_input(graph, node, 0))};
}

static const struct op op_interaction_gradient = {.name = "interaction_gradient",
                                                  .help = "gradient of interaction",
                                                  .infer = infer_interaction_gradient,
                                                  .cost = cost_interaction_gradient,
                                                  .workspace = workspace_interaction,
                                                  .run = run_interaction_gradient};
