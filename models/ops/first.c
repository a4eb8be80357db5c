/* first: y[b,:] = x[b,0,:], the class token's row of each sequence;  dx[b,0,:] = dy[b,:], zero elsewhere */
#include <string.h>

#include "models/ops/ops.h"

static bool infer_first(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, 0);
    if (x.rank != 3)
        return error_set(error, ERROR_INPUT, "takes [B,T,C], not %d dimensions", x.rank);
    return graph_output(graph, node, x.dtype, 2, (int64_t[]){x.dims[0], x.dims[2]}) != NO_TENSOR;
}

/* Bytes of a row, and from one sequence to the next, of a tensor [B,T,C]. */
static void row_sizes(const struct tensor *sequences, size_t *row, size_t *sequence)
{
    *row = dtype_bytes(sequences->dtype, (size_t)sequences->dims[2]);
    *sequence = *row * (size_t)sequences->dims[1];
}

static void run_first(const struct call *call)
{
    const struct tensor *x = node_input(call->graph, call->node, 0);
    size_t row, sequence;
    row_sizes(x, &row, &sequence);
    for (size_t b = 0; b < (size_t)x->dims[0]; b++)
        memcpy((char *)call->outputs[0] + b * row, (const char *)call->inputs[0] + b * sequence, row);
}

/* Only the first rows move, not the sequences. */
static struct cost cost_first(const struct graph *graph, const struct node *node)
{
    double bytes = (double)tensor_bytes(node_output(graph, node, 0));
    return (struct cost){.bytes_read = bytes, .bytes_written = bytes};
}

static bool infer_first_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor dy = *node_input(graph, node, 0);
    return graph_output(graph, node, dy.dtype, 3, (int64_t[]){dy.dims[0], node->attributes.dims[1], dy.dims[1]}) !=
           NO_TENSOR;
}

static void run_first_gradient(const struct call *call)
{
    const struct tensor *dx = node_output(call->graph, call->node, 0);
    size_t row, sequence;
    row_sizes(dx, &row, &sequence);
    memset(call->outputs[0], 0, tensor_bytes(dx));
    for (size_t b = 0; b < (size_t)dx->dims[0]; b++)
        memcpy((char *)call->outputs[0] + b * sequence, (const char *)call->inputs[0] + b * row, row);
}

static const struct op op_first_gradient = {
    .name = "first_gradient", .help = "gradient of first", .infer = infer_first_gradient, .run = run_first_gradient};

static void gradient_first(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    const struct attributes attributes = {.dims = {0, node_input(graph, node, 0)->dims[1]}};
    dx[0] = node_first_output(graph, graph_append(graph, &op_first_gradient, node->name, &dy[0], 1, &attributes));
}

const struct op op_first = {.name = "first",
                            .help = "the first position of each sequence",
                            .infer = infer_first,
                            .cost = cost_first,
                            .gradient = gradient_first,
                            .run = run_first};

int build_first(struct graph *graph, const char *name, int x)
{
    return node_first_output(graph, graph_append(graph, &op_first, name, &x, 1, NULL));
}
