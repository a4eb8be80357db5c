/* conv_norm: what convolution, batch norm with its running statistics, a residual sum and an activation make together,
 * for inference (training keeps them apart: their gradients need what lies between)
 *
 *   x [N,H,W,C], filters [OC,KH,KW,C/G], gamma, beta, mean, variance [OC], residual [N,OH,OW,OC] or none; f32
 *   y[n,oh,ow,o] = f( (conv(x)[…,o] − mean[o]) / √(variance[o] + ε) · gamma[o] + beta[o] + residual[n,oh,ow,o] )
 *
 * One group: filters are stored in blocks of channels (conv_blocked.h). A group for each channel (depthwise): as they
 * are, and without a residual. */
#include <math.h>

#include "models/kernels/conv_blocked.h"
#include "models/kernels/spatial.h"
#include "models/ops/conv_geometry.h"
#include "models/ops/matrix.h"
#include "models/ops/ops.h"

enum { X, FILTERS, GAMMA, BETA, MEAN, VARIANCE, RESIDUAL };

static bool shape_of(const struct graph *graph, const struct node *node, struct conv_shape *shape, struct error *error)
{
    return conv_geometry(node_input(graph, node, X), &node->attributes, node_input(graph, node, FILTERS)->dims[0],
                         shape, error);
}

static bool infer_conv_norm(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X), filters = *node_input(graph, node, FILTERS);
    struct conv_shape shape;
    if (filters.rank != 4 || x.dtype != DTYPE_F32 || filters.dtype != DTYPE_F32)
        return error_set(error, ERROR_INPUT, "takes f32 images and filters [OC,KH,KW,C/groups]");
    node->attributes.kernel[0] = filters.dims[1];
    node->attributes.kernel[1] = filters.dims[2];
    if (!shape_of(graph, node, &shape, error))
        return false;
    bool depthwise = shape.groups > 1;
    if (depthwise && (shape.groups != shape.channels || shape.channels != shape.out_channels))
        return error_set(error, ERROR_INPUT, "takes one group, or one for each channel, not %zu", shape.groups);
    if (filters.dims[3] != (depthwise ? 1 : x.dims[3]) || filters.blocked == depthwise)
        return error_set(error, ERROR_INPUT, "takes filters of all channels in blocks, or of one as they are");
    for (int i = GAMMA; i <= VARIANCE; i++)
        if (tensor_elements(node_input(graph, node, i)) != filters.dims[0])
            return error_set(error, ERROR_INPUT, "has %lld channels and a parameter of %lld",
                             (long long)filters.dims[0], (long long)tensor_elements(node_input(graph, node, i)));
    int64_t dims[] = {x.dims[0], (int64_t)shape.out_height, (int64_t)shape.out_width, filters.dims[0]};
    int y = graph_output(graph, node, DTYPE_F32, 4, dims);
    if (node->inputs[RESIDUAL] == NO_TENSOR || y == NO_TENSOR)
        return true;
    if (depthwise)
        return error_set(error, ERROR_INPUT, "takes no residual where each channel is a group");
    if (tensor_elements(node_input(graph, node, RESIDUAL)) != tensor_elements(&graph->tensors[y]))
        return error_set(error, ERROR_INPUT, "has a residual of another size than its result");
    return true;
}

/* The workspace: scale and shift of each channel; for depthwise the scaled filters; the kernel's own. */
static size_t affine_bytes(const struct conv_shape *shape)
{
    return (2 * shape->out_channels * sizeof(float) + 63) / 64 * 64;
}

static size_t workspace_conv_norm(const struct graph *graph, const struct node *node, int threads)
{
    struct conv_shape shape;
    shape_of(graph, node, &shape, NULL);
    return affine_bytes(&shape) + (shape.groups > 1 ? tensor_bytes(node_input(graph, node, FILTERS))
                                                    : conv_blocked_workspace(&shape, threads));
}

/* Each channel's filter is scaled: y = f(conv(x, filters · scale) + shift). */
static void run_depthwise(const struct call *call, const struct conv_shape *shape, const float *scale,
                          const float *shift, float *filters)
{
    size_t taps = shape->kernel_height * shape->kernel_width;
    for (size_t o = 0; o < shape->out_channels; o++)
        for (size_t tap = 0; tap < taps; tap++)
            filters[o * taps + tap] = ((const float *)call->inputs[FILTERS])[o * taps + tap] * scale[o];
    grouped_conv_run(shape, call->inputs[X], filters, shift, (enum activation)call->node->attributes.activation,
                     call->outputs[0], call->threads);
}

static void run_conv_norm(const struct call *call)
{
    struct conv_shape shape;
    shape_of(call->graph, call->node, &shape, NULL);
    float *scale = call->workspace, *shift = scale + shape.out_channels;
    char *room = (char *)call->workspace + affine_bytes(&shape);
    const float *gamma = call->inputs[GAMMA], *beta = call->inputs[BETA];
    const float *mean = call->inputs[MEAN], *variance = call->inputs[VARIANCE];
    for (size_t o = 0; o < shape.out_channels; o++) {
        scale[o] = gamma[o] / sqrtf(variance[o] + call->node->attributes.epsilon);
        shift[o] = beta[o] - mean[o] * scale[o];
    }
    if (shape.groups > 1) {
        run_depthwise(call, &shape, scale, shift, (float *)(void *)room);
        return;
    }
    const struct conv_blocked conv = {.shape = shape,
                                      .x = call->inputs[X],
                                      .filters = call->inputs[FILTERS],
                                      .scale = scale,
                                      .shift = shift,
                                      .residual = call->inputs[RESIDUAL],
                                      .activation = (enum activation)call->node->attributes.activation,
                                      .y = call->outputs[0]};
    if (call->reference)
        conv_blocked_reference(&conv);
    else
        conv_blocked_run(&conv, room, call->threads);
}

static struct cost cost_conv_norm(const struct graph *graph, const struct node *node)
{
    struct conv_shape shape;
    shape_of(graph, node, &shape, NULL);
    double pixels = (double)(shape.batch * shape.out_height * shape.out_width);
    size_t depth = shape.kernel_height * shape.kernel_width * (shape.channels / shape.groups);
    struct cost cost = matrix_cost(pixels, (double)shape.out_channels, (double)depth);
    double each = node->inputs[RESIDUAL] == NO_TENSOR ? 2 : 3; /* scaled, shifted, added to */
    cost.flops += each * pixels * (double)shape.out_channels;
    return cost;
}

const struct op op_conv_norm = {.name = "conv_norm",
                                .help = "convolution, batch norm, residual and activation in one, for inference",
                                .infer = infer_conv_norm,
                                .cost = cost_conv_norm,
                                .workspace = workspace_conv_norm,
                                .run = run_conv_norm};

int build_conv_norm(struct graph *graph, const char *name, int x, int filters, const struct norm_tensors *norm,
                    float epsilon, int residual, struct conv_attributes shape, enum activation activation)
{
    const struct attributes attributes = {.activation = (int)activation,
                                          .epsilon = epsilon,
                                          .stride = {shape.stride[0], shape.stride[1]},
                                          .pad = {shape.pad[0], shape.pad[1]},
                                          .dilation = {shape.dilation[0], shape.dilation[1]},
                                          .groups = shape.groups};
    const int inputs[] = {x, filters, norm->gamma, norm->beta, norm->mean, norm->variance, residual};
    return node_first_output(graph, graph_append(graph, &op_conv_norm, name, inputs, 7, &attributes));
}
