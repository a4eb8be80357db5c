/* prepend: y[b,0,:] = token + positions[0,:],  y[b,1+p,:] = x[b,p,:] + positions[1+p,:]
 *
 *   x [B,P,C], token [C], positions [1+P,C];  y [B,1+P,C]: a learned class token before a sequence of patches, with
 *   learned positions (Dosovitskiy et al. 2021)
 *   dx = dy[:,1:,:],  dtoken = Σ_b dy[b,0,:],  dpositions = Σ_b dy[b,:,:] */
#include <omp.h>

#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { X, TOKEN, POSITIONS };

static bool infer_prepend(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X), token = *node_input(graph, node, TOKEN);
    const struct tensor positions = *node_input(graph, node, POSITIONS);
    if (x.rank != 3 || tensor_elements(&token) != x.dims[2] || positions.rank != 2 ||
        positions.dims[0] != x.dims[1] + 1 || positions.dims[1] != x.dims[2])
        return error_set(error, ERROR_INPUT, "takes patches [B,P,C], a token [C] and positions [1+P,C]");
    return graph_output(graph, node, x.dtype, 3, (int64_t[]){x.dims[0], x.dims[1] + 1, x.dims[2]}) != NO_TENSOR;
}

static size_t workspace_prepend(const struct graph *graph, const struct node *node, int threads)
{
    return storage_buffers(graph, node, threads, 3 * (size_t)tensor_columns(node_input(graph, node, 0)));
}

static void run_prepend(const struct call *call)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    const struct tensor *y = node_output(call->graph, call->node, 0);
    size_t columns = (size_t)y->dims[2], length = (size_t)y->dims[1], rows = (size_t)tensor_rows(y);
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r++) {
        float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * 3 * columns;
        size_t b = r / length, t = r % length;
        const float *value =
            t == 0 ? storage_read(kernels, call->inputs[TOKEN], call_input_dtype(call, TOKEN), 0, columns, buffer)
                   : storage_read(kernels, call->inputs[X], y->dtype, (b * (length - 1) + t - 1) * columns, columns,
                                  buffer);
        const float *position = storage_read(kernels, call->inputs[POSITIONS], call_input_dtype(call, POSITIONS),
                                             t * columns, columns, buffer + columns);
        float *out = storage_target(call->outputs[0], y->dtype, r * columns, buffer + 2 * columns);
        kernels->add(value, position, out, columns);
        storage_commit(kernels, call->outputs[0], y->dtype, r * columns, columns, out);
    }
}

static struct cost cost_prepend(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = (double)tensor_elements(node_output(graph, node, 0))};
}

static const struct op op_prepend_gradient;

static void gradient_prepend(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    int made = graph_append(graph, &op_prepend_gradient, node->name, &dy[0], 1, NULL);
    for (int i = X; made != NO_NODE && i <= POSITIONS; i++)
        dx[i] = graph->nodes[made].outputs[i];
}

const struct op op_prepend = {.name = "prepend",
                              .help = "a learned token before a sequence, and learned positions",
                              .infer = infer_prepend,
                              .cost = cost_prepend,
                              .gradient = gradient_prepend,
                              .workspace = workspace_prepend,
                              .run = run_prepend};

int build_prepend(struct graph *graph, const char *name, int x, int token, int positions)
{
    return node_first_output(graph, graph_append(graph, &op_prepend, name, (int[]){x, token, positions}, 3, NULL));
}

/* ---- gradient: outputs dx, dtoken, dpositions ---- */

static bool infer_prepend_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor dy = *node_input(graph, node, 0);
    graph_output(graph, node, dy.dtype, 3, (int64_t[]){dy.dims[0], dy.dims[1] - 1, dy.dims[2]});
    graph_output(graph, node, DTYPE_F32, 1, &dy.dims[2]);
    graph_output(graph, node, DTYPE_F32, 2, &dy.dims[1]);
    return true;
}

/* A position at a time: its rows of all sequences are copied to dx and summed. */
static void run_prepend_gradient(const struct call *call)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    const struct tensor *dy = node_input(call->graph, call->node, 0);
    size_t batch = (size_t)dy->dims[0], length = (size_t)dy->dims[1], columns = (size_t)dy->dims[2];
    float *token = call->outputs[TOKEN], *positions = call->outputs[POSITIONS];
#pragma omp parallel for schedule(static) num_threads(call->threads) if (batch * length * columns > PARALLEL_FROM)
    for (size_t t = 0; t < length; t++) {
        float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * 3 * columns;
        float *sum = positions + t * columns;
        kernels->fill(sum, 0, columns);
        for (size_t b = 0; b < batch; b++) {
            const float *row =
                storage_read(kernels, call->inputs[0], dy->dtype, (b * length + t) * columns, columns, buffer);
            kernels->add(sum, row, sum, columns);
            if (t == 0)
                continue;
            size_t to = (b * (length - 1) + t - 1) * columns;
            float *out = storage_target(call->outputs[X], dy->dtype, to, buffer + columns);
            kernels->scale(row, 1, out, columns);
            storage_commit(kernels, call->outputs[X], dy->dtype, to, columns, out);
        }
    }
    kernels->scale(positions, 1, token, columns);
}

static struct cost cost_prepend_gradient(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = (double)tensor_elements(node_input(graph, node, 0))};
}

static const struct op op_prepend_gradient = {.name = "prepend_gradient",
                                              .help = "gradient of prepend",
                                              .infer = infer_prepend_gradient,
                                              .cost = cost_prepend_gradient,
                                              .workspace = workspace_prepend,
                                              .run = run_prepend_gradient};
