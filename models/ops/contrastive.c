/* contrastive: loss = ½ mean_i (log Σ_j exp x[i,j] − x[i,i]) + ½ mean_j (log Σ_i exp x[i,j] − x[j,j])
 *
 *   x [B,B] f32: how like image i and text j are, of which only those of one pair belong together (Radford et al.
 * 2021); loss [1]; dx = (softmax of the rows + softmax of the columns − 2 · identity) / 2B. The sums' logarithms [2,B]
 * are kept for the gradient. B is a batch: one thread does it. */
#include <math.h>

#include "models/ops/ops.h"
#include "models/ops/storage.h"

static bool infer_contrastive(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, 0);
    if (x.rank != 2 || x.dims[0] != x.dims[1] || x.dtype != DTYPE_F32)
        return error_set(error, ERROR_INPUT, "takes a square of f32, not %lld rows of %lld", (long long)tensor_rows(&x),
                         (long long)tensor_columns(&x));
    int64_t one = 1;
    graph_output(graph, node, DTYPE_F32, 1, &one);
    return graph_output(graph, node, DTYPE_F32, 2, (int64_t[]){2, x.dims[0]}) != NO_TENSOR;
}

/* A turned copy of x, a row of losses, and the targets. */
static size_t workspace_contrastive(const struct graph *graph, const struct node *node, int threads)
{
    (void)threads;
    size_t batch = (size_t)node_input(graph, node, 0)->dims[0];
    return (batch * batch + batch) * sizeof(float) + batch * sizeof(int32_t);
}

static void turn(const float *x, float *turned, size_t batch)
{
    for (size_t i = 0; i < batch; i++)
        for (size_t j = 0; j < batch; j++)
            turned[j * batch + i] = x[i * batch + j];
}

struct room {
    size_t batch;
    float *turned, *losses;
    int32_t *targets; /* row i's is i */
};

static struct room room_of(const struct call *call)
{
    size_t batch = (size_t)node_input(call->graph, call->node, 0)->dims[0];
    float *turned = call->workspace, *losses = turned + batch * batch;
    struct room room = {batch, turned, losses, (int32_t *)(void *)(losses + batch)};
    turn(call->inputs[0], turned, batch);
    for (size_t i = 0; i < batch; i++)
        room.targets[i] = (int32_t)i;
    return room;
}

static void run_contrastive(const struct call *call)
{
    struct room room = room_of(call);
    const struct row_kernels *kernels = call_rows(call);
    float *log_sums = call->outputs[1];
    double sum = 0;
    for (int side = 0; side < 2; side++) {
        kernels->cross_entropy(side ? room.turned : call->inputs[0], room.targets, room.losses,
                               log_sums + (size_t)side * room.batch, room.batch, room.batch);
        for (size_t i = 0; i < room.batch; i++)
            sum += (double)room.losses[i];
    }
    *(float *)call->outputs[0] = (float)(sum / (2 * (double)room.batch));
}

static struct cost cost_contrastive(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 8.0 * (double)tensor_elements(node_input(graph, node, 0))};
}

static const struct op op_contrastive_gradient;

static void gradient_contrastive(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                 int *dx)
{
    (void)dy, (void)wanted; /* the loss's own gradient is 1 */
    dx[0] = node_first_output(graph, graph_append(graph, &op_contrastive_gradient, node->name,
                                                  (int[]){node->inputs[0], node->outputs[1]}, 2, NULL));
}

const struct op op_contrastive = {.name = "contrastive",
                                  .help = "cross-entropy of the pairs that belong together, by rows and by columns",
                                  .infer = infer_contrastive,
                                  .cost = cost_contrastive,
                                  .gradient = gradient_contrastive,
                                  .workspace = workspace_contrastive,
                                  .run = run_contrastive};

int build_contrastive(struct graph *graph, const char *name, int logits)
{
    return node_first_output(graph, graph_append(graph, &op_contrastive, name, &logits, 1, NULL));
}

static bool infer_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor x = *node_input(graph, node, 0);
    return graph_output(graph, node, DTYPE_F32, 2, x.dims) != NO_TENSOR;
}

static void run_gradient(const struct call *call)
{
    struct room room = room_of(call);
    const struct row_kernels *kernels = call_rows(call);
    const float *log_sums = call->inputs[1];
    float *dx = call->outputs[0], scale = 0.5f / (float)room.batch;
    kernels->cross_entropy_gradient(call->inputs[0], room.targets, log_sums, scale, dx, room.batch, room.batch);
    kernels->cross_entropy_gradient(room.turned, room.targets, log_sums + room.batch, scale, room.turned, room.batch,
                                    room.batch);
    for (size_t i = 0; i < room.batch; i++)
        for (size_t j = 0; j < room.batch; j++)
            dx[i * room.batch + j] += room.turned[j * room.batch + i];
}

static const struct op op_contrastive_gradient = {.name = "contrastive_gradient",
                                                  .help = "gradient of contrastive",
                                                  .infer = infer_gradient,
                                                  .cost = cost_contrastive,
                                                  .workspace = workspace_contrastive,
                                                  .run = run_gradient};
