/* join: heads of two widths side by side;  y[..., g, :] = (a[..., g, :], b[..., g, :])
 * part: the other way;                     y[..., g, :] = x[..., g, first : first + W]
 *
 *   a [..., G·A], b [..., G·B]; y [..., G·(A+B)];  da, db are dy's parts
 *   x [..., G·C]; y [..., G·W];                    dx is dy there and zero elsewhere (part_gradient) */
#include <string.h>

#include "models/ops/ops.h"
#include "models/ops/storage.h"

/* Rows of bytes: `count` of them, from one matrix with its own stride to another. */
struct strided {
    char *to;
    const char *from;
    size_t to_stride, from_stride, bytes, count;
};

static void copy_rows(const struct call *call, struct strided s)
{
#pragma omp parallel for schedule(static) num_threads(call->threads) if (s.count * s.bytes > 4 * PARALLEL_FROM)
    for (size_t r = 0; r < s.count; r++)
        memcpy(s.to + r * s.to_stride, s.from + r * s.from_stride, s.bytes);
}

/* Bytes of one group's columns in a tensor of `heads` groups. */
static size_t group_bytes(const struct tensor *tensor, const struct node *node)
{
    return dtype_bytes(tensor->dtype, (size_t)(tensor_columns(tensor) / node->attributes.heads));
}

static size_t groups_of(const struct tensor *tensor, const struct node *node)
{
    return (size_t)(tensor_rows(tensor) * node->attributes.heads);
}

static bool takes_groups(const struct tensor *x, int64_t groups, struct error *error)
{
    if (groups > 0 && x->rank > 0 && tensor_columns(x) % groups == 0 &&
        (x->dtype == DTYPE_F32 || x->dtype == DTYPE_BF16))
        return true;
    return error_set(error, ERROR_INPUT, "takes f32 or bf16 rows of %lld groups, not %lld columns of %s",
                     (long long)groups, (long long)tensor_columns(x), dtype_info(x->dtype)->name);
}

/* ---- join ---- */

static bool infer_join(struct graph *graph, struct node *node, struct error *error)
{
    struct tensor a = *node_input(graph, node, 0);
    const struct tensor b = *node_input(graph, node, 1);
    if (!takes_groups(&a, node->attributes.heads, error) || !takes_groups(&b, node->attributes.heads, error))
        return false;
    if (a.rank != b.rank || a.dtype != b.dtype || tensor_rows(&a) != tensor_rows(&b))
        return error_set(error, ERROR_INPUT, "joins as many rows of one dtype, not %lld and %lld",
                         (long long)tensor_rows(&a), (long long)tensor_rows(&b));
    a.dims[a.rank - 1] += tensor_columns(&b);
    return graph_output(graph, node, a.dtype, a.rank, a.dims) != NO_TENSOR;
}

static void run_join(const struct call *call)
{
    const struct tensor *y = node_output(call->graph, call->node, 0);
    size_t stride = group_bytes(y, call->node), count = groups_of(y, call->node), at = 0;
    for (int i = 0; i < 2; i++) {
        size_t bytes = group_bytes(node_input(call->graph, call->node, i), call->node);
        copy_rows(call, (struct strided){(char *)call->outputs[0] + at, call->inputs[i], stride, bytes, bytes, count});
        at += bytes;
    }
}

static void gradient_join(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    int64_t groups = node->attributes.heads, a = tensor_columns(node_input(graph, node, 0)) / groups,
            b = tensor_columns(node_input(graph, node, 1)) / groups;
    if (wanted[0])
        dx[0] = build_part(graph, node->name, dy[0], groups, 0, a);
    if (wanted[1])
        dx[1] = build_part(graph, node->name, dy[0], groups, a, b);
}

const struct op op_join = {.name = "join",
                           .help = "heads of two widths side by side",
                           .infer = infer_join,
                           .gradient = gradient_join,
                           .run = run_join};

int build_join(struct graph *graph, const char *name, int a, int b, int64_t groups)
{
    const struct attributes attributes = {.heads = groups};
    return node_first_output(graph, graph_append(graph, &op_join, name, (int[]){a, b}, 2, &attributes));
}

/* ---- part: attributes.position is the first column of a group, dims[0] how many, dims[1] of how many ---- */

static bool infer_part(struct graph *graph, struct node *node, struct error *error)
{
    struct tensor x = *node_input(graph, node, 0);
    const struct attributes *a = &node->attributes;
    if (!takes_groups(&x, a->heads, error))
        return false;
    if (a->position < 0 || a->dims[0] < 1 || a->position + a->dims[0] > tensor_columns(&x) / a->heads)
        return error_set(error, ERROR_INPUT, "there are no %lld columns from %lld on in groups of %lld",
                         (long long)a->dims[0], (long long)a->position, (long long)(tensor_columns(&x) / a->heads));
    x.dims[x.rank - 1] = a->heads * a->dims[0];
    return graph_output(graph, node, x.dtype, x.rank, x.dims) != NO_TENSOR;
}

static void run_part(const struct call *call)
{
    const struct tensor *x = node_input(call->graph, call->node, 0), *y = node_output(call->graph, call->node, 0);
    size_t bytes = group_bytes(y, call->node), stride = group_bytes(x, call->node);
    size_t at = dtype_bytes(x->dtype, (size_t)call->node->attributes.position);
    copy_rows(call, (struct strided){call->outputs[0], (const char *)call->inputs[0] + at, bytes, stride, bytes,
                                     groups_of(y, call->node)});
}

/* Only the part moves, not the whole. */
static struct cost cost_part(const struct graph *graph, const struct node *node)
{
    double bytes = (double)tensor_bytes(node_output(graph, node, 0));
    return (struct cost){.bytes_read = bytes, .bytes_written = bytes};
}

static bool infer_part_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    struct tensor dy = *node_input(graph, node, 0);
    dy.dims[dy.rank - 1] = node->attributes.heads * node->attributes.dims[1];
    return graph_output(graph, node, dy.dtype, dy.rank, dy.dims) != NO_TENSOR;
}

static void run_part_gradient(const struct call *call)
{
    const struct tensor *dy = node_input(call->graph, call->node, 0), *dx = node_output(call->graph, call->node, 0);
    size_t bytes = group_bytes(dy, call->node), stride = group_bytes(dx, call->node);
    size_t at = dtype_bytes(dx->dtype, (size_t)call->node->attributes.position);
    memset(call->outputs[0], 0, tensor_bytes(dx));
    copy_rows(call, (struct strided){(char *)call->outputs[0] + at, call->inputs[0], stride, bytes, bytes,
                                     groups_of(dy, call->node)});
}

static const struct op op_part_gradient = {
    .name = "part_gradient", .help = "gradient of part", .infer = infer_part_gradient, .run = run_part_gradient};

static void gradient_part(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    struct attributes attributes = node->attributes;
    attributes.dims[1] = tensor_columns(node_input(graph, node, 0)) / attributes.heads;
    dx[0] = node_first_output(graph, graph_append(graph, &op_part_gradient, node->name, &dy[0], 1, &attributes));
}

const struct op op_part = {.name = "part",
                           .help = "some columns of each head",
                           .infer = infer_part,
                           .cost = cost_part,
                           .gradient = gradient_part,
                           .run = run_part};

int build_part(struct graph *graph, const char *name, int x, int64_t groups, int64_t first, int64_t width)
{
    const struct attributes attributes = {.heads = groups, .position = first, .dims = {width}};
    return node_first_output(graph, graph_append(graph, &op_part, name, &x, 1, &attributes));
}
