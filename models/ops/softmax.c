/* softmax: y = exp(x − max) / Σ exp(x − max) along the last dimension;  dx = y · (dy − Σ dy·y) */
#include <omp.h>

#include "models/ops/ops.h"
#include "models/ops/storage.h"

static bool infer_softmax(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor x = *node_input(graph, node, 0);
    return graph_output(graph, node, x.dtype, x.rank, x.dims) != NO_TENSOR;
}

/* Three rows: x (or y), dy, and the result. */
static size_t workspace_softmax(const struct graph *graph, const struct node *node, int threads)
{
    return storage_buffers(graph, node, threads, 3 * (size_t)tensor_columns(node_input(graph, node, 0)));
}

/* Exponential, sum, division: counted as the usual 5 FLOPs an element. */
static struct cost cost_softmax(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 5.0 * (double)tensor_elements(node_input(graph, node, 0))};
}

/* Rows of few columns are handed to the kernel many at a time. */
static size_t rows_at_once(const struct call *call, size_t columns)
{
    bool plain = call_input_dtype(call, 0) == DTYPE_F32;
    return plain && columns < STORAGE_PIECE ? STORAGE_PIECE / columns : 1;
}

static void run_rows(const struct call *call, bool gradient)
{
    const struct elementwise_kernels *convert = call_elementwise(call);
    const struct row_kernels *kernels = call_rows(call);
    const struct tensor *x = node_input(call->graph, call->node, 0);
    size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x), step = rows_at_once(call, columns);
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r += step) {
        float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * 3 * columns;
        size_t some = rows - r < step ? rows - r : step, first = r * columns, count = some * columns;
        const float *in = storage_read(convert, call->inputs[0], x->dtype, first, count, buffer);
        float *out = storage_target(call->outputs[0], x->dtype, first, buffer + 2 * columns);
        if (gradient)
            kernels->softmax_gradient(in,
                                      storage_read(convert, call->inputs[1], x->dtype, first, count, buffer + columns),
                                      out, some, columns);
        else
            kernels->softmax(in, out, some, columns);
        storage_commit(convert, call->outputs[0], x->dtype, first, count, out);
    }
}

static void run_softmax(const struct call *call)
{
    run_rows(call, false);
}

static void run_softmax_gradient(const struct call *call)
{
    run_rows(call, true);
}

static const struct op op_softmax_gradient = {.name = "softmax_gradient",
                                              .help = "gradient of softmax",
                                              .infer = infer_softmax,
                                              .cost = cost_softmax,
                                              .in_place = 1 << 1,
                                              .workspace = workspace_softmax,
                                              .run = run_softmax_gradient};

static void gradient_softmax(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    int inputs[] = {node->outputs[0], dy[0]};
    dx[0] = node_first_output(graph, graph_append(graph, &op_softmax_gradient, node->name, inputs, 2, NULL));
}

const struct op op_softmax = {.name = "softmax",
                              .help = "rows that are positive and sum to one",
                              .infer = infer_softmax,
                              .cost = cost_softmax,
                              .gradient = gradient_softmax,
                              .in_place = 1,
                              .workspace = workspace_softmax,
                              .run = run_softmax};

int build_softmax(struct graph *graph, const char *name, int x)
{
    return node_first_output(graph, graph_append(graph, &op_softmax, name, &x, 1, NULL));
}
