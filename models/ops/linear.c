/* linear: y = f(x · Wᵀ + b)
 *
 *   x [..., K], W [N, K], b [N] or none;  y [..., N]; with R = the product of the leading dimensions:
 *   dz = dy · f'(z)          (activation_gradient)
 *   dx [R,K] = dz · W        linear_gradient_input
 *   dW [N,K] = dzᵀ · x       linear_gradient_weight
 *   db [N]   = Σ_r dz        (the same node)
 *
 * A weight may be quantised or f16: it is then multiplied straight from its packed rows (kernels/quant_matrix.h) and
 * has no gradient. Bias and activation are applied while a tile of y is still in registers. In training a second output
 * keeps z, the value before the activation, when the activation's gradient needs it. */
#include "models/kernels/quant_matrix.h"
#include "models/ops/matrix.h"
#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { X, WEIGHT, BIAS };

static bool keeps_input(const struct graph *graph, enum activation kind)
{
    return graph->training && kind != ACTIVATION_NONE && !activation_gradient_from_output(kind);
}

static bool infer_linear(struct graph *graph, struct node *node, struct error *error)
{
    struct tensor x = *node_input(graph, node, X), weight = *node_input(graph, node, WEIGHT);
    if (weight.rank != 2 || weight.dims[1] != tensor_columns(&x))
        return error_set(error, ERROR_INPUT, "rows of %lld elements don't fit a weight of %lld x %lld",
                         (long long)tensor_columns(&x), (long long)weight.dims[0], (long long)weight.dims[1]);
    x.dims[x.rank - 1] = weight.dims[0];
    enum dtype dtype = (enum dtype)node->attributes.dtype;
    bool narrow = x.dtype == DTYPE_F16 || dtype == DTYPE_F16;
    if (narrow || !dtype_info(x.dtype)->floating || !dtype_info(dtype)->floating)
        return error_set(error, ERROR_INPUT, "goes from f32 or bf16 to f32 or bf16, not from %s to %s",
                         dtype_info(x.dtype)->name, dtype_info(dtype)->name);
    graph_output(graph, node, dtype, x.rank, x.dims);
    if (keeps_input(graph, (enum activation)node->attributes.activation))
        graph_output(graph, node, dtype, x.rank, x.dims);
    return true;
}

/* The node as a multiplication; pointers from `call`, or NULL to ask for the workspace only. */
static struct gemm forward_gemm(const struct graph *graph, const struct node *node, const struct call *call)
{
    const struct tensor *x = node_input(graph, node, X), *weight = node_input(graph, node, WEIGHT);
    size_t k = (size_t)weight->dims[1], n = (size_t)weight->dims[0];
    return (struct gemm){.m = (size_t)tensor_rows(x),
                         .n = n,
                         .k = k,
                         .a = matrix_operand(call ? call->inputs[X] : NULL, x->dtype, k, false),
                         .b = matrix_operand(call ? call->inputs[WEIGHT] : NULL, weight->dtype, k, true),
                         .c = call ? call->outputs[0] : NULL,
                         .c_dtype = node_output(graph, node, 0)->dtype,
                         .c_row_stride = n,
                         .bias = call ? call->inputs[BIAS] : NULL,
                         .activation = (enum activation)node->attributes.activation,
                         .pre_activation = call && node->output_count > 1 ? call->outputs[1] : NULL};
}

/* The same for a weight that is multiplied as it is packed. */
static struct quant_matrix packed_matrix(const struct graph *graph, const struct node *node, const struct call *call)
{
    const struct tensor *x = node_input(graph, node, X), *weight = node_input(graph, node, WEIGHT);
    return (struct quant_matrix){.rows = (size_t)tensor_rows(x),
                                 .n = (size_t)weight->dims[0],
                                 .k = (size_t)weight->dims[1],
                                 .weight_dtype = weight->dtype,
                                 .weight = call ? call->inputs[WEIGHT] : NULL,
                                 .x_dtype = x->dtype,
                                 .x = call ? call->inputs[X] : NULL,
                                 .y_dtype = node_output(graph, node, 0)->dtype,
                                 .y = call ? call->outputs[0] : NULL,
                                 .bias = call ? call->inputs[BIAS] : NULL,
                                 .activation = (enum activation)node->attributes.activation,
                                 .pre_activation = call && node->output_count > 1 ? call->outputs[1] : NULL};
}

static bool is_packed(const struct graph *graph, const struct node *node)
{
    return quant_matrix_takes(node_input(graph, node, WEIGHT)->dtype);
}

static size_t workspace_linear(const struct graph *graph, const struct node *node, int threads)
{
    if (is_packed(graph, node)) {
        struct quant_matrix matrix = packed_matrix(graph, node, NULL);
        return quant_matrix_workspace(&matrix, threads);
    }
    struct gemm gemm = forward_gemm(graph, node, NULL);
    return gemm_workspace(&gemm, threads);
}

static void run_linear(const struct call *call)
{
    if (is_packed(call->graph, call->node)) {
        struct quant_matrix matrix = packed_matrix(call->graph, call->node, call);
        if (call->reference)
            quant_matrix_reference(&matrix);
        else
            quant_matrix_run(&matrix, call->workspace, call->threads);
        return;
    }
    struct gemm gemm = forward_gemm(call->graph, call->node, call);
    matrix_multiply(call, &gemm);
}

static struct cost cost_linear(const struct graph *graph, const struct node *node)
{
    const struct tensor *weight = node_input(graph, node, WEIGHT);
    return matrix_cost((double)tensor_rows(node_input(graph, node, X)), (double)weight->dims[0],
                       (double)weight->dims[1]);
}

static int build_gradient_input(struct graph *graph, const struct node *node, int dz, int previous);
static void build_gradient_weight(struct graph *graph, const struct node *node, int dz, int previous, int *dx);

static void gradient_linear(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    enum activation kind = (enum activation)node->attributes.activation;
    int dz = dy[0];
    if (kind != ACTIVATION_NONE)
        dz = build_activation_gradient(graph, node->name, node->outputs[keeps_input(graph, kind)], dz, kind);
    if (wanted[WEIGHT])
        build_gradient_weight(graph, node, dz, dx[WEIGHT], dx);
    if (wanted[X])
        dx[X] = build_gradient_input(graph, node, dz, dx[X]);
}

const struct op op_linear = {.name = "linear",
                             .help = "matrix multiplication with a weight, bias and activation",
                             .infer = infer_linear,
                             .cost = cost_linear,
                             .gradient = gradient_linear,
                             .accumulates = 1 << X | 1 << WEIGHT,
                             .packed = 1 << WEIGHT,
                             .workspace = workspace_linear,
                             .run = run_linear};

int build_linear(struct graph *graph, const char *name, int x, int weight, int bias, enum activation activation,
                 enum dtype dtype)
{
    const struct attributes attributes = {.activation = activation, .dtype = dtype};
    return node_first_output(graph, graph_append(graph, &op_linear, name, (int[]){x, weight, bias}, 3, &attributes));
}

/* ---- dx = dz · W (+ previous) ---- */

enum { DZ, GRADIENT_WEIGHT, PREVIOUS };

static bool infer_gradient_input(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    struct tensor dz = *node_input(graph, node, DZ), weight = *node_input(graph, node, GRADIENT_WEIGHT);
    dz.dims[dz.rank - 1] = weight.dims[1];
    return graph_output(graph, node, (enum dtype)node->attributes.dtype, dz.rank, dz.dims) != NO_TENSOR;
}

static struct gemm input_gemm(const struct graph *graph, const struct node *node, const struct call *call)
{
    const struct tensor *dz = node_input(graph, node, DZ), *weight = node_input(graph, node, GRADIENT_WEIGHT);
    size_t k = (size_t)weight->dims[1], n = (size_t)weight->dims[0];
    return (struct gemm){.m = (size_t)tensor_rows(dz),
                         .n = k,
                         .k = n,
                         .a = matrix_operand(call ? call->inputs[DZ] : NULL, dz->dtype, n, false),
                         .b = matrix_operand(call ? call->inputs[GRADIENT_WEIGHT] : NULL, weight->dtype, k, false),
                         .c = call ? call->outputs[0] : NULL,
                         .c_dtype = node_output(graph, node, 0)->dtype,
                         .c_row_stride = k,
                         .accumulate = node_input(graph, node, PREVIOUS) != NULL};
}

static size_t workspace_gradient_input(const struct graph *graph, const struct node *node, int threads)
{
    struct gemm gemm = input_gemm(graph, node, NULL);
    return gemm_workspace(&gemm, threads);
}

static void run_gradient_input(const struct call *call)
{
    struct gemm gemm = input_gemm(call->graph, call->node, call);
    matrix_take_previous(call, call->inputs[PREVIOUS], gemm.c, tensor_bytes(node_output(call->graph, call->node, 0)));
    matrix_multiply(call, &gemm);
}

static struct cost cost_gradient_input(const struct graph *graph, const struct node *node)
{
    const struct tensor *weight = node_input(graph, node, GRADIENT_WEIGHT);
    return matrix_cost((double)tensor_rows(node_input(graph, node, DZ)), (double)weight->dims[0],
                       (double)weight->dims[1]);
}

const struct op op_linear_gradient_input = {.name = "linear_gradient_input",
                                            .help = "gradient of linear with respect to its input",
                                            .infer = infer_gradient_input,
                                            .cost = cost_gradient_input,
                                            .in_place = 1 << PREVIOUS,
                                            .workspace = workspace_gradient_input,
                                            .run = run_gradient_input};

static int build_gradient_input(struct graph *graph, const struct node *node, int dz, int previous)
{
    const struct attributes attributes = {.dtype = node_input(graph, node, X)->dtype};
    return node_first_output(graph, graph_append(graph, &op_linear_gradient_input, node->name,
                                                 (int[]){dz, node->inputs[WEIGHT], previous}, 3, &attributes));
}

/* ---- dW = dzᵀ · x (+ previous), db = Σ dz ---- */

enum { INPUT = 1 };

static bool infer_gradient_weight(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    int64_t n = tensor_columns(node_input(graph, node, DZ)), k = tensor_columns(node_input(graph, node, INPUT));
    graph_output(graph, node, DTYPE_F32, 2, (int64_t[]){n, k});
    if (node->attributes.bias)
        graph_output(graph, node, DTYPE_F32, 1, &n);
    return true;
}

static struct gemm weight_gemm(const struct graph *graph, const struct node *node, const struct call *call)
{
    const struct tensor *dz = node_input(graph, node, DZ), *x = node_input(graph, node, INPUT);
    size_t n = (size_t)tensor_columns(dz), k = (size_t)tensor_columns(x);
    return (struct gemm){.m = n,
                         .n = k,
                         .k = (size_t)tensor_rows(x),
                         .a = matrix_operand(call ? call->inputs[DZ] : NULL, dz->dtype, n, true),
                         .b = matrix_operand(call ? call->inputs[INPUT] : NULL, x->dtype, k, false),
                         .c = call ? call->outputs[0] : NULL,
                         .c_dtype = DTYPE_F32,
                         .c_row_stride = k,
                         .accumulate = node_input(graph, node, PREVIOUS) != NULL};
}

static size_t workspace_gradient_weight(const struct graph *graph, const struct node *node, int threads)
{
    struct gemm gemm = weight_gemm(graph, node, NULL);
    return gemm_workspace(&gemm, threads);
}

static void run_gradient_weight(const struct call *call)
{
    struct gemm gemm = weight_gemm(call->graph, call->node, call);
    matrix_take_previous(call, call->inputs[PREVIOUS], gemm.c, tensor_bytes(node_output(call->graph, call->node, 0)));
    matrix_multiply(call, &gemm);
    if (call->node->output_count > 1)
        matrix_column_sums(call, call->inputs[DZ], call_input_dtype(call, DZ), gemm.k, gemm.m, call->outputs[1]);
}

static struct cost cost_gradient_weight(const struct graph *graph, const struct node *node)
{
    const struct tensor *x = node_input(graph, node, INPUT);
    return matrix_cost((double)tensor_rows(x), (double)tensor_columns(node_input(graph, node, DZ)),
                       (double)tensor_columns(x));
}

const struct op op_linear_gradient_weight = {.name = "linear_gradient_weight",
                                             .help = "gradient of linear with respect to its weight and bias",
                                             .infer = infer_gradient_weight,
                                             .cost = cost_gradient_weight,
                                             .in_place = 1 << PREVIOUS,
                                             .workspace = workspace_gradient_weight,
                                             .run = run_gradient_weight};

static void build_gradient_weight(struct graph *graph, const struct node *node, int dz, int previous, int *dx)
{
    const struct attributes attributes = {.bias = node->inputs[BIAS] != NO_TENSOR};
    int made = graph_append(graph, &op_linear_gradient_weight, node->name, (int[]){dz, node->inputs[X], previous}, 3,
                            &attributes);
    dx[WEIGHT] = node_first_output(graph, made);
    if (made != NO_NODE && attributes.bias)
        dx[BIAS] = graph->nodes[made].outputs[1];
}
