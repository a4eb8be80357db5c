/* expert_bias: to each row the bias of the expert that it was sent to, y = x + b[e]
 *
 *   x [M,N] sorted by expert, b [E,N] f32, offsets [E + 1] i32;  y [M,N];  dx = dy;  db[e] = Σ dy over its rows
 *
 * Attribute chosen: the experts that a row went to. */
#include <omp.h>
#include <string.h>

#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { X, BIAS, OFFSETS };

static bool infer_expert_bias(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X), bias = *node_input(graph, node, BIAS);
    const struct tensor offsets = *node_input(graph, node, OFFSETS);
    if (x.rank != 2 || bias.rank != 2 || bias.dtype != DTYPE_F32 || bias.dims[1] != x.dims[1])
        return error_set(error, ERROR_INPUT, "takes rows [M,N] and biases [E,N] in f32; rows of %lld don't fit",
                         (long long)tensor_columns(&x));
    if (offsets.dtype != DTYPE_I32 || tensor_elements(&offsets) != bias.dims[0] + 1)
        return error_set(error, ERROR_INPUT, "has %lld experts and i32 offsets for %lld", (long long)bias.dims[0],
                         (long long)tensor_elements(&offsets) - 1);
    return graph_output(graph, node, x.dtype, 2, x.dims) != NO_TENSOR;
}

static size_t workspace_expert_bias(const struct graph *graph, const struct node *node, int threads)
{
    return storage_buffers(graph, node, threads, 2 * (size_t)tensor_columns(node_input(graph, node, X)));
}

static void run_expert_bias(const struct call *call)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    const struct tensor *y = node_output(call->graph, call->node, 0), *x = node_input(call->graph, call->node, X);
    size_t experts = (size_t)node_input(call->graph, call->node, BIAS)->dims[0], columns = (size_t)y->dims[1];
    const int32_t *offsets = call->inputs[OFFSETS];
    const float *biases = call->inputs[BIAS];
#pragma omp parallel num_threads(call->threads) if ((size_t)tensor_elements(y) > PARALLEL_FROM)
    {
        float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * 2 * columns;
        for (size_t e = 0; e < experts; e++) {
#pragma omp for schedule(static) nowait
            for (int32_t r = offsets[e]; r < offsets[e + 1]; r++) {
                size_t at = (size_t)r * columns;
                const float *row = storage_read(kernels, call->inputs[X], x->dtype, at, columns, buffer);
                float *to = storage_target(call->outputs[0], y->dtype, at, buffer + columns);
                kernels->add(row, biases + e * columns, to, columns);
                storage_commit(kernels, call->outputs[0], y->dtype, at, columns, to);
            }
        }
    }
}

static struct cost cost_expert_bias(const struct graph *graph, const struct node *node)
{
    double bytes = (double)tensor_bytes(node_output(graph, node, 0));
    return (struct cost){
        .flops = (double)tensor_elements(node_output(graph, node, 0)), .bytes_read = 2 * bytes, .bytes_written = bytes};
}

static double active_share(const struct graph *graph, const struct node *node, int input)
{
    return input == BIAS ? (double)node->attributes.chosen / (double)node_input(graph, node, BIAS)->dims[0] : 1;
}

/* ---- gradient of the bias: inputs dy and offsets ---- */

static bool infer_expert_bias_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const int64_t dims[] = {tensor_elements(node_input(graph, node, 1)) - 1,
                            tensor_columns(node_input(graph, node, 0))};
    return graph_output(graph, node, DTYPE_F32, 2, dims) != NO_TENSOR;
}

static size_t workspace_expert_bias_gradient(const struct graph *graph, const struct node *node, int threads)
{
    return storage_buffers(graph, node, threads, (size_t)tensor_columns(node_input(graph, node, 0)));
}

static void run_expert_bias_gradient(const struct call *call)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    const struct tensor *dy = node_input(call->graph, call->node, 0), *db = node_output(call->graph, call->node, 0);
    size_t columns = (size_t)db->dims[1];
    const int32_t *offsets = call->inputs[1];
#pragma omp parallel for schedule(dynamic) num_threads(call->threads) if ((size_t)tensor_elements(dy) > PARALLEL_FROM)
    for (int64_t e = 0; e < db->dims[0]; e++) {
        float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * columns;
        float *sum = (float *)call->outputs[0] + (size_t)e * columns;
        memset(sum, 0, columns * sizeof *sum);
        for (int32_t r = offsets[e]; r < offsets[e + 1]; r++) {
            const float *row = storage_read(kernels, call->inputs[0], dy->dtype, (size_t)r * columns, columns, buffer);
            kernels->add(sum, row, sum, columns);
        }
    }
}

static const struct op op_expert_bias_gradient = {.name = "expert_bias_gradient",
                                                  .help = "gradient of expert_bias with respect to its biases",
                                                  .infer = infer_expert_bias_gradient,
                                                  .workspace = workspace_expert_bias_gradient,
                                                  .run = run_expert_bias_gradient};

static void gradient_expert_bias(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                 int *dx)
{
    int inputs[] = {dy[0], node->inputs[OFFSETS]};
    if (wanted[BIAS])
        dx[BIAS] = node_first_output(
            graph, graph_append(graph, &op_expert_bias_gradient, node->name, inputs, 2, &node->attributes));
    dx[X] = dy[0];
}

const struct op op_expert_bias = {.name = "expert_bias",
                                  .help = "the bias of its expert to each row",
                                  .infer = infer_expert_bias,
                                  .cost = cost_expert_bias,
                                  .gradient = gradient_expert_bias,
                                  .active = active_share,
                                  .in_place = 1 << X,
                                  .workspace = workspace_expert_bias,
                                  .run = run_expert_bias};

int build_expert_bias(struct graph *graph, const char *name, int rows, int bias, int offsets, int64_t chosen)
{
    const struct attributes attributes = {.chosen = chosen};
    return node_first_output(graph,
                             graph_append(graph, &op_expert_bias, name, (int[]){rows, bias, offsets}, 3, &attributes));
}
