/* pick: y[b,:] = x[b,p,:], one position of each sequence: a class token's, or the last, whose logits are asked for;
 * dx[b,p,:] = dy[b,:], zero elsewhere */
#include <string.h>

#include "models/ops/ops.h"

static bool infer_pick(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, 0);
    if (x.rank != 3)
        return error_set(error, ERROR_INPUT, "takes [B,T,C], not %d dimensions", x.rank);
    if (node->attributes.position < 0 || node->attributes.position >= x.dims[1])
        return error_set(error, ERROR_INPUT, "there is no position %lld in sequences of %lld",
                         (long long)node->attributes.position, (long long)x.dims[1]);
    return graph_output(graph, node, x.dtype, 2, (int64_t[]){x.dims[0], x.dims[2]}) != NO_TENSOR;
}

/* Bytes of a row, and from one sequence to the next, of a tensor [B,T,C]. */
static void row_sizes(const struct tensor *sequences, size_t *row, size_t *sequence)
{
    *row = dtype_bytes(sequences->dtype, (size_t)sequences->dims[2]);
    *sequence = *row * (size_t)sequences->dims[1];
}

static void run_pick(const struct call *call)
{
    const struct tensor *x = node_input(call->graph, call->node, 0);
    size_t row, sequence;
    row_sizes(x, &row, &sequence);
    size_t at = (size_t)call->node->attributes.position * row;
    for (size_t b = 0; b < (size_t)x->dims[0]; b++)
        memcpy((char *)call->outputs[0] + b * row, (const char *)call->inputs[0] + b * sequence + at, row);
}

/* Only the picked rows move, not the sequences. */
static struct cost cost_pick(const struct graph *graph, const struct node *node)
{
    double bytes = (double)tensor_bytes(node_output(graph, node, 0));
    return (struct cost){.bytes_read = bytes, .bytes_written = bytes};
}

static bool infer_pick_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor dy = *node_input(graph, node, 0);
    return graph_output(graph, node, dy.dtype, 3, (int64_t[]){dy.dims[0], node->attributes.dims[1], dy.dims[1]}) !=
           NO_TENSOR;
}

static void run_pick_gradient(const struct call *call)
{
    const struct tensor *dx = node_output(call->graph, call->node, 0);
    size_t row, sequence;
    row_sizes(dx, &row, &sequence);
    size_t at = (size_t)call->node->attributes.position * row;
    memset(call->outputs[0], 0, tensor_bytes(dx));
    for (size_t b = 0; b < (size_t)dx->dims[0]; b++)
        memcpy((char *)call->outputs[0] + b * sequence + at, (const char *)call->inputs[0] + b * row, row);
}

static const struct op op_pick_gradient = {
    .name = "pick_gradient", .help = "gradient of pick", .infer = infer_pick_gradient, .run = run_pick_gradient};

static void gradient_pick(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    const struct attributes attributes = {.position = node->attributes.position,
                                          .dims = {0, node_input(graph, node, 0)->dims[1]}};
    dx[0] = node_first_output(graph, graph_append(graph, &op_pick_gradient, node->name, &dy[0], 1, &attributes));
}

const struct op op_pick = {.name = "pick",
                           .help = "one position of each sequence",
                           .infer = infer_pick,
                           .cost = cost_pick,
                           .gradient = gradient_pick,
                           .run = run_pick};

int build_pick(struct graph *graph, const char *name, int x, int64_t position)
{
    const struct attributes attributes = {.position = position};
    return node_first_output(graph, graph_append(graph, &op_pick, name, &x, 1, &attributes));
}
