#include "models/ops/norm_rows.h"

#include <omp.h>
#include <string.h>

#include "harness/base/sizes.h"

enum { X, GAMMA };

/* Rows handed to a kernel at once: their widened copies stay in the second-level cache. */
enum { ROWS = 16 };

bool norm_infer(struct graph *graph, struct node *node, int statistics, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X);
    const struct tensor *gamma = node_input(graph, node, GAMMA);
    if (gamma && tensor_elements(gamma) != tensor_columns(&x))
        return error_set(error, ERROR_INPUT, "rows of %lld elements don't fit a gamma of %lld",
                         (long long)tensor_columns(&x), (long long)tensor_elements(gamma));
    graph_output(graph, node, x.dtype, x.rank, x.dims);
    for (int i = 0; graph->training && i < statistics; i++)
        graph_output(graph, node, DTYPE_F32, x.rank - 1, x.dims);
    return true;
}

size_t norm_workspace(const struct graph *graph, const struct node *node, int threads)
{
    return storage_buffers(graph, node, threads, 2 * ROWS * (size_t)tensor_columns(node_input(graph, node, X)));
}

void norm_run(const struct call *call, norm_function *compute)
{
    const struct elementwise_kernels *convert = call_elementwise(call);
    const struct tensor *x = node_input(call->graph, call->node, X);
    size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x);
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r += ROWS) {
        float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * 2 * ROWS * columns;
        size_t some = least(rows - r, ROWS);
        const float *in = storage_read(convert, call->inputs[X], x->dtype, r * columns, some * columns, buffer);
        float *out = storage_target(call->outputs[0], x->dtype, r * columns, buffer + ROWS * columns);
        compute(call, in, out, r, some);
        storage_commit(convert, call->outputs[0], x->dtype, r * columns, some * columns, out);
    }
}

/* ---- gradient: each thread sums the parameters' of its rows; the sums are then added in the threads' order ---- */

bool norm_gradient_infer(struct graph *graph, struct node *node, int parameters)
{
    const struct tensor x = *node_input(graph, node, X);
    int64_t columns = tensor_columns(&x);
    graph_output(graph, node, x.dtype, x.rank, x.dims);
    for (int i = 0; i < parameters; i++)
        graph_output(graph, node, DTYPE_F32, 1, &columns);
    return true;
}

static size_t parameters_of(const struct node *node)
{
    return (size_t)node->output_count - 1;
}

/* Per thread: the parameters' sums, and buffers for x, dy, the residual's gradient and dx when they are widened. */
size_t norm_gradient_workspace(const struct graph *graph, const struct node *node, int threads)
{
    size_t columns = (size_t)tensor_columns(node_input(graph, node, X));
    return (size_t)threads * parameters_of(node) * columns * sizeof(float) +
           storage_buffers(graph, node, threads, 4 * ROWS * columns);
}

static void gradient_block(const struct call *call, norm_gradient_function *compute, struct norm_block block,
                           float *buffer)
{
    const struct elementwise_kernels *convert = call_elementwise(call);
    enum dtype dtype = call_input_dtype(call, X);
    int dy = call->node->input_count - 2, residual = call->node->input_count - 1;
    size_t first = block.first * block.columns, count = block.rows * block.columns, stride = ROWS * block.columns;
    block.x = storage_read(convert, call->inputs[X], dtype, first, count, buffer);
    block.dy = storage_read(convert, call->inputs[dy], dtype, first, count, buffer + stride);
    if (call->inputs[residual])
        block.residual = storage_read(convert, call->inputs[residual], dtype, first, count, buffer + 2 * stride);
    block.dx = storage_target(call->outputs[0], dtype, first, buffer + 3 * stride);
    compute(call, &block);
    storage_commit(convert, call->outputs[0], dtype, first, count, block.dx);
}

void norm_gradient_run(const struct call *call, norm_gradient_function *compute)
{
    const struct tensor *x = node_input(call->graph, call->node, X);
    size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x), threads = (size_t)call->threads;
    size_t width = parameters_of(call->node) * columns;
    float *sums = call->workspace, *buffers = sums + threads * width;
    memset(sums, 0, threads * width * sizeof *sums);
#pragma omp parallel num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    {
        size_t me = (size_t)omp_get_thread_num(), team = (size_t)omp_get_num_threads();
        size_t last = rows * (me + 1) / team;
        struct norm_block block = {.columns = columns, .sums = sums + me * width};
        for (block.first = rows * me / team; block.first < last; block.first += ROWS) {
            block.rows = least(last - block.first, ROWS);
            gradient_block(call, compute, block, buffers + me * 4 * ROWS * columns);
        }
    }
    for (size_t t = 1; t < threads; t++)
        call_elementwise(call)->add(sums, sums + t * width, sums, width);
    for (size_t p = 0; p < parameters_of(call->node); p++)
        memcpy(call->outputs[1 + p], sums + p * columns, columns * sizeof *sums);
}
