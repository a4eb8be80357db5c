/* y = a + b;  da = dy, db = dy
 *
 *   a [R...,S...], b [R...,S...] or [S...]: what is stored once, such as positions, is added to every sequence of a
 * batch. Then db = Σ_R dy, in f32 for a weight. */
#include "models/ops/matrix.h"
#include "models/ops/ops.h"
#include "models/ops/pieces.h"

/* Is `b` the shape of a's last dimensions? */
static bool ends_with(const struct tensor *a, const struct tensor *b)
{
    for (int i = 1; i <= b->rank; i++)
        if (i > a->rank || a->dims[a->rank - i] != b->dims[b->rank - i])
            return false;
    return true;
}

static bool infer_add(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor a = *node_input(graph, node, 0), b = *node_input(graph, node, 1);
    if (!ends_with(&a, &b))
        return pieces_infer(graph, node, error);
    if (!dtype_info(a.dtype)->floating)
        return error_set(error, ERROR_INPUT, "takes floating-point tensors, not %s", dtype_info(a.dtype)->name);
    return graph_output(graph, node, a.dtype, a.rank, a.dims) != NO_TENSOR;
}

static void add_piece(const struct call *call, const struct elementwise_kernels *kernels, const float *a,
                      const float *b, float *y, size_t first, size_t count)
{
    (void)call, (void)first;
    kernels->add(a, b, y, count);
}

static void run_add(const struct call *call)
{
    pieces_run(call, add_piece);
}

static int build_sum_of_repeats(struct graph *graph, const char *name, int dy, int like);

static void gradient_add(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    const struct tensor *a = node_input(graph, node, 0), *b = node_input(graph, node, 1);
    bool repeats = tensor_elements(a) != tensor_elements(b);
    dx[0] = dy[0];
    if (wanted[1])
        dx[1] = repeats ? build_sum_of_repeats(graph, node->name, dy[0], node->inputs[1]) : dy[0];
}

const struct op op_add = {.name = "add",
                          .help = "sum of two tensors, the second of which may repeat",
                          .infer = infer_add,
                          .cost = pieces_cost,
                          .gradient = gradient_add,
                          .in_place = 3,
                          .workspace = pieces_workspace,
                          .run = run_add};

int build_add(struct graph *graph, const char *name, int a, int b)
{
    return node_first_output(graph, graph_append(graph, &op_add, name, (int[]){a, b}, 2, NULL));
}

/* ---- sum_of_repeats: y[S...] = Σ_R x[R...,S...] ---- */

static bool infer_sum(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    return graph_output(graph, node, DTYPE_F32, node->attributes.rank, node->attributes.dims) != NO_TENSOR;
}

static void run_sum(const struct call *call)
{
    const struct tensor *x = node_input(call->graph, call->node, 0);
    size_t columns = (size_t)tensor_elements(node_output(call->graph, call->node, 0));
    matrix_column_sums(call, call->inputs[0], x->dtype, (size_t)tensor_elements(x) / columns, columns,
                       call->outputs[0]);
}

static struct cost cost_sum(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = (double)tensor_elements(node_input(graph, node, 0))};
}

static const struct op op_sum_of_repeats = {.name = "sum_of_repeats",
                                            .help = "gradient of what add repeats",
                                            .infer = infer_sum,
                                            .cost = cost_sum,
                                            .run = run_sum};

/* Weights' gradients are f32, others as the tensor itself. */
static int build_sum_of_repeats(struct graph *graph, const char *name, int dy, int like)
{
    const struct tensor *b = &graph->tensors[like];
    struct attributes attributes = {.rank = b->rank};
    for (int i = 0; i < b->rank; i++)
        attributes.dims[i] = b->dims[i];
    enum dtype dtype = b->trainable ? DTYPE_F32 : b->dtype;
    int sum = node_first_output(graph, graph_append(graph, &op_sum_of_repeats, name, &dy, 1, &attributes));
    return dtype == DTYPE_F32 ? sum : build_cast(graph, name, sum, dtype);
}
