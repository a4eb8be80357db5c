#include "models/graph/cost.h"

#include <string.h>

#include "models/graph/op.h"

/* An op that moves what it is given and makes: each input read once, each output written once. */
static struct cost streaming_cost(const struct graph *graph, const struct node *node)
{
    struct cost cost = {0};
    if (!node->op->run)
        return cost; /* a view: nothing moves */
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != NO_TENSOR)
            cost.bytes_read += (double)tensor_bytes(&graph->tensors[node->inputs[i]]);
    for (int i = 0; i < node->output_count; i++)
        cost.bytes_written += (double)tensor_bytes(&graph->tensors[node->outputs[i]]);
    return cost;
}

struct cost node_cost(const struct graph *graph, const struct node *node)
{
    struct cost cost = streaming_cost(graph, node);
    if (node->op->cost) {
        struct cost own = node->op->cost(graph, node);
        cost.flops = own.flops;
        if (own.bytes_read > 0 || own.bytes_written > 0) {
            cost.bytes_read = own.bytes_read;
            cost.bytes_written = own.bytes_written;
        }
    }
    return cost;
}

struct cost graph_cost(const struct graph *graph)
{
    struct cost total = {0};
    for (int i = 0; i < graph->node_count; i++) {
        struct cost cost = node_cost(graph, &graph->nodes[i]);
        total.flops += cost.flops;
        total.bytes_read += cost.bytes_read;
        total.bytes_written += cost.bytes_written;
    }
    return total;
}

static enum dtype node_dtype(const struct graph *graph, const struct node *node, const struct tensor *output)
{
    for (int i = 0; i < node->input_count; i++) {
        const struct tensor *input = node_input(graph, node, i);
        if (input && node->op->packed >> i & 1 && (dtype_quantised(input->dtype) || input->dtype == DTYPE_F16))
            return input->dtype;
    }
    if (node->op->packs && dtype_quantised(output->dtype))
        return output->dtype;
    const struct tensor *first = node_input(graph, node, 0);
    return first ? first->dtype : output->dtype;
}

struct features node_features(const struct graph *graph, const struct node *node)
{
    const struct cost cost = node_cost(graph, node);
    const struct tensor *shape = &graph->tensors[node->output_count ? node->outputs[0] : node->inputs[0]];
    return (struct features){.op = node->op->name,
                             .dtype = node_dtype(graph, node, shape),
                             .flops = cost.flops,
                             .bytes = cost.bytes_read + cost.bytes_written,
                             .rows = (double)tensor_rows(shape),
                             .columns = (double)tensor_columns(shape)};
}

bool features_are_same(const struct features *a, const struct features *b)
{
    return a->dtype == b->dtype && a->flops == b->flops && a->bytes == b->bytes && a->rows == b->rows &&
           a->columns == b->columns && strcmp(a->op, b->op) == 0;
}
