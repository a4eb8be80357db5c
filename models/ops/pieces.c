#include "models/ops/pieces.h"

#include <omp.h>

void pieces_run(const struct call *call, piece_function *compute)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    const struct tensor *output = node_output(call->graph, call->node, 0);
    const struct tensor *other = node_input(call->graph, call->node, 1);
    size_t count = (size_t)tensor_elements(output), period = other ? (size_t)tensor_elements(other) : count;
    size_t pieces = (period + STORAGE_PIECE - 1) / STORAGE_PIECE, all = period ? count / period * pieces : 0;
    enum dtype a_dtype = call_input_dtype(call, 0), b_dtype = other ? other->dtype : DTYPE_F32;
#pragma omp parallel for schedule(static) num_threads(call->threads) if (count > PARALLEL_FROM)
    for (size_t p = 0; p < all; p++) {
        float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * 3 * STORAGE_PIECE;
        size_t within = p % pieces * STORAGE_PIECE, first = p / pieces * period + within;
        size_t piece = period - within < STORAGE_PIECE ? period - within : STORAGE_PIECE;
        const float *a = storage_read(kernels, call->inputs[0], a_dtype, first, piece, buffer);
        const float *b =
            other ? storage_read(kernels, call->inputs[1], b_dtype, within, piece, buffer + STORAGE_PIECE) : NULL;
        float *y = storage_target(call->outputs[0], output->dtype, first, buffer + 2 * STORAGE_PIECE);
        compute(call, kernels, a, b, y, first, piece);
        storage_commit(kernels, call->outputs[0], output->dtype, first, piece, y);
    }
}

size_t pieces_workspace(const struct graph *graph, const struct node *node, int threads)
{
    return storage_buffers(graph, node, threads, 3 * STORAGE_PIECE);
}

bool pieces_infer(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, 0);
    const struct tensor *other = node_input(graph, node, 1);
    if (!dtype_info(x.dtype)->floating)
        return error_set(error, ERROR_INPUT, "takes floating-point tensors, not %s", dtype_info(x.dtype)->name);
    if (other && tensor_elements(other) != tensor_elements(&x))
        return error_set(error, ERROR_INPUT, "has inputs of %lld and %lld elements", (long long)tensor_elements(&x),
                         (long long)tensor_elements(other));
    return graph_output(graph, node, x.dtype, x.rank, x.dims) != NO_TENSOR;
}

struct cost pieces_cost(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = (double)tensor_elements(node_output(graph, node, 0))};
}
