/* y = x in another dtype;  dx = dy in x's dtype */
#include "models/ops/ops.h"
#include "models/ops/pieces.h"

static bool infer_cast(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, 0);
    if (!dtype_info(x.dtype)->floating)
        return error_set(error, ERROR_INPUT, "takes floating-point tensors, not %s", dtype_info(x.dtype)->name);
    return graph_output(graph, node, (enum dtype)node->attributes.dtype, x.rank, x.dims) != NO_TENSOR;
}

static void cast_piece(const struct call *call, const struct elementwise_kernels *kernels, const float *a,
                       const float *b, float *y, size_t first, size_t count)
{
    (void)call, (void)b, (void)first;
    if (a != y)
        kernels->scale(a, 1.0f, y, count);
}

static void run_cast(const struct call *call)
{
    pieces_run(call, cast_piece);
}

static void gradient_cast(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    dx[0] = build_cast(graph, node->name, dy[0], node_input(graph, node, 0)->dtype);
}

const struct op op_cast = {.name = "cast",
                           .help = "the same values in another dtype",
                           .infer = infer_cast,
                           .gradient = gradient_cast,
                           .workspace = pieces_workspace,
                           .run = run_cast};

int build_cast(struct graph *graph, const char *name, int x, enum dtype dtype)
{
    if (x == NO_TENSOR || graph->tensors[x].dtype == dtype)
        return x;
    const struct attributes attributes = {.dtype = dtype};
    return node_first_output(graph, graph_append(graph, &op_cast, name, &x, 1, &attributes));
}
