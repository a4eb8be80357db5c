/* head_linear: each head times a matrix of its own, y[..., h, :] = W[h] · x[..., h, :]
 *
 *   x [..., H·K], W [H·N, K]: head h has rows h·N on;  y [..., H·N];  with R = the product of the leading dimensions,
 *   for each head:  dx [R,K] = dy · W[h]        head_linear_gradient_input
 *                   dW[h] [N,K] = dyᵀ · x       head_linear_gradient_weight
 *
 * A weight may be quantised or f16: a head's matrix is widened to f32 before it is multiplied, and has no gradient. */
#include "models/kernels/quant.h"
#include "models/ops/matrix.h"
#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { X, WEIGHT };

/* The shape of one head's multiplication. */
struct heads {
    size_t heads, rows, n, k;
};

static struct heads heads_of(const struct tensor *x, const struct tensor *weight, int64_t heads)
{
    return (struct heads){.heads = (size_t)heads,
                          .rows = (size_t)tensor_rows(x),
                          .n = (size_t)(weight->dims[0] / heads),
                          .k = (size_t)weight->dims[1]};
}

static bool infer_head_linear(struct graph *graph, struct node *node, struct error *error)
{
    struct tensor x = *node_input(graph, node, X);
    const struct tensor weight = *node_input(graph, node, WEIGHT);
    int64_t heads = node->attributes.heads;
    if (weight.rank != 2 || heads < 1 || weight.dims[0] % heads || tensor_columns(&x) != heads * weight.dims[1])
        return error_set(error, ERROR_INPUT, "%lld heads in rows of %lld elements don't fit a weight of %lld x %lld",
                         (long long)heads, (long long)tensor_columns(&x), (long long)weight.dims[0],
                         (long long)weight.dims[1]);
    if (x.dtype != DTYPE_F32 && x.dtype != DTYPE_BF16)
        return error_set(error, ERROR_INPUT, "takes rows in f32 or bf16, not %s", dtype_info(x.dtype)->name);
    x.dims[x.rank - 1] = weight.dims[0];
    return graph_output(graph, node, x.dtype, x.rank, x.dims) != NO_TENSOR;
}

static bool is_widened(enum dtype dtype)
{
    return dtype != DTYPE_F32 && dtype != DTYPE_BF16;
}

/* Head h's multiplication; `weight` is where its matrix begins. Without a call only the workspace is asked for. */
static struct gemm forward_gemm(const struct graph *graph, const struct node *node, const struct call *call, size_t h,
                                const void *weight)
{
    const struct tensor *x = node_input(graph, node, X), *w = node_input(graph, node, WEIGHT);
    const struct heads s = heads_of(x, w, node->attributes.heads);
    size_t from = dtype_bytes(x->dtype, h * s.k), to = dtype_bytes(x->dtype, h * s.n);
    return (struct gemm){
        .m = s.rows,
        .n = s.n,
        .k = s.k,
        .a = matrix_operand(call ? (const char *)call->inputs[X] + from : NULL, x->dtype, s.heads * s.k, false),
        .b = matrix_operand(weight, is_widened(w->dtype) ? DTYPE_F32 : w->dtype, s.k, true),
        .c = call ? (char *)call->outputs[0] + to : NULL,
        .c_dtype = x->dtype,
        .c_row_stride = s.heads * s.n};
}

static size_t widened_bytes(const struct tensor *weight, int64_t heads)
{
    size_t bytes = is_widened(weight->dtype) ? (size_t)(tensor_elements(weight) / heads) * sizeof(float) : 0;
    return (bytes + 63) / 64 * 64;
}

static size_t workspace_head_linear(const struct graph *graph, const struct node *node, int threads)
{
    struct gemm gemm = forward_gemm(graph, node, NULL, 0, NULL);
    return widened_bytes(node_input(graph, node, WEIGHT), node->attributes.heads) + gemm_workspace(&gemm, threads);
}

/* A head's rows as f32 in the workspace. */
static const void *widen(const struct call *call, const struct tensor *weight, const struct heads *s, size_t h)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    float *to = call->workspace;
#pragma omp parallel for schedule(static) num_threads(call->threads) if (s->n * s->k > PARALLEL_FROM)
    for (size_t n = 0; n < s->n; n++) {
        size_t at = (h * s->n + n) * s->k;
        if (dtype_quantised(weight->dtype))
            dequantise_row(weight->dtype, (const char *)call->inputs[WEIGHT] + dtype_bytes(weight->dtype, at),
                           to + n * s->k, s->k);
        else
            kernels->widen_f16((const uint16_t *)call->inputs[WEIGHT] + at, to + n * s->k, s->k);
    }
    return to;
}

static void multiply(const struct call *call, const struct gemm *gemm, size_t taken)
{
    struct call rest = *call;
    rest.workspace = (char *)call->workspace + taken;
    matrix_multiply(&rest, gemm);
}

static void run_head_linear(const struct call *call)
{
    const struct tensor *weight = node_input(call->graph, call->node, WEIGHT);
    const struct heads s = heads_of(node_input(call->graph, call->node, X), weight, call->node->attributes.heads);
    size_t taken = widened_bytes(weight, call->node->attributes.heads);
    for (size_t h = 0; h < s.heads; h++) {
        const void *matrix = (const char *)call->inputs[WEIGHT] + dtype_bytes(weight->dtype, h * s.n * s.k);
        struct gemm gemm = forward_gemm(call->graph, call->node, call, h,
                                        is_widened(weight->dtype) ? widen(call, weight, &s, h) : matrix);
        multiply(call, &gemm, taken);
    }
}

static struct cost cost_of(double rows, const struct tensor *weight)
{
    return (struct cost){.flops = 2 * rows * (double)tensor_elements(weight)};
}

static struct cost cost_head_linear(const struct graph *graph, const struct node *node)
{
    return cost_of((double)tensor_rows(node_input(graph, node, X)), node_input(graph, node, WEIGHT));
}

static const struct op op_head_linear_gradient_input, op_head_linear_gradient_weight;

static void gradient_head_linear(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                 int *dx)
{
    if (wanted[WEIGHT])
        dx[WEIGHT] = node_first_output(graph, graph_append(graph, &op_head_linear_gradient_weight, node->name,
                                                           (int[]){node->inputs[X], dy[0]}, 2, &node->attributes));
    if (wanted[X])
        dx[X] = node_first_output(graph, graph_append(graph, &op_head_linear_gradient_input, node->name,
                                                      (int[]){dy[0], node->inputs[WEIGHT]}, 2, &node->attributes));
}

const struct op op_head_linear = {.name = "head_linear",
                                  .help = "each head times a matrix of its own",
                                  .infer = infer_head_linear,
                                  .cost = cost_head_linear,
                                  .gradient = gradient_head_linear,
                                  .packed = 1 << WEIGHT,
                                  .workspace = workspace_head_linear,
                                  .run = run_head_linear};

int build_head_linear(struct graph *graph, const char *name, int x, int weight, int64_t heads)
{
    const struct attributes attributes = {.heads = heads};
    return node_first_output(graph, graph_append(graph, &op_head_linear, name, (int[]){x, weight}, 2, &attributes));
}

/* ---- dx = dy · W[h] ---- */

enum { DY_OF_INPUT, WEIGHT_OF_INPUT };

static bool infer_gradient_input(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    struct tensor dy = *node_input(graph, node, DY_OF_INPUT);
    dy.dims[dy.rank - 1] = node->attributes.heads * node_input(graph, node, WEIGHT_OF_INPUT)->dims[1];
    return graph_output(graph, node, dy.dtype, dy.rank, dy.dims) != NO_TENSOR;
}

static struct gemm input_gemm(const struct graph *graph, const struct node *node, const struct call *call, size_t h)
{
    const struct tensor *dy = node_input(graph, node, DY_OF_INPUT), *w = node_input(graph, node, WEIGHT_OF_INPUT);
    const struct heads s = heads_of(dy, w, node->attributes.heads);
    size_t from = dtype_bytes(dy->dtype, h * s.n), matrix = dtype_bytes(w->dtype, h * s.n * s.k);
    const char *rows = call ? (const char *)call->inputs[DY_OF_INPUT] + from : NULL;
    return (struct gemm){
        .m = s.rows,
        .n = s.k,
        .k = s.n,
        .a = matrix_operand(rows, dy->dtype, s.heads * s.n, false),
        .b = matrix_operand(call ? (const char *)call->inputs[WEIGHT_OF_INPUT] + matrix : NULL, w->dtype, s.k, false),
        .c = call ? (char *)call->outputs[0] + dtype_bytes(dy->dtype, h * s.k) : NULL,
        .c_dtype = dy->dtype,
        .c_row_stride = s.heads * s.k};
}

static size_t workspace_gradient_input(const struct graph *graph, const struct node *node, int threads)
{
    struct gemm gemm = input_gemm(graph, node, NULL, 0);
    return gemm_workspace(&gemm, threads);
}

static void run_gradient_input(const struct call *call)
{
    for (size_t h = 0; h < (size_t)call->node->attributes.heads; h++) {
        struct gemm gemm = input_gemm(call->graph, call->node, call, h);
        matrix_multiply(call, &gemm);
    }
}

static struct cost cost_gradient_input(const struct graph *graph, const struct node *node)
{
    return cost_of((double)tensor_rows(node_input(graph, node, DY_OF_INPUT)), node_input(graph, node, WEIGHT_OF_INPUT));
}

static const struct op op_head_linear_gradient_input = {.name = "head_linear_gradient_input",
                                                        .help = "gradient of head_linear with respect to its input",
                                                        .infer = infer_gradient_input,
                                                        .cost = cost_gradient_input,
                                                        .workspace = workspace_gradient_input,
                                                        .run = run_gradient_input};

/* ---- dW[h] = dyᵀ · x ---- */

enum { X_OF_WEIGHT, DY_OF_WEIGHT };

static bool infer_gradient_weight(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    int64_t k = tensor_columns(node_input(graph, node, X_OF_WEIGHT)) / node->attributes.heads;
    int64_t dims[] = {tensor_columns(node_input(graph, node, DY_OF_WEIGHT)), k};
    return graph_output(graph, node, DTYPE_F32, 2, dims) != NO_TENSOR;
}

static struct gemm weight_gemm(const struct graph *graph, const struct node *node, const struct call *call, size_t h)
{
    const struct tensor *x = node_input(graph, node, X_OF_WEIGHT), *dy = node_input(graph, node, DY_OF_WEIGHT);
    const struct heads s = heads_of(x, node_output(graph, node, 0), node->attributes.heads);
    size_t left = dtype_bytes(dy->dtype, h * s.n), right = dtype_bytes(x->dtype, h * s.k);
    const char *a = call ? (const char *)call->inputs[DY_OF_WEIGHT] + left : NULL,
               *b = call ? (const char *)call->inputs[X_OF_WEIGHT] + right : NULL;
    return (struct gemm){.m = s.n,
                         .n = s.k,
                         .k = s.rows,
                         .a = matrix_operand(a, dy->dtype, s.heads * s.n, true),
                         .b = matrix_operand(b, x->dtype, s.heads * s.k, false),
                         .c = call ? (float *)call->outputs[0] + h * s.n * s.k : NULL,
                         .c_dtype = DTYPE_F32,
                         .c_row_stride = s.k};
}

static size_t workspace_gradient_weight(const struct graph *graph, const struct node *node, int threads)
{
    struct gemm gemm = weight_gemm(graph, node, NULL, 0);
    return gemm_workspace(&gemm, threads);
}

static void run_gradient_weight(const struct call *call)
{
    for (size_t h = 0; h < (size_t)call->node->attributes.heads; h++) {
        struct gemm gemm = weight_gemm(call->graph, call->node, call, h);
        matrix_multiply(call, &gemm);
    }
}

static struct cost cost_gradient_weight(const struct graph *graph, const struct node *node)
{
    return cost_of((double)tensor_rows(node_input(graph, node, X_OF_WEIGHT)), node_output(graph, node, 0));
}

static const struct op op_head_linear_gradient_weight = {.name = "head_linear_gradient_weight",
                                                         .help = "gradient of head_linear with respect to its weight",
                                                         .infer = infer_gradient_weight,
                                                         .cost = cost_gradient_weight,
                                                         .workspace = workspace_gradient_weight,
                                                         .run = run_gradient_weight};
