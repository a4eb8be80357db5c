/* embedding_bag: y[b,:] = Σ_l table[indices[b,l], :], torch.nn.EmbeddingBag with mode "sum"
 *
 *   indices [B,L] i32, table [V,C];  y [B,C]
 *   dtable[v,:] = Σ over (b,l) with indices[b,l] = v of dy[b,:]
 *
 * PyTorch by default (sparse=False) makes dtable whole, zeros and all; with sparse=True it keeps the rows that were
 * looked up, which only some of its optimizers take. Here dtable is made whole where an optimizer needs it so; plain
 * gradient descent moves only the rows that were looked up (embedding_bag_step), which is the same step.
 *
 * An index outside the table reads row 0 and is never generated; shape inference can't see values. */
#include <omp.h>
#include <string.h>

#include "models/kernels/recommender.h"
#include "models/ops/ops.h"
#include "models/ops/widened.h"

enum { INDICES, TABLE, DY = TABLE };

static const struct recommender_kernels *kernels_of(const struct call *call)
{
    return call->reference ? &recommender_reference : recommender_kernels();
}

static bool infer_embedding_bag(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor indices = *node_input(graph, node, INDICES), table = *node_input(graph, node, TABLE);
    if (indices.dtype != DTYPE_I32 || indices.rank != 2 || table.rank != 2)
        return error_set(error, ERROR_INPUT, "takes i32 indices [B,L] and a table [V,C]");
    return graph_output(graph, node, table.dtype, 2, (int64_t[]){indices.dims[0], table.dims[1]}) != NO_TENSOR;
}

static struct bags bags_of(const struct call *call, int64_t rows, int64_t columns)
{
    const struct tensor *indices = node_input(call->graph, call->node, INDICES);
    return (struct bags){.indices = call->inputs[INDICES],
                         .last = (size_t)indices->dims[0],
                         .lookups = (size_t)indices->dims[1],
                         .rows = (size_t)rows,
                         .columns = (size_t)columns};
}

static size_t workspace_embedding_bag(const struct graph *graph, const struct node *node, int threads)
{
    (void)threads;
    return widened_bytes(node_output(graph, node, 0));
}

static void run_embedding_bag(const struct call *call)
{
    const struct tensor *table = node_input(call->graph, call->node, TABLE);
    const struct tensor *y = node_output(call->graph, call->node, 0);
    const struct bags bags = bags_of(call, table->dims[0], table->dims[1]);
    char *room = call->workspace;
    float *sums = widened_target(y, call->outputs[0], &room);
#pragma omp parallel num_threads(call->threads) if (bags.last > 16)
    {
        size_t threads = (size_t)omp_get_num_threads(), me = (size_t)omp_get_thread_num();
        struct bags mine = bags;
        mine.first = bags.last * me / threads;
        mine.last = bags.last * (me + 1) / threads;
        kernels_of(call)->bag_sum(&mine, call->inputs[TABLE], table->dtype, sums);
    }
    widened_commit(call, y, sums, call->outputs[0]);
}

/* Only the rows that are looked up are read, each as often as it is. */
static struct cost cost_embedding_bag(const struct graph *graph, const struct node *node)
{
    const struct tensor *indices = node_input(graph, node, INDICES), *y = node_output(graph, node, 0);
    double lookups = (double)indices->dims[1], bytes = (double)tensor_bytes(y);
    return (struct cost){.flops = (lookups - 1) * (double)tensor_elements(y),
                         .bytes_read = (double)tensor_bytes(indices) + lookups * bytes,
                         .bytes_written = bytes};
}

static const struct op op_embedding_bag_gradient;

static void gradient_embedding_bag(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                   int *dx)
{
    (void)wanted;
    const struct attributes attributes = {.dims = {node_input(graph, node, TABLE)->dims[0]}};
    dx[TABLE] = node_first_output(graph, graph_append(graph, &op_embedding_bag_gradient, node->name,
                                                      (int[]){node->inputs[INDICES], dy[0]}, 2, &attributes));
}

const struct op op_embedding_bag = {.name = "embedding_bag",
                                    .help = "sums of a table's rows by bags of indices",
                                    .infer = infer_embedding_bag,
                                    .cost = cost_embedding_bag,
                                    .gradient = gradient_embedding_bag,
                                    .workspace = workspace_embedding_bag,
                                    .run = run_embedding_bag};

int build_embedding_bag(struct graph *graph, const char *name, int indices, int table)
{
    return node_first_output(graph, graph_append(graph, &op_embedding_bag, name, (int[]){indices, table}, 2, NULL));
}

/* ---- gradient: threads share the table's rows, so that a row's sum has one order whatever their number ---- */

static void add_bags(const struct call *call, const struct bags *bags, const float *dy, float factor, float *table,
                     uint16_t *rounded)
{
#pragma omp parallel num_threads(call->threads) if (bags->last > 16)
    kernels_of(call)->bag_add(bags, dy, factor, (size_t)omp_get_thread_num(), (size_t)omp_get_num_threads(), table,
                              rounded);
}

static bool infer_embedding_bag_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const int64_t dims[] = {node->attributes.dims[0], tensor_columns(node_input(graph, node, DY))};
    return graph_output(graph, node, DTYPE_F32, 2, dims) != NO_TENSOR;
}

static size_t workspace_embedding_bag_gradient(const struct graph *graph, const struct node *node, int threads)
{
    (void)threads;
    return widened_bytes(node_input(graph, node, DY));
}

static void run_embedding_bag_gradient(const struct call *call)
{
    const struct tensor *table = node_output(call->graph, call->node, 0);
    const struct bags bags = bags_of(call, table->dims[0], table->dims[1]);
    char *room = call->workspace;
    const float *dy = widened_read(call, node_input(call->graph, call->node, DY), call->inputs[DY], &room);
    size_t bytes = tensor_bytes(table);
    enum { BLOCK = 1 << 20 };
#pragma omp parallel for schedule(static) num_threads(call->threads) if (bytes > BLOCK)
    for (size_t at = 0; at < bytes; at += BLOCK)
        memset((char *)call->outputs[0] + at, 0, bytes - at < BLOCK ? bytes - at : BLOCK);
    add_bags(call, &bags, dy, 1, call->outputs[0], NULL);
}

/* Each look-up reads and writes its row of f32. */
static struct cost scatter_cost(const struct graph *graph, const struct node *node)
{
    const struct tensor *indices = node_input(graph, node, INDICES), *dy = node_input(graph, node, DY);
    double added = (double)indices->dims[1] * (double)tensor_elements(dy), f32 = sizeof(float);
    return (struct cost){.flops = added,
                         .bytes_read = (double)tensor_bytes(indices) + (double)tensor_bytes(dy) + added * f32,
                         .bytes_written = added * f32};
}

static struct cost cost_embedding_bag_gradient(const struct graph *graph, const struct node *node)
{
    struct cost cost = scatter_cost(graph, node);
    cost.bytes_written += (double)tensor_bytes(node_output(graph, node, 0)); /* zeroed */
    return cost;
}

static const struct op op_embedding_bag_step;

static const struct op op_embedding_bag_gradient = {.name = "embedding_bag_gradient",
                                                    .help = "gradient of embedding_bag with respect to its table",
                                                    .infer = infer_embedding_bag_gradient,
                                                    .cost = cost_embedding_bag_gradient,
                                                    .workspace = workspace_embedding_bag_gradient,
                                                    .step = &op_embedding_bag_step,
                                                    .run = run_embedding_bag_gradient};

/* ---- table[indices[b,l],:] −= lr · dy[b,:], in place; a bf16 table through its f32 master ---- */

enum { WEIGHT = 2, MASTER };

static bool infer_embedding_bag_step(struct graph *graph, struct node *node, struct error *error)
{
    (void)graph, (void)node, (void)error;
    return true;
}

static void run_embedding_bag_step(const struct call *call)
{
    const struct tensor *table = node_input(call->graph, call->node, WEIGHT);
    const struct bags bags = bags_of(call, table->dims[0], table->dims[1]);
    char *room = call->workspace;
    const float *dy = widened_read(call, node_input(call->graph, call->node, DY), call->inputs[DY], &room);
    float *weights = call->inputs[MASTER] ? call->inputs[MASTER] : call->inputs[WEIGHT];
    add_bags(call, &bags, dy, -call->graph->optimizer.learning_rate, weights,
             call->inputs[MASTER] ? call->inputs[WEIGHT] : NULL);
}

static struct cost cost_embedding_bag_step(const struct graph *graph, const struct node *node)
{
    struct cost cost = scatter_cost(graph, node);
    cost.flops *= 2;
    if (node_input(graph, node, MASTER))
        cost.bytes_written *= 1.5; /* the rounded row besides */
    return cost;
}

static const struct op op_embedding_bag_step = {.name = "embedding_bag_step",
                                                .help = "gradient descent on those rows of a table that were looked up",
                                                .infer = infer_embedding_bag_step,
                                                .cost = cost_embedding_bag_step,
                                                .workspace = workspace_embedding_bag_gradient,
                                                .run = run_embedding_bag_step};
