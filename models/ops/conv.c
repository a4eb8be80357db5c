/* conv: y = f(convolution of x with filters + bias)
 *
 *   x [N,H,W,C], filters [OC,KH,KW,C/G], bias [OC] or none;  y [N,OH,OW,OC]; any stride, padding, dilation, G groups
 *   y[n,oh,ow,o] = Σ_{kh,kw,c} x[n, oh·s + kh·d − p, ow·s + kw·d − p, c] · filters[o,kh,kw,c]
 *   dx [N,H,W,C]         conv_gradient_input:    each pixel sums over the outputs that its taps reached
 *   dfilters, dbias      conv_gradient_filters:  dzᵀ · patches(x), Σ dz
 *
 * All three are matrix multiplications over patches that are gathered while they are packed (implicit im2col:
 * Chellapilla et al. 2006), one for each group. Groups of few channels (depthwise) are summed directly instead, and so
 * are windows of stride 1 where that is faster (conv_direct.h); reference runs always multiply. */
#include <string.h>

#include "models/kernels/conv_direct.h"
#include "models/kernels/spatial.h"
#include "models/ops/conv_geometry.h"
#include "models/ops/matrix.h"
#include "models/ops/ops.h"
#include "models/ops/widened.h"

enum { X, FILTERS, BIAS };

/* A group narrower than this many channels is too thin for matrix tiles. */
enum { THIN_GROUP = 8 };

static bool sums_directly(const struct conv_shape *shape)
{
    return shape->groups > 1 && shape->channels / shape->groups < THIN_GROUP;
}

/* A 1x1 window that touches every pixel once: the image is the matrix. */
static bool is_pointwise(const struct conv_shape *s)
{
    return s->kernel_height == 1 && s->kernel_width == 1 && s->stride_height == 1 && s->stride_width == 1 &&
           s->pad_top == 0 && s->pad_left == 0;
}

/* What one group's three multiplications are made of. */
struct group {
    struct conv_shape shape;
    size_t channels, out_channels; /* of one group */
    size_t taps;                   /* KH · KW */
    size_t pixels, out_pixels;     /* N·H·W, N·OH·OW */
};

static struct group group_of(const struct conv_shape *shape)
{
    return (struct group){.shape = *shape,
                          .channels = shape->channels / shape->groups,
                          .out_channels = shape->out_channels / shape->groups,
                          .taps = shape->kernel_height * shape->kernel_width,
                          .pixels = shape->batch * shape->height * shape->width,
                          .out_pixels = shape->batch * shape->out_height * shape->out_width};
}

/* An operand that gathers group `index`'s patches of x, or the transposed patches of dz. */
static struct operand patches(const struct group *group, enum operand_kind kind, const void *data, enum dtype dtype,
                              size_t index)
{
    bool of_output = kind == OPERAND_PATCHES_TRANSPOSED;
    size_t count = of_output ? group->out_channels : group->channels;
    size_t all = of_output ? group->shape.out_channels : group->shape.channels;
    if (is_pointwise(&group->shape))
        return matrix_operand(data ? (const char *)data + dtype_bytes(dtype, index * count) : NULL, dtype, all, false);
    return (struct operand){.data = data,
                            .dtype = dtype,
                            .kind = kind,
                            .conv = &group->shape,
                            .channel_offset = index * count,
                            .channel_count = count};
}

static void *element(void *data, enum dtype dtype, size_t offset)
{
    return data ? (char *)data + dtype_bytes(dtype, offset) : NULL;
}

static size_t align64(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* A pass as a direct convolution, whose types must be one; false when it is none, or none that pays. */
static bool as_direct(struct conv_direct *direct, const struct tensor *image, const struct tensor *operand,
                      enum dtype result)
{
    bool gradient = direct->pass == CONV_GRADIENT_FILTERS;
    direct->dtype = image->dtype;
    return operand->dtype == image->dtype && (gradient || result == image->dtype) && conv_direct_applies(direct);
}

static void run_direct(const struct call *call, struct conv_direct *direct)
{
    direct->image = call->inputs[0];
    direct->operand = call->inputs[1];
    direct->result = call->outputs[0];
    conv_direct_run(direct, call->workspace, call->threads);
}

/* ---- forward ---- */

static bool shape_of(const struct graph *graph, const struct node *node, struct conv_shape *shape, struct error *error)
{
    return conv_geometry(node_input(graph, node, X), &node->attributes, node_input(graph, node, FILTERS)->dims[0],
                         shape, error);
}

static bool infer_conv(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X), filters = *node_input(graph, node, FILTERS);
    struct conv_shape shape;
    if (filters.rank != 4)
        return error_set(error, ERROR_INPUT, "takes filters [OC,KH,KW,C/groups]");
    node->attributes.kernel[0] = filters.dims[1];
    node->attributes.kernel[1] = filters.dims[2];
    if (!shape_of(graph, node, &shape, error))
        return false;
    if (filters.dims[3] != x.dims[3] / node->attributes.groups)
        return error_set(error, ERROR_INPUT, "has filters of %lld channels for %lld in %lld groups",
                         (long long)filters.dims[3], (long long)x.dims[3], (long long)node->attributes.groups);
    int64_t dims[] = {x.dims[0], (int64_t)shape.out_height, (int64_t)shape.out_width, filters.dims[0]};
    return graph_output(graph, node, x.dtype, 4, dims) != NO_TENSOR;
}

static struct gemm forward_gemm(const struct group *group, const struct graph *graph, const struct node *node,
                                const struct call *call, size_t index)
{
    const struct tensor *x = node_input(graph, node, X), *filters = node_input(graph, node, FILTERS);
    size_t k = group->taps * group->channels, n = group->out_channels;
    const float *bias = call ? call->inputs[BIAS] : NULL;
    return (struct gemm){.m = group->out_pixels,
                         .n = n,
                         .k = k,
                         .a = patches(group, OPERAND_PATCHES, call ? call->inputs[X] : NULL, x->dtype, index),
                         .b =
                             matrix_operand(call ? element(call->inputs[FILTERS], filters->dtype, index * n * k) : NULL,
                                            filters->dtype, k, true),
                         .c = call ? element(call->outputs[0], x->dtype, index * n) : NULL,
                         .c_dtype = x->dtype,
                         .c_row_stride = group->shape.out_channels,
                         .bias = bias ? bias + index * n : NULL,
                         .activation = (enum activation)node->attributes.activation};
}

static bool forward_direct(const struct graph *graph, const struct node *node, const struct conv_shape *shape,
                           struct conv_direct *direct)
{
    const struct tensor *x = node_input(graph, node, X);
    *direct = (struct conv_direct){
        .pass = CONV_FORWARD, .shape = *shape, .activation = (enum activation)node->attributes.activation};
    return as_direct(direct, x, node_input(graph, node, FILTERS), x->dtype);
}

static size_t workspace_conv(const struct graph *graph, const struct node *node, int threads)
{
    struct conv_shape shape;
    shape_of(graph, node, &shape, NULL);
    if (sums_directly(&shape))
        return widened_bytes(node_input(graph, node, X)) + widened_bytes(node_input(graph, node, FILTERS)) +
               widened_bytes(node_output(graph, node, 0));
    struct conv_direct direct;
    if (forward_direct(graph, node, &shape, &direct))
        return conv_direct_workspace(&direct, threads);
    struct group group = group_of(&shape);
    struct gemm gemm = forward_gemm(&group, graph, node, NULL, 0);
    return gemm_workspace(&gemm, threads);
}

static void run_directly(const struct call *call, const struct conv_shape *shape)
{
    const struct tensor *y = node_output(call->graph, call->node, 0);
    char *room = call->workspace;
    const float *x = widened_read(call, node_input(call->graph, call->node, X), call->inputs[X], &room);
    const float *filters =
        widened_read(call, node_input(call->graph, call->node, FILTERS), call->inputs[FILTERS], &room);
    float *out = widened_target(y, call->outputs[0], &room);
    grouped_conv_run(shape, x, filters, call->inputs[BIAS], (enum activation)call->node->attributes.activation, out,
                     call->threads);
    widened_commit(call, y, out, call->outputs[0]);
}

static void run_conv(const struct call *call)
{
    struct conv_shape shape;
    shape_of(call->graph, call->node, &shape, NULL);
    if (sums_directly(&shape)) {
        run_directly(call, &shape);
        return;
    }
    struct conv_direct direct;
    if (!call->reference && forward_direct(call->graph, call->node, &shape, &direct)) {
        direct.bias = call->inputs[BIAS];
        run_direct(call, &direct);
        return;
    }
    struct group group = group_of(&shape);
    for (size_t index = 0; index < shape.groups; index++) {
        struct gemm gemm = forward_gemm(&group, call->graph, call->node, call, index);
        matrix_multiply(call, &gemm);
    }
}

static struct cost cost_of(const struct conv_shape *shape)
{
    struct group group = group_of(shape);
    return matrix_cost((double)group.out_pixels, (double)shape->out_channels, (double)(group.taps * group.channels));
}

static struct cost cost_conv(const struct graph *graph, const struct node *node)
{
    struct conv_shape shape;
    shape_of(graph, node, &shape, NULL);
    return cost_of(&shape);
}

static const struct op op_conv_gradient_input, op_conv_gradient_filters;

static void gradient_conv(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    struct attributes attributes = node->attributes;
    enum activation kind = (enum activation)attributes.activation;
    const struct tensor x = *node_input(graph, node, X), filters = *node_input(graph, node, FILTERS);
    int dz = dy[0];
    if (kind != ACTIVATION_NONE)
        dz = build_activation_gradient(graph, node->name, node->outputs[0], dz, kind);
    if (wanted[FILTERS]) {
        memcpy(attributes.dims, filters.dims, sizeof attributes.dims);
        attributes.bias = node->inputs[BIAS] != NO_TENSOR;
        int made =
            graph_append(graph, &op_conv_gradient_filters, node->name, (int[]){node->inputs[X], dz}, 2, &attributes);
        dx[FILTERS] = node_first_output(graph, made);
        if (made != NO_NODE && attributes.bias)
            dx[BIAS] = graph->nodes[made].outputs[1];
    }
    if (wanted[X]) {
        memcpy(attributes.dims, x.dims, sizeof attributes.dims);
        attributes.dtype = x.dtype;
        dx[X] = node_first_output(graph, graph_append(graph, &op_conv_gradient_input, node->name,
                                                      (int[]){dz, node->inputs[FILTERS]}, 2, &attributes));
    }
}

const struct op op_conv = {.name = "conv",
                           .help = "2-d convolution with any stride, padding, dilation and groups",
                           .infer = infer_conv,
                           .cost = cost_conv,
                           .gradient = gradient_conv,
                           .workspace = workspace_conv,
                           .run = run_conv};

int build_conv(struct graph *graph, const char *name, int x, int filters, int bias, struct conv_attributes shape,
               enum activation activation)
{
    /* An activation whose gradient needs its input keeps the convolution's own result: a node of its own. */
    bool apart = graph->training && activation != ACTIVATION_NONE && !activation_gradient_from_output(activation);
    const struct attributes attributes = {.activation = apart ? ACTIVATION_NONE : (int)activation,
                                          .stride = {shape.stride[0], shape.stride[1]},
                                          .pad = {shape.pad[0], shape.pad[1]},
                                          .dilation = {shape.dilation[0], shape.dilation[1]},
                                          .groups = shape.groups};
    int y = node_first_output(graph, graph_append(graph, &op_conv, name, (int[]){x, filters, bias}, 3, &attributes));
    return apart ? build_activation(graph, name, y, activation) : y;
}

/* ---- dx: m = input pixels, n = C, k = taps · OC; the filters' taps and output channels are brought together first
 * ---- */

enum { DZ = 0, GRADIENT_FILTERS = 1 };

static void input_shape(const struct graph *graph, const struct node *node, struct conv_shape *shape)
{
    struct tensor x = {.rank = 4};
    memcpy(x.dims, node->attributes.dims, sizeof x.dims);
    conv_geometry(&x, &node->attributes, node_input(graph, node, DZ)->dims[3], shape, NULL);
}

static bool infer_gradient_input(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    int64_t dims[4];
    memcpy(dims, node->attributes.dims, sizeof dims);
    return graph_output(graph, node, (enum dtype)node->attributes.dtype, 4, dims) != NO_TENSOR;
}

static struct gemm input_gemm(const struct group *group, const struct graph *graph, const struct node *node,
                              const struct call *call, const void *turned, size_t index)
{
    const struct tensor *dz = node_input(graph, node, DZ), *filters = node_input(graph, node, GRADIENT_FILTERS);
    enum dtype dtype = node_output(graph, node, 0)->dtype;
    return (struct gemm){
        .m = group->pixels,
        .n = group->channels,
        .k = group->taps * group->out_channels,
        .a = patches(group, OPERAND_PATCHES_TRANSPOSED, call ? call->inputs[DZ] : NULL, dz->dtype, index),
        .b = matrix_operand(turned, filters->dtype, group->channels, false),
        .c = call ? element(call->outputs[0], dtype, index * group->channels) : NULL,
        .c_dtype = dtype,
        .c_row_stride = group->shape.channels};
}

static bool input_direct(const struct graph *graph, const struct node *node, const struct conv_shape *shape,
                         struct conv_direct *direct)
{
    *direct = (struct conv_direct){.pass = CONV_GRADIENT_INPUT, .shape = *shape};
    return as_direct(direct, node_input(graph, node, DZ), node_input(graph, node, GRADIENT_FILTERS),
                     node_output(graph, node, 0)->dtype);
}

static size_t workspace_gradient_input(const struct graph *graph, const struct node *node, int threads)
{
    struct conv_shape shape;
    input_shape(graph, node, &shape);
    const struct tensor *filters = node_input(graph, node, GRADIENT_FILTERS);
    if (sums_directly(&shape))
        return widened_bytes(node_input(graph, node, DZ)) + widened_bytes(filters) +
               widened_bytes(node_output(graph, node, 0));
    struct conv_direct direct;
    if (input_direct(graph, node, &shape, &direct)) { /* a reference run only turns the filters */
        size_t bytes = conv_direct_workspace(&direct, threads), turned_bytes = align64(tensor_bytes(filters));
        return bytes > turned_bytes ? bytes : turned_bytes;
    }
    struct group group = group_of(&shape);
    struct gemm gemm = input_gemm(&group, graph, node, NULL, NULL, 0);
    return align64(tensor_bytes(filters) / shape.groups) + gemm_workspace(&gemm, threads);
}

/* filters[o][tap][c] of one group to turned[tap][o][c]: rows in the order of the transposed patches' columns. */
static void turn_filters(const struct group *group, const char *filters, size_t row_bytes, char *turned)
{
    for (size_t o = 0; o < group->out_channels; o++)
        for (size_t tap = 0; tap < group->taps; tap++)
            memcpy(turned + (tap * group->out_channels + o) * row_bytes, filters + (o * group->taps + tap) * row_bytes,
                   row_bytes);
}

static void run_gradient_input_directly(const struct call *call, const struct conv_shape *shape)
{
    const struct tensor *dx = node_output(call->graph, call->node, 0);
    char *room = call->workspace;
    const float *dz = widened_read(call, node_input(call->graph, call->node, DZ), call->inputs[DZ], &room);
    const float *filters = widened_read(call, node_input(call->graph, call->node, GRADIENT_FILTERS),
                                        call->inputs[GRADIENT_FILTERS], &room);
    float *out = widened_target(dx, call->outputs[0], &room);
    grouped_conv_gradient_input_run(shape, dz, filters, out, call->threads);
    widened_commit(call, dx, out, call->outputs[0]);
}

static void run_gradient_input(const struct call *call)
{
    struct conv_shape shape;
    input_shape(call->graph, call->node, &shape);
    if (sums_directly(&shape)) {
        run_gradient_input_directly(call, &shape);
        return;
    }
    struct conv_direct direct;
    if (!call->reference && input_direct(call->graph, call->node, &shape, &direct)) {
        run_direct(call, &direct);
        return;
    }
    struct group group = group_of(&shape);
    const struct tensor *filters = node_input(call->graph, call->node, GRADIENT_FILTERS);
    size_t group_bytes = tensor_bytes(filters) / shape.groups;
    struct call inner = *call; /* the multiplication's own workspace lies behind the turned filters */
    inner.workspace = (char *)call->workspace + align64(group_bytes);
    for (size_t index = 0; index < shape.groups; index++) {
        turn_filters(&group, (const char *)call->inputs[GRADIENT_FILTERS] + index * group_bytes,
                     dtype_bytes(filters->dtype, group.channels), call->workspace);
        struct gemm gemm = input_gemm(&group, call->graph, call->node, call, call->workspace, index);
        matrix_multiply(&inner, &gemm);
    }
}

static struct cost cost_gradient_input(const struct graph *graph, const struct node *node)
{
    struct conv_shape shape;
    input_shape(graph, node, &shape);
    return cost_of(&shape);
}

static const struct op op_conv_gradient_input = {.name = "conv_gradient_input",
                                                 .help = "gradient of conv with respect to its input",
                                                 .infer = infer_gradient_input,
                                                 .cost = cost_gradient_input,
                                                 .workspace = workspace_gradient_input,
                                                 .run = run_gradient_input};

/* ---- dfilters: m = OC, n = taps · C, k = output pixels ---- */

enum { SAVED_X = 0, FILTERS_DZ = 1 };

static void filters_shape(const struct graph *graph, const struct node *node, struct conv_shape *shape)
{
    conv_geometry(node_input(graph, node, SAVED_X), &node->attributes, node->attributes.dims[0], shape, NULL);
}

static bool infer_gradient_filters(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    int64_t dims[4];
    memcpy(dims, node->attributes.dims, sizeof dims);
    graph_output(graph, node, DTYPE_F32, 4, dims);
    if (node->attributes.bias)
        graph_output(graph, node, DTYPE_F32, 1, &dims[0]);
    return true;
}

static struct gemm filters_gemm(const struct group *group, const struct graph *graph, const struct node *node,
                                const struct call *call, size_t index)
{
    const struct tensor *x = node_input(graph, node, SAVED_X), *dz = node_input(graph, node, FILTERS_DZ);
    size_t m = group->out_channels, n = group->taps * group->channels;
    return (struct gemm){.m = m,
                         .n = n,
                         .k = group->out_pixels,
                         .a = matrix_operand(call ? element(call->inputs[FILTERS_DZ], dz->dtype, index * m) : NULL,
                                             dz->dtype, group->shape.out_channels, true),
                         .b = patches(group, OPERAND_PATCHES, call ? call->inputs[SAVED_X] : NULL, x->dtype, index),
                         .c = call ? (float *)call->outputs[0] + index * m * n : NULL,
                         .c_dtype = DTYPE_F32,
                         .c_row_stride = n};
}

static bool filters_direct(const struct graph *graph, const struct node *node, const struct conv_shape *shape,
                           struct conv_direct *direct)
{
    *direct = (struct conv_direct){.pass = CONV_GRADIENT_FILTERS, .shape = *shape};
    return as_direct(direct, node_input(graph, node, SAVED_X), node_input(graph, node, FILTERS_DZ), DTYPE_F32);
}

static size_t workspace_gradient_filters(const struct graph *graph, const struct node *node, int threads)
{
    struct conv_shape shape;
    filters_shape(graph, node, &shape);
    if (sums_directly(&shape))
        return widened_bytes(node_input(graph, node, SAVED_X)) + widened_bytes(node_input(graph, node, FILTERS_DZ)) +
               grouped_conv_gradient_workspace(&shape, threads);
    struct conv_direct direct;
    if (filters_direct(graph, node, &shape, &direct))
        return conv_direct_workspace(&direct, threads);
    struct group group = group_of(&shape);
    struct gemm gemm = filters_gemm(&group, graph, node, NULL, 0);
    return gemm_workspace(&gemm, threads);
}

static void run_gradient_filters(const struct call *call)
{
    struct conv_shape shape;
    filters_shape(call->graph, call->node, &shape);
    struct group group = group_of(&shape);
    struct conv_direct direct;
    if (sums_directly(&shape)) {
        char *room = call->workspace;
        const float *x = widened_read(call, node_input(call->graph, call->node, SAVED_X), call->inputs[SAVED_X], &room);
        const float *dz =
            widened_read(call, node_input(call->graph, call->node, FILTERS_DZ), call->inputs[FILTERS_DZ], &room);
        grouped_conv_gradient_filters_run(&shape, x, dz, call->outputs[0], room, call->threads);
    } else if (!call->reference && filters_direct(call->graph, call->node, &shape, &direct)) {
        run_direct(call, &direct);
    } else {
        for (size_t index = 0; index < shape.groups; index++) {
            struct gemm gemm = filters_gemm(&group, call->graph, call->node, call, index);
            matrix_multiply(call, &gemm);
        }
    }
    if (call->node->output_count > 1)
        matrix_column_sums(call, call->inputs[FILTERS_DZ], node_input(call->graph, call->node, FILTERS_DZ)->dtype,
                           group.out_pixels, shape.out_channels, call->outputs[1]);
}

static struct cost cost_gradient_filters(const struct graph *graph, const struct node *node)
{
    struct conv_shape shape;
    filters_shape(graph, node, &shape);
    return cost_of(&shape);
}

static const struct op op_conv_gradient_filters = {.name = "conv_gradient_filters",
                                                   .help = "gradient of conv with respect to its filters and bias",
                                                   .infer = infer_gradient_filters,
                                                   .cost = cost_gradient_filters,
                                                   .workspace = workspace_gradient_filters,
                                                   .run = run_gradient_filters};
