/* max_pool, average_pool: the largest element, or the mean, of each window of [N,H,W,C], channel by channel
 *
 *   max:      dx gets dy at the winner (the first of equals), which is kept in training
 *   average:  dx gets dy / elements at every element of the window; padding counts as elements when count_padding
 *
 * Computed in f32; other dtypes are widened into the workspace. */
#include <string.h>

#include "models/kernels/spatial.h"
#include "models/ops/conv_geometry.h"
#include "models/ops/ops.h"
#include "models/ops/widened.h"

static bool infer_pool(struct graph *graph, struct node *node, bool winners, struct error *error)
{
    const struct tensor x = *node_input(graph, node, 0);
    struct conv_shape shape;
    if (!conv_geometry(&x, &node->attributes, x.dims[3], &shape, error))
        return false;
    int64_t dims[] = {x.dims[0], (int64_t)shape.out_height, (int64_t)shape.out_width, x.dims[3]};
    graph_output(graph, node, x.dtype, 4, dims);
    if (winners && graph->training)
        graph_output(graph, node, DTYPE_I32, 4, dims);
    return true;
}

static bool infer_max_pool(struct graph *graph, struct node *node, struct error *error)
{
    return infer_pool(graph, node, true, error);
}

static bool infer_average_pool(struct graph *graph, struct node *node, struct error *error)
{
    return infer_pool(graph, node, false, error);
}

static size_t workspace_pool(const struct graph *graph, const struct node *node, int threads)
{
    (void)threads;
    return widened_bytes(node_input(graph, node, 0)) + widened_bytes(node_output(graph, node, 0));
}

static void run_pool(const struct call *call, bool largest)
{
    const struct tensor *x = node_input(call->graph, call->node, 0), *y = node_output(call->graph, call->node, 0);
    struct conv_shape shape;
    conv_geometry(x, &call->node->attributes, x->dims[3], &shape, NULL);
    char *room = call->workspace;
    const float *in = widened_read(call, x, call->inputs[0], &room);
    float *out = widened_target(y, call->outputs[0], &room);
    if (largest)
        max_pool_run(&shape, in, out, call->node->output_count > 1 ? call->outputs[1] : NULL, call->threads);
    else
        average_pool_run(&shape, call->node->attributes.count_padding, in, out, call->threads);
    widened_commit(call, y, out, call->outputs[0]);
}

static void run_max_pool(const struct call *call)
{
    run_pool(call, true);
}

static void run_average_pool(const struct call *call)
{
    run_pool(call, false);
}

/* One comparison or addition for each element of each window. */
static struct cost cost_pool(const struct graph *graph, const struct node *node)
{
    double window = (double)(node->attributes.kernel[0] * node->attributes.kernel[1]);
    return (struct cost){.flops = window * (double)tensor_elements(node_output(graph, node, 0))};
}

/* ---- gradients: inputs dy, and the winners; the image's dims are among the attributes ---- */

static bool infer_pool_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    int64_t dims[4];
    memcpy(dims, node->attributes.dims, sizeof dims);
    return graph_output(graph, node, node_input(graph, node, 0)->dtype, 4, dims) != NO_TENSOR;
}

static void run_pool_gradient(const struct call *call)
{
    const struct tensor *dy = node_input(call->graph, call->node, 0), *dx = node_output(call->graph, call->node, 0);
    const struct attributes *attributes = &call->node->attributes;
    struct conv_shape shape;
    conv_geometry(dx, attributes, dx->dims[3], &shape, NULL);
    char *room = call->workspace;
    const float *in = widened_read(call, dy, call->inputs[0], &room);
    float *out = widened_target(dx, call->outputs[0], &room);
    if (call->node->input_count > 1)
        max_pool_gradient_run(&shape, in, call->inputs[1], out, call->threads);
    else
        average_pool_gradient_run(&shape, attributes->count_padding, in, out, call->threads);
    widened_commit(call, dx, out, call->outputs[0]);
}

static struct cost cost_pool_gradient(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = (double)tensor_elements(node_input(graph, node, 0))};
}

static const struct op op_pool_gradient = {.name = "pool_gradient",
                                           .help = "gradient of max_pool and average_pool",
                                           .infer = infer_pool_gradient,
                                           .cost = cost_pool_gradient,
                                           .workspace = workspace_pool,
                                           .run = run_pool_gradient};

static void gradient_pool(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    struct attributes attributes = node->attributes;
    memcpy(attributes.dims, node_input(graph, node, 0)->dims, sizeof attributes.dims);
    bool winners = node->output_count > 1;
    int inputs[] = {dy[0], winners ? node->outputs[1] : NO_TENSOR};
    dx[0] = node_first_output(graph,
                              graph_append(graph, &op_pool_gradient, node->name, inputs, winners ? 2 : 1, &attributes));
}

const struct op op_max_pool = {.name = "max_pool",
                               .help = "largest element of each window",
                               .infer = infer_max_pool,
                               .cost = cost_pool,
                               .gradient = gradient_pool,
                               .workspace = workspace_pool,
                               .run = run_max_pool};
const struct op op_average_pool = {.name = "average_pool",
                                   .help = "mean of each window",
                                   .infer = infer_average_pool,
                                   .cost = cost_pool,
                                   .gradient = gradient_pool,
                                   .workspace = workspace_pool,
                                   .run = run_average_pool};

static struct attributes window(struct pool_attributes shape)
{
    return (struct attributes){.kernel = {shape.kernel[0], shape.kernel[1]},
                               .stride = {shape.stride[0], shape.stride[1]},
                               .pad = {shape.pad[0], shape.pad[1]},
                               .dilation = {shape.dilation[0], shape.dilation[1]},
                               .groups = 1,
                               .count_padding = shape.count_padding};
}

int build_max_pool(struct graph *graph, const char *name, int x, struct pool_attributes shape)
{
    const struct attributes attributes = window(shape);
    return node_first_output(graph, graph_append(graph, &op_max_pool, name, &x, 1, &attributes));
}

int build_average_pool(struct graph *graph, const char *name, int x, struct pool_attributes shape)
{
    const struct attributes attributes = window(shape);
    return node_first_output(graph, graph_append(graph, &op_average_pool, name, &x, 1, &attributes));
}
