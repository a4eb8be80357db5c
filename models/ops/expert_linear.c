/* expert_linear: each row times the matrix of the expert that it was sent to, y = f(x · W[e]ᵀ)
 *
 *   x [M, K] sorted by expert, W [E, N, K], offsets [E + 1] i32;  y [M, N]; for the rows of each expert e
 *   dz = dy · f'(z)             (activation_gradient)
 *   dx = dz · W[e]              expert_linear_gradient_input
 *   dW[e] = dzᵀ · x             expert_linear_gradient_weight; zero where e has no rows
 *
 * `chosen` and `skew` say how the rows came here, and so how many experts' matrices are read: as many as rows are to be
 * expected at. A weight may be quantised or f16. In training a second output keeps z where f's gradient needs it. */
#include "models/kernels/expert_matrix.h"
#include "models/kernels/quant_matrix.h"
#include "models/kernels/routing.h"
#include "models/ops/matrix.h"
#include "models/ops/ops.h"

enum { X, WEIGHT, OFFSETS };

static bool keeps_input(const struct graph *graph, enum activation kind)
{
    return graph->training && kind != ACTIVATION_NONE && !activation_gradient_from_output(kind);
}

static bool infer_expert_linear(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X), weight = *node_input(graph, node, WEIGHT);
    const struct tensor offsets = *node_input(graph, node, OFFSETS);
    if (x.rank != 2 || weight.rank != 3 || weight.dims[2] != x.dims[1])
        return error_set(error, ERROR_INPUT, "takes rows [M,K] and experts [E,N,K]; rows of %lld elements don't fit",
                         (long long)tensor_columns(&x));
    if (offsets.dtype != DTYPE_I32 || tensor_elements(&offsets) != weight.dims[0] + 1)
        return error_set(error, ERROR_INPUT, "has %lld experts and i32 offsets for %lld", (long long)weight.dims[0],
                         (long long)tensor_elements(&offsets) - 1);
    if (x.dtype != DTYPE_F32 && x.dtype != DTYPE_BF16)
        return error_set(error, ERROR_INPUT, "takes rows in f32 or bf16, not %s", dtype_info(x.dtype)->name);
    int64_t chosen = node->attributes.chosen;
    if (chosen < 1 || chosen > weight.dims[0] || x.dims[0] % chosen)
        return error_set(error, ERROR_INPUT, "%lld rows aren't those of rows that went to %lld of %lld experts each",
                         (long long)x.dims[0], (long long)chosen, (long long)weight.dims[0]);
    const int64_t dims[] = {x.dims[0], weight.dims[1]};
    graph_output(graph, node, x.dtype, 2, dims);
    if (keeps_input(graph, (enum activation)node->attributes.activation))
        graph_output(graph, node, x.dtype, 2, dims);
    return true;
}

/* The node as a kernel's call; pointers from `call`, or NULL to ask for the workspace only. `across`: dz · W. A row
 * goes to an expert at most once. */
static struct expert_matrix matrix_of(const struct graph *graph, const struct node *node, const struct call *call,
                                      bool across)
{
    const struct tensor *x = node_input(graph, node, X), *weight = node_input(graph, node, WEIGHT);
    const struct tensor *y = node_output(graph, node, 0);
    return (struct expert_matrix){.experts = (size_t)weight->dims[0],
                                  .n = (size_t)y->dims[1],
                                  .k = (size_t)x->dims[1],
                                  .rows = (size_t)x->dims[0],
                                  .most = (size_t)(x->dims[0] / node->attributes.chosen),
                                  .offsets = call ? call->inputs[OFFSETS] : NULL,
                                  .weight_dtype = weight->dtype,
                                  .x_dtype = x->dtype,
                                  .y_dtype = y->dtype,
                                  .weight = call ? call->inputs[WEIGHT] : NULL,
                                  .across = across,
                                  .x = call ? call->inputs[X] : NULL,
                                  .y = call ? call->outputs[0] : NULL,
                                  .activation = (enum activation)node->attributes.activation,
                                  .pre_activation = call && node->output_count > 1 ? call->outputs[1] : NULL};
}

static size_t workspace_expert_linear(const struct graph *graph, const struct node *node, int threads)
{
    struct expert_matrix matrix = matrix_of(graph, node, NULL, false);
    return expert_matrix_workspace(&matrix, threads);
}

static void run_matrix(const struct call *call, bool across)
{
    struct expert_matrix matrix = matrix_of(call->graph, call->node, call, across);
    if (call->reference)
        expert_matrix_reference(&matrix);
    else
        expert_matrix_run(&matrix, call->workspace, call->threads);
}

static void run_expert_linear(const struct call *call)
{
    run_matrix(call, false);
}

/* Rows, and the experts that are expected to have any. */
static struct cost cost_of(const struct graph *graph, const struct node *node)
{
    const struct tensor *x = node_input(graph, node, X), *weight = node_input(graph, node, WEIGHT);
    int64_t experts = weight->dims[0], chosen = node->attributes.chosen;
    double distinct =
        routing_distinct((size_t)experts, (size_t)chosen, (double)(x->dims[0] / chosen), (double)node->attributes.skew);
    struct cost cost = {.flops = 2.0 * (double)x->dims[0] * (double)(weight->dims[1] * weight->dims[2]),
                        .bytes_read = (double)tensor_bytes(x) + (double)tensor_bytes(node_input(graph, node, OFFSETS)) +
                                      (double)tensor_bytes(weight) * distinct / (double)experts};
    for (int i = 0; i < node->output_count; i++)
        cost.bytes_written += (double)tensor_bytes(node_output(graph, node, i));
    return cost;
}

static double active_share(const struct graph *graph, const struct node *node, int input)
{
    return input == WEIGHT ? (double)node->attributes.chosen / (double)node_input(graph, node, WEIGHT)->dims[0] : 1;
}

static const struct op op_expert_linear_gradient_input, op_expert_linear_gradient_weight;

static void gradient_expert_linear(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                   int *dx)
{
    struct attributes attributes = node->attributes;
    enum activation kind = (enum activation)attributes.activation;
    int dz = dy[0];
    if (kind != ACTIVATION_NONE)
        dz = build_activation_gradient(graph, node->name, node->outputs[keeps_input(graph, kind)], dz, kind);
    attributes.activation = ACTIVATION_NONE;
    if (wanted[WEIGHT])
        dx[WEIGHT] =
            node_first_output(graph, graph_append(graph, &op_expert_linear_gradient_weight, node->name,
                                                  (int[]){dz, node->inputs[X], node->inputs[OFFSETS]}, 3, &attributes));
    if (wanted[X])
        dx[X] = node_first_output(graph, graph_append(graph, &op_expert_linear_gradient_input, node->name,
                                                      (int[]){dz, node->inputs[WEIGHT], node->inputs[OFFSETS], dx[X]},
                                                      4, &attributes));
}

const struct op op_expert_linear = {.name = "expert_linear",
                                    .help = "multiplication of each row with the matrix of the expert it was sent to",
                                    .infer = infer_expert_linear,
                                    .cost = cost_of,
                                    .gradient = gradient_expert_linear,
                                    .active = active_share,
                                    .accumulates = 1 << X,
                                    .packed = 1 << WEIGHT,
                                    .workspace = workspace_expert_linear,
                                    .run = run_expert_linear};

int build_expert_linear(struct graph *graph, const char *name, int rows, int weight, int offsets,
                        enum activation activation, int64_t chosen, float skew)
{
    const struct attributes attributes = {.activation = activation, .chosen = chosen, .skew = skew};
    return node_first_output(
        graph, graph_append(graph, &op_expert_linear, name, (int[]){rows, weight, offsets}, 3, &attributes));
}

/* ---- dx = dz · W[e] (+ previous) ---- */

enum { PREVIOUS = 3 };

static bool infer_gradient_input(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor dz = *node_input(graph, node, X), weight = *node_input(graph, node, WEIGHT);
    return graph_output(graph, node, dz.dtype, 2, (int64_t[]){dz.dims[0], weight.dims[2]}) != NO_TENSOR;
}

static size_t workspace_gradient_input(const struct graph *graph, const struct node *node, int threads)
{
    struct expert_matrix matrix = matrix_of(graph, node, NULL, true);
    matrix.accumulate = node_input(graph, node, PREVIOUS) != NULL;
    return expert_matrix_workspace(&matrix, threads);
}

static void run_gradient_input(const struct call *call)
{
    struct expert_matrix matrix = matrix_of(call->graph, call->node, call, true);
    matrix.accumulate = call->inputs[PREVIOUS] != NULL;
    matrix_take_previous(call, call->inputs[PREVIOUS], matrix.y, tensor_bytes(node_output(call->graph, call->node, 0)));
    if (call->reference)
        expert_matrix_reference(&matrix);
    else
        expert_matrix_run(&matrix, call->workspace, call->threads);
}

static struct cost cost_gradient_input(const struct graph *graph, const struct node *node)
{
    struct cost cost = cost_of(graph, node);
    const struct tensor *previous = node_input(graph, node, PREVIOUS);
    cost.bytes_read += previous ? (double)tensor_bytes(previous) : 0;
    return cost;
}

static const struct op op_expert_linear_gradient_input = {.name = "expert_linear_gradient_input",
                                                          .help = "gradient of expert_linear with respect to its rows",
                                                          .infer = infer_gradient_input,
                                                          .cost = cost_gradient_input,
                                                          .in_place = 1 << PREVIOUS,
                                                          .workspace = workspace_gradient_input,
                                                          .run = run_gradient_input};

/* ---- dW[e] = dzᵀ · x ---- */

enum { DZ, INPUT };

static bool infer_gradient_weight(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    int64_t experts = tensor_elements(node_input(graph, node, OFFSETS)) - 1;
    const int64_t dims[] = {experts, tensor_columns(node_input(graph, node, DZ)),
                            tensor_columns(node_input(graph, node, INPUT))};
    return graph_output(graph, node, DTYPE_F32, 3, dims) != NO_TENSOR;
}

static struct expert_outer outer_of(const struct graph *graph, const struct node *node, const struct call *call)
{
    const struct tensor *dz = node_input(graph, node, DZ), *x = node_input(graph, node, INPUT);
    return (struct expert_outer){.experts = (size_t)tensor_elements(node_input(graph, node, OFFSETS)) - 1,
                                 .n = (size_t)tensor_columns(dz),
                                 .k = (size_t)tensor_columns(x),
                                 .rows = (size_t)dz->dims[0],
                                 .most = (size_t)(dz->dims[0] / node->attributes.chosen),
                                 .offsets = call ? call->inputs[OFFSETS] : NULL,
                                 .dz_dtype = dz->dtype,
                                 .x_dtype = x->dtype,
                                 .dz = call ? call->inputs[DZ] : NULL,
                                 .x = call ? call->inputs[INPUT] : NULL,
                                 .dw = call ? call->outputs[0] : NULL};
}

static size_t workspace_gradient_weight(const struct graph *graph, const struct node *node, int threads)
{
    struct expert_outer outer = outer_of(graph, node, NULL);
    return expert_outer_workspace(&outer, threads);
}

static void run_gradient_weight(const struct call *call)
{
    struct expert_outer outer = outer_of(call->graph, call->node, call);
    if (call->reference)
        expert_outer_reference(&outer);
    else
        expert_outer_run(&outer, call->workspace, call->threads);
}

static struct cost cost_gradient_weight(const struct graph *graph, const struct node *node)
{
    const struct tensor *dz = node_input(graph, node, DZ), *x = node_input(graph, node, INPUT);
    return (struct cost){.flops = 2.0 * (double)tensor_elements(dz) * (double)tensor_columns(x)};
}

static const struct op op_expert_linear_gradient_weight = {.name = "expert_linear_gradient_weight",
                                                           .help =
                                                               "gradient of expert_linear with respect to its matrices",
                                                           .infer = infer_gradient_weight,
                                                           .cost = cost_gradient_weight,
                                                           .workspace = workspace_gradient_weight,
                                                           .run = run_gradient_weight};
