/* channel_scale: every channel times a factor, of the image it is in or of all
 *
 *   y[g,r,c] = x[g,r,c] · s[g,c];  dx = dy · s, ds[g,c] = Σ_r dy[g,r,c] · x[g,r,c]
 *   x [..., C], whose rows are G groups of as many; s [..., C] of G rows: one for each image is a squeeze-excitation's
 *   (Hu et al. 2018), one for all is a layer scale (Touvron et al. 2021). s is f32, or as x. */
#include <omp.h>
#include <string.h>

#include "harness/base/sizes.h"
#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { X, SCALE };

/* Rows that are read at once: widened, they stay in the second-level cache. */
enum { ROWS = 16 };

static bool infer_channel_scale(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X), s = *node_input(graph, node, SCALE);
    if (!dtype_info(x.dtype)->floating || (s.dtype != DTYPE_F32 && s.dtype != x.dtype))
        return error_set(error, ERROR_INPUT, "scales %s by f32 or its own type, not %s", dtype_info(x.dtype)->name,
                         dtype_info(s.dtype)->name);
    if (tensor_columns(&s) != tensor_columns(&x) || tensor_rows(&s) < 1 || tensor_rows(&x) % tensor_rows(&s))
        return error_set(error, ERROR_INPUT, "has %lld factors of %lld channels for %lld rows of %lld",
                         (long long)tensor_rows(&s), (long long)tensor_columns(&s), (long long)tensor_rows(&x),
                         (long long)tensor_columns(&x));
    return graph_output(graph, node, x.dtype, x.rank, x.dims) != NO_TENSOR;
}

static size_t workspace_channel_scale(const struct graph *graph, const struct node *node, int threads)
{
    return storage_buffers(graph, node, threads, (2 * ROWS + 1) * (size_t)tensor_columns(node_input(graph, node, X)));
}

/* y of `rows` rows from `first` on. */
static void scale_rows(const struct call *call, size_t first, size_t rows, size_t group_rows, float *buffer)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    size_t columns = (size_t)tensor_columns(node_input(call->graph, call->node, X)), at = first * columns;
    enum dtype dtype = call_input_dtype(call, X), factor_dtype = call_input_dtype(call, SCALE);
    float *factor_buffer = buffer + 2 * ROWS * columns;
    const float *x = storage_read(kernels, call->inputs[X], dtype, at, rows * columns, buffer), *factors = NULL;
    float *y = storage_target(call->outputs[0], dtype, at, buffer + ROWS * columns);
    for (size_t r = 0; r < rows; r++) {
        size_t group = (first + r) / group_rows;
        if (r == 0 || (first + r) % group_rows == 0)
            factors = storage_read(kernels, call->inputs[SCALE], factor_dtype, group * columns, columns, factor_buffer);
        kernels->multiply(x + r * columns, factors, y + r * columns, columns);
    }
    storage_commit(kernels, call->outputs[0], dtype, at, rows * columns, y);
}

static void run_channel_scale(const struct call *call)
{
    const struct tensor *x = node_input(call->graph, call->node, X), *s = node_input(call->graph, call->node, SCALE);
    size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x);
    size_t group_rows = rows / (size_t)tensor_rows(s);
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r += ROWS) {
        float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * (2 * ROWS + 1) * columns;
        scale_rows(call, r, least(rows - r, ROWS), group_rows, buffer);
    }
}

static struct cost cost_channel_scale(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = (double)tensor_elements(node_input(graph, node, X))};
}

static const struct op op_channel_scale_gradient;

static void gradient_channel_scale(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                   int *dx)
{
    if (wanted[SCALE]) {
        const struct tensor s = graph->tensors[node->inputs[SCALE]];
        struct attributes attributes = {.rank = s.rank, .dtype = s.trainable ? DTYPE_F32 : (int)s.dtype};
        memcpy(attributes.dims, s.dims, sizeof attributes.dims);
        dx[SCALE] = node_first_output(graph, graph_append(graph, &op_channel_scale_gradient, node->name,
                                                          (int[]){node->inputs[X], dy[0]}, 2, &attributes));
    }
    if (wanted[X])
        dx[X] = build_channel_scale(graph, node->name, dy[0], node->inputs[SCALE]);
}

const struct op op_channel_scale = {.name = "channel_scale",
                                    .help = "each channel times a factor, of its image or of all",
                                    .infer = infer_channel_scale,
                                    .cost = cost_channel_scale,
                                    .gradient = gradient_channel_scale,
                                    .in_place = 1 << X,
                                    .workspace = workspace_channel_scale,
                                    .run = run_channel_scale};

int build_channel_scale(struct graph *graph, const char *name, int x, int factors)
{
    return node_first_output(graph, graph_append(graph, &op_channel_scale, name, (int[]){x, factors}, 2, NULL));
}

/* ---- ds: inputs x and dy; few groups are shared among the threads, whose sums are added in their order ---- */

enum { DY = 1 };

static bool infer_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct attributes attributes = node->attributes;
    return graph_output(graph, node, (enum dtype)attributes.dtype, attributes.rank, attributes.dims) != NO_TENSOR;
}

static size_t parts_of(size_t groups, int threads)
{
    return groups < (size_t)threads ? (size_t)threads : 1;
}

static size_t workspace_gradient(const struct graph *graph, const struct node *node, int threads)
{
    size_t columns = (size_t)tensor_columns(node_input(graph, node, X));
    size_t groups = (size_t)tensor_rows(node_output(graph, node, 0));
    return groups * parts_of(groups, threads) * columns * sizeof(float) +
           storage_buffers(graph, node, threads, 2 * ROWS * columns);
}

/* Adds rows [first, last) of dy · x to sums [C]. */
static void sum_rows(const struct call *call, size_t first, size_t last, float *sums, float *buffer)
{
    const struct elementwise_kernels *convert = call_elementwise(call);
    size_t columns = (size_t)tensor_columns(node_input(call->graph, call->node, X));
    enum dtype dtype = call_input_dtype(call, X);
    for (size_t r = first; r < last; r += ROWS) {
        size_t some = least(last - r, ROWS), at = r * columns, count = some * columns;
        const float *x = storage_read(convert, call->inputs[X], dtype, at, count, buffer);
        const float *dy = storage_read(convert, call->inputs[DY], dtype, at, count, buffer + ROWS * columns);
        call_rows(call)->column_products(x, dy, sums, some, columns);
    }
}

static void run_gradient(const struct call *call)
{
    const struct tensor *x = node_input(call->graph, call->node, X), *s = node_output(call->graph, call->node, 0);
    size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x), groups = (size_t)tensor_rows(s);
    size_t group_rows = rows / groups, parts = parts_of(groups, call->threads);
    float *sums = call->workspace, *buffers = sums + groups * parts * columns;
    memset(sums, 0, groups * parts * columns * sizeof *sums);
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    for (size_t i = 0; i < groups * parts; i++) {
        size_t start = i / parts * group_rows, part = i % parts;
        sum_rows(call, start + group_rows * part / parts, start + group_rows * (part + 1) / parts, sums + i * columns,
                 buffers + (size_t)omp_get_thread_num() * 2 * ROWS * columns);
    }
    const struct elementwise_kernels *kernels = call_elementwise(call);
    for (size_t g = 0; g < groups; g++) {
        float *sum = sums + g * parts * columns;
        for (size_t part = 1; part < parts; part++)
            kernels->add(sum, sum + part * columns, sum, columns);
        float *out = storage_target(call->outputs[0], s->dtype, g * columns, sum);
        if (out != sum)
            memcpy(out, sum, columns * sizeof *sum);
        storage_commit(kernels, call->outputs[0], s->dtype, g * columns, columns, out);
    }
}

static struct cost cost_gradient(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 2 * (double)tensor_elements(node_input(graph, node, X))};
}

static const struct op op_channel_scale_gradient = {.name = "channel_scale_gradient",
                                                    .help = "gradient of channel_scale's factors",
                                                    .infer = infer_gradient,
                                                    .cost = cost_gradient,
                                                    .workspace = workspace_gradient,
                                                    .run = run_gradient};
