/* mean_squared_error: loss = mean over all elements of (x − target)²;  dx = 2 (x − target) / elements */
#include <omp.h>

#include "models/ops/ops.h"
#include "models/ops/pieces.h"

static bool infer_mean_squared_error(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor *x = node_input(graph, node, 0), *target = node_input(graph, node, 1);
    if (tensor_elements(x) != tensor_elements(target))
        return error_set(error, ERROR_INPUT, "has %lld predictions and %lld targets", (long long)tensor_elements(x),
                         (long long)tensor_elements(target));
    int64_t one = 1;
    return graph_output(graph, node, DTYPE_F32, 1, &one) != NO_TENSOR;
}

static struct cost cost_mean_squared_error(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 3.0 * (double)tensor_elements(node_input(graph, node, 0))};
}

/* Summed in double, piece after piece in order, so that the loss doesn't depend on the number of threads. */
static void run_mean_squared_error(const struct call *call)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    const struct tensor *x = node_input(call->graph, call->node, 0);
    size_t count = (size_t)tensor_elements(x);
    float a_buffer[STORAGE_PIECE], b_buffer[STORAGE_PIECE];
    double sum = 0;
    for (size_t first = 0; first < count; first += STORAGE_PIECE) {
        size_t piece = count - first < STORAGE_PIECE ? count - first : STORAGE_PIECE;
        const float *a = storage_read(kernels, call->inputs[0], x->dtype, first, piece, a_buffer);
        const float *b = storage_read(kernels, call->inputs[1], call_input_dtype(call, 1), first, piece, b_buffer);
        for (size_t i = 0; i < piece; i++)
            sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    }
    *(float *)call->outputs[0] = (float)(sum / (double)count);
}

static void gradient_piece(const struct call *call, const struct elementwise_kernels *kernels, const float *a,
                           const float *b, float *y, size_t first, size_t count)
{
    (void)kernels, (void)first;
    float scale = 2.0f / (float)tensor_elements(node_input(call->graph, call->node, 0));
    for (size_t i = 0; i < count; i++)
        y[i] = scale * (a[i] - b[i]);
}

static void run_gradient(const struct call *call)
{
    pieces_run(call, gradient_piece);
}

static const struct op op_mean_squared_error_gradient = {.name = "mean_squared_error_gradient",
                                                         .help = "gradient of mean_squared_error",
                                                         .infer = pieces_infer,
                                                         .cost = cost_mean_squared_error,
                                                         .in_place = 1,
                                                         .workspace = pieces_workspace,
                                                         .run = run_gradient};

static void gradient_mean_squared_error(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                        int *dx)
{
    (void)dy, (void)wanted; /* the loss's own gradient is 1 */
    dx[0] = node_first_output(graph,
                              graph_append(graph, &op_mean_squared_error_gradient, node->name, node->inputs, 2, NULL));
}

const struct op op_mean_squared_error = {.name = "mean_squared_error",
                                         .help = "mean of squared differences",
                                         .infer = infer_mean_squared_error,
                                         .cost = cost_mean_squared_error,
                                         .gradient = gradient_mean_squared_error,
                                         .run = run_mean_squared_error};

int build_mean_squared_error(struct graph *graph, const char *name, int x, int target)
{
    return node_first_output(graph, graph_append(graph, &op_mean_squared_error, name, (int[]){x, target}, 2, NULL));
}
