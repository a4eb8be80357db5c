/* layer_norm: y = (x − mean) · rstd · gamma + beta along the last dimension (Ba, Kiros, Hinton 2016)
 *
 *   x, y [..., C]; gamma, beta [C]; mean, rstd [...] are kept for the gradient in training; rstd = 1/√(variance + ε)
 *   with x̂ = (x − mean)·rstd and g = dy·gamma:
 *   dx     = rstd · (g − mean(g) − x̂ · mean(g·x̂))   (+ the gradient that reached x along the residual)
 *   dgamma = Σ over rows of dy·x̂,   dbeta = Σ over rows of dy */
#include <omp.h>
#include <string.h>

#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { X, GAMMA, BETA };

/* Rows handed to a kernel at once: their widened copies stay in the second-level cache. */
enum { ROWS = 16 };

static bool infer_layer_norm(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X);
    const struct tensor *gamma = node_input(graph, node, GAMMA);
    if (gamma && tensor_elements(gamma) != tensor_columns(&x))
        return error_set(error, ERROR_INPUT, "rows of %lld elements don't fit a gamma of %lld",
                         (long long)tensor_columns(&x), (long long)tensor_elements(gamma));
    graph_output(graph, node, x.dtype, x.rank, x.dims);
    if (graph->training) {
        graph_output(graph, node, DTYPE_F32, x.rank - 1, x.dims);
        graph_output(graph, node, DTYPE_F32, x.rank - 1, x.dims);
    }
    return true;
}

static size_t workspace_layer_norm(const struct graph *graph, const struct node *node, int threads)
{
    return storage_buffers(graph, node, threads, 2 * ROWS * (size_t)tensor_columns(node_input(graph, node, X)));
}

static void run_layer_norm(const struct call *call)
{
    const struct elementwise_kernels *convert = call_elementwise(call);
    const struct row_kernels *kernels = call_rows(call);
    const struct tensor *x = node_input(call->graph, call->node, X);
    size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x);
    float *mean = call->node->output_count > 1 ? call->outputs[1] : NULL;
    float *rstd = mean ? call->outputs[2] : NULL;
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r += ROWS) {
        float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * 2 * ROWS * columns;
        size_t some = rows - r < ROWS ? rows - r : ROWS;
        const float *in = storage_read(convert, call->inputs[X], x->dtype, r * columns, some * columns, buffer);
        float *out = storage_target(call->outputs[0], x->dtype, r * columns, buffer + ROWS * columns);
        kernels->layer_norm(in, call->inputs[GAMMA], call->inputs[BETA], out, mean ? mean + r : NULL,
                            rstd ? rstd + r : NULL, some, columns, call->node->attributes.epsilon);
        storage_commit(convert, call->outputs[0], x->dtype, r * columns, some * columns, out);
    }
}

/* Two passes of multiply-add for the moments, two more operations each to normalise and to scale. */
static struct cost cost_layer_norm(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 8.0 * (double)tensor_elements(node_input(graph, node, X))};
}

static const struct op op_layer_norm_gradient;

static void gradient_layer_norm(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                int *dx)
{
    (void)wanted;
    int inputs[] = {node->inputs[X], node->inputs[GAMMA], node->outputs[1], node->outputs[2], dy[0], dx[X]};
    int made = graph_append(graph, &op_layer_norm_gradient, node->name, inputs, 6, &node->attributes);
    if (made == NO_NODE)
        return;
    const int *outputs = graph->nodes[made].outputs;
    dx[X] = outputs[0];
    dx[GAMMA] = outputs[1];
    dx[BETA] = outputs[2];
}

const struct op op_layer_norm = {.name = "layer_norm",
                                 .help = "normalises each row to mean 0 and variance 1",
                                 .infer = infer_layer_norm,
                                 .cost = cost_layer_norm,
                                 .gradient = gradient_layer_norm,
                                 .accumulates = 1 << X,
                                 .workspace = workspace_layer_norm,
                                 .run = run_layer_norm};

int build_layer_norm(struct graph *graph, const char *name, int x, int gamma, int beta, float epsilon)
{
    const struct attributes attributes = {.epsilon = epsilon};
    return node_first_output(graph, graph_append(graph, &op_layer_norm, name, (int[]){x, gamma, beta}, 3, &attributes));
}

/* ---- gradient: each thread sums dgamma and dbeta of its rows; the sums are then added in the threads' order ---- */

enum { SAVED_X, SAVED_GAMMA, MEAN, RSTD, DY, RESIDUAL };

static bool infer_layer_norm_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor x = *node_input(graph, node, SAVED_X);
    int64_t columns = tensor_columns(&x);
    graph_output(graph, node, x.dtype, x.rank, x.dims);
    graph_output(graph, node, DTYPE_F32, 1, &columns);
    graph_output(graph, node, DTYPE_F32, 1, &columns);
    return true;
}

/* Per thread: dgamma, dbeta, and buffers for x, dy, the residual's gradient and dx when they are widened. */
static size_t workspace_layer_norm_gradient(const struct graph *graph, const struct node *node, int threads)
{
    size_t columns = (size_t)tensor_columns(node_input(graph, node, SAVED_X));
    return (size_t)threads * 2 * columns * sizeof(float) + storage_buffers(graph, node, threads, 4 * ROWS * columns);
}

static void gradient_rows(const struct call *call, size_t r, size_t some, float *sums, float *buffer)
{
    const struct elementwise_kernels *convert = call_elementwise(call);
    const struct tensor *x = node_input(call->graph, call->node, SAVED_X);
    size_t columns = (size_t)tensor_columns(x), first = r * columns, count = some * columns;
    const float *mean = call->inputs[MEAN], *rstd = call->inputs[RSTD];
    const float *in = storage_read(convert, call->inputs[SAVED_X], x->dtype, first, count, buffer);
    const float *dy = storage_read(convert, call->inputs[DY], x->dtype, first, count, buffer + ROWS * columns);
    const float *residual = !call->inputs[RESIDUAL] ? NULL
                                                    : storage_read(convert, call->inputs[RESIDUAL], x->dtype, first,
                                                                   count, buffer + 2 * ROWS * columns);
    float *dx = storage_target(call->outputs[0], x->dtype, first, buffer + 3 * ROWS * columns);
    call_rows(call)->layer_norm_gradient(in, call->inputs[SAVED_GAMMA], mean + r, rstd + r, dy, residual, dx, sums,
                                         sums + columns, some, columns);
    storage_commit(convert, call->outputs[0], x->dtype, first, count, dx);
}

static void run_layer_norm_gradient(const struct call *call)
{
    const struct tensor *x = node_input(call->graph, call->node, SAVED_X);
    size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x), threads = (size_t)call->threads;
    float *sums = call->workspace, *buffers = sums + threads * 2 * columns;
    memset(sums, 0, threads * 2 * columns * sizeof *sums);
#pragma omp parallel num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    {
        size_t me = (size_t)omp_get_thread_num(), team = (size_t)omp_get_num_threads();
        size_t last = rows * (me + 1) / team;
        for (size_t r = rows * me / team; r < last; r += ROWS)
            gradient_rows(call, r, last - r < ROWS ? last - r : ROWS, sums + me * 2 * columns,
                          buffers + me * 4 * ROWS * columns);
    }
    const struct elementwise_kernels *kernels = call_elementwise(call);
    for (size_t t = 1; t < threads; t++)
        kernels->add(sums, sums + t * 2 * columns, sums, 2 * columns);
    memcpy(call->outputs[1], sums, columns * sizeof *sums);
    memcpy(call->outputs[2], sums + columns, columns * sizeof *sums);
}

static struct cost cost_layer_norm_gradient(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 14.0 * (double)tensor_elements(node_input(graph, node, SAVED_X))};
}

static const struct op op_layer_norm_gradient = {.name = "layer_norm_gradient",
                                                 .help = "gradient of layer_norm",
                                                 .infer = infer_layer_norm_gradient,
                                                 .cost = cost_layer_norm_gradient,
                                                 .in_place = 1 << DY | 1 << RESIDUAL,
                                                 .workspace = workspace_layer_norm_gradient,
                                                 .run = run_layer_norm_gradient};
