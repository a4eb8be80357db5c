/* y = x in another shape: a view, nothing moves;  dx = dy in x's shape */
#include "models/ops/ops.h"

static bool infer_reshape(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, 0);
    int64_t dims[MAX_RANK], known = 1;
    int rank = (int)node->attributes.rank, open = -1;
    for (int i = 0; i < rank; i++) {
        dims[i] = node->attributes.dims[i];
        if (dims[i] < 0)
            open = i;
        else
            known *= dims[i];
    }
    if (open >= 0 && known > 0)
        dims[open] = tensor_elements(&x) / known;
    int64_t total = open >= 0 ? known * dims[open] : known;
    if (total != tensor_elements(&x))
        return error_set(error, ERROR_INPUT, "can't hold %lld elements in the shape asked for",
                         (long long)tensor_elements(&x));
    graph_alias(graph, graph_output(graph, node, x.dtype, rank, dims), node->inputs[0]);
    return true;
}

static void gradient_reshape(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    const struct tensor x = *node_input(graph, node, 0);
    dx[0] = build_reshape(graph, node->name, dy[0], x.rank, x.dims);
}

const struct op op_reshape = {.name = "reshape",
                              .help = "the same elements in another shape, without moving them",
                              .infer = infer_reshape,
                              .gradient = gradient_reshape};

int build_reshape(struct graph *graph, const char *name, int x, int rank, const int64_t *dims)
{
    struct attributes attributes = {.rank = rank};
    for (int i = 0; i < rank; i++)
        attributes.dims[i] = dims[i];
    return node_first_output(graph, graph_append(graph, &op_reshape, name, &x, 1, &attributes));
}
