/* rms_norm: y = x · rstd · gamma along the last dimension, rstd = 1/√(mean(x²) + ε) (Zhang, Sennrich 2019)
 *
 *   x, y [..., C]; gamma [C]; rstd [...] is kept for the gradient in training; with x̂ = x·rstd and g = dy·gamma:
 *   dx     = rstd · (g − x̂ · mean(g·x̂))   (+ the gradient that reached x along the residual)
 *   dgamma = Σ over rows of dy·x̂
 * A gamma that is stored less 1, as Gemma's are, is made whole at the start of each call. */
#include <omp.h>
#include <string.h>

#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { X, GAMMA };

/* Rows handed to a kernel at once: their widened copies stay in the second-level cache. */
enum { ROWS = 16 };

static bool infer_rms_norm(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X);
    const struct tensor *gamma = node_input(graph, node, GAMMA);
    if (tensor_elements(gamma) != tensor_columns(&x))
        return error_set(error, ERROR_INPUT, "rows of %lld elements don't fit a gamma of %lld",
                         (long long)tensor_columns(&x), (long long)tensor_elements(gamma));
    graph_output(graph, node, x.dtype, x.rank, x.dims);
    if (graph->training)
        graph_output(graph, node, DTYPE_F32, x.rank - 1, x.dims);
    return true;
}

/* Floats for a gamma that has to be made whole. */
static size_t gamma_floats(const struct node *node, size_t columns)
{
    return node->attributes.less_one ? columns : 0;
}

/* Gamma as the kernels want it: what is stored, or made whole in `to`. */
static const float *whole_gamma(const struct call *call, const float *stored, float *to, size_t columns)
{
    if (!call->node->attributes.less_one)
        return stored;
    for (size_t c = 0; c < columns; c++)
        to[c] = 1 + stored[c];
    return to;
}

static size_t workspace_rms_norm(const struct graph *graph, const struct node *node, int threads)
{
    size_t columns = (size_t)tensor_columns(node_input(graph, node, X));
    return gamma_floats(node, columns) * sizeof(float) + storage_buffers(graph, node, threads, 2 * ROWS * columns);
}

static void run_rms_norm(const struct call *call)
{
    const struct elementwise_kernels *convert = call_elementwise(call);
    const struct tensor *x = node_input(call->graph, call->node, X);
    size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x);
    float *rstd = call->node->output_count > 1 ? call->outputs[1] : NULL;
    const float *gamma = whole_gamma(call, call->inputs[GAMMA], call->workspace, columns);
    float *buffers = (float *)call->workspace + gamma_floats(call->node, columns);
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r += ROWS) {
        float *buffer = buffers + (size_t)omp_get_thread_num() * 2 * ROWS * columns;
        size_t some = rows - r < ROWS ? rows - r : ROWS;
        const float *in = storage_read(convert, call->inputs[X], x->dtype, r * columns, some * columns, buffer);
        float *out = storage_target(call->outputs[0], x->dtype, r * columns, buffer + ROWS * columns);
        call_rows(call)->rms_norm(in, gamma, out, rstd ? rstd + r : NULL, some, columns,
                                  call->node->attributes.epsilon);
        storage_commit(convert, call->outputs[0], x->dtype, r * columns, some * columns, out);
    }
}

/* A multiply-add for the moment, two more operations to scale. */
static struct cost cost_rms_norm(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 4.0 * (double)tensor_elements(node_input(graph, node, X))};
}

static const struct op op_rms_norm_gradient;

static void gradient_rms_norm(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    int inputs[] = {node->inputs[X], node->inputs[GAMMA], node->outputs[1], dy[0], dx[X]};
    int made = graph_append(graph, &op_rms_norm_gradient, node->name, inputs, 5, &node->attributes);
    if (made == NO_NODE)
        return;
    dx[X] = graph->nodes[made].outputs[0];
    dx[GAMMA] = graph->nodes[made].outputs[1];
}

const struct op op_rms_norm = {.name = "rms_norm",
                               .help = "scales each row to a root mean square of 1",
                               .infer = infer_rms_norm,
                               .cost = cost_rms_norm,
                               .gradient = gradient_rms_norm,
                               .accumulates = 1 << X,
                               .workspace = workspace_rms_norm,
                               .run = run_rms_norm};

int build_rms_norm(struct graph *graph, const char *name, int x, int gamma, float epsilon)
{
    const struct attributes attributes = {.epsilon = epsilon};
    return node_first_output(graph, graph_append(graph, &op_rms_norm, name, (int[]){x, gamma}, 2, &attributes));
}

int build_rms_norm_less_one(struct graph *graph, const char *name, int x, int gamma, float epsilon)
{
    const struct attributes attributes = {.epsilon = epsilon, .less_one = true};
    return node_first_output(graph, graph_append(graph, &op_rms_norm, name, (int[]){x, gamma}, 2, &attributes));
}

/* ---- gradient: each thread sums dgamma over its rows; the sums are then added in the threads' order ---- */

enum { SAVED_X, SAVED_GAMMA, RSTD, DY, RESIDUAL };

static bool infer_rms_norm_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor x = *node_input(graph, node, SAVED_X);
    int64_t columns = tensor_columns(&x);
    graph_output(graph, node, x.dtype, x.rank, x.dims);
    graph_output(graph, node, DTYPE_F32, 1, &columns);
    return true;
}

/* A whole gamma; per thread: dgamma, and buffers for x, dy, the residual's gradient and dx when they are widened. */
static size_t workspace_rms_norm_gradient(const struct graph *graph, const struct node *node, int threads)
{
    size_t columns = (size_t)tensor_columns(node_input(graph, node, SAVED_X));
    return ((size_t)threads * columns + gamma_floats(node, columns)) * sizeof(float) +
           storage_buffers(graph, node, threads, 4 * ROWS * columns);
}

static void gradient_rows(const struct call *call, size_t r, size_t some, const float *gamma, float *dgamma,
                          float *buffer)
{
    const struct elementwise_kernels *convert = call_elementwise(call);
    const struct tensor *x = node_input(call->graph, call->node, SAVED_X);
    size_t columns = (size_t)tensor_columns(x), first = r * columns, count = some * columns, block = ROWS * columns;
    const float *in = storage_read(convert, call->inputs[SAVED_X], x->dtype, first, count, buffer);
    const float *dy = storage_read(convert, call->inputs[DY], x->dtype, first, count, buffer + block);
    const float *residual = NULL;
    if (call->inputs[RESIDUAL])
        residual = storage_read(convert, call->inputs[RESIDUAL], x->dtype, first, count, buffer + 2 * block);
    float *dx = storage_target(call->outputs[0], x->dtype, first, buffer + 3 * block);
    call_rows(call)->rms_norm_gradient(in, gamma, (const float *)call->inputs[RSTD] + r, dy, residual, dx, dgamma, some,
                                       columns);
    storage_commit(convert, call->outputs[0], x->dtype, first, count, dx);
}

static void run_rms_norm_gradient(const struct call *call)
{
    const struct tensor *x = node_input(call->graph, call->node, SAVED_X);
    size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x), threads = (size_t)call->threads;
    const float *gamma = whole_gamma(call, call->inputs[SAVED_GAMMA], call->workspace, columns);
    float *sums = (float *)call->workspace + gamma_floats(call->node, columns), *buffers = sums + threads * columns;
    memset(sums, 0, threads * columns * sizeof *sums);
#pragma omp parallel num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    {
        size_t me = (size_t)omp_get_thread_num(), team = (size_t)omp_get_num_threads();
        size_t last = rows * (me + 1) / team;
        for (size_t r = rows * me / team; r < last; r += ROWS)
            gradient_rows(call, r, last - r < ROWS ? last - r : ROWS, gamma, sums + me * columns,
                          buffers + me * 4 * ROWS * columns);
    }
    for (size_t t = 1; t < threads; t++)
        call_elementwise(call)->add(sums, sums + t * columns, sums, columns);
    memcpy(call->outputs[1], sums, columns * sizeof *sums);
}

static struct cost cost_rms_norm_gradient(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 10.0 * (double)tensor_elements(node_input(graph, node, SAVED_X))};
}

static const struct op op_rms_norm_gradient = {.name = "rms_norm_gradient",
                                               .help = "gradient of rms_norm",
                                               .infer = infer_rms_norm_gradient,
                                               .cost = cost_rms_norm_gradient,
                                               .in_place = 1 << DY | 1 << RESIDUAL,
                                               .workspace = workspace_rms_norm_gradient,
                                               .run = run_rms_norm_gradient};
