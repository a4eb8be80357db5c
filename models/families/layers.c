#include "models/families/layers.h"

#include <math.h>
#include <string.h>

enum dtype layer_dtype(const struct graph *graph, const char *name, enum matrix_kind kind, enum dtype dtype,
                       int64_t columns)
{
    if (!graph->recipe)
        return dtype;
    dtype = recipe_dtype(graph->recipe, kind, columns, graph->segment - 1, graph->layers);
    if (graph->stored && name)
        graph->stored->type_of(graph->stored->file, name, columns, &dtype);
    return dtype;
}

int layer_matrix(struct graph *graph, const char *name, enum matrix_kind kind, enum dtype dtype, int64_t rows,
                 int64_t columns, float deviation)
{
    dtype = layer_dtype(graph, name, kind, dtype, columns);
    return graph_weight(graph, name, dtype, 2, (int64_t[]){rows, columns},
                        (struct fill){.kind = FILL_NORMAL, .scale = deviation}, true);
}

float deviation_he(int64_t inputs)
{
    return sqrtf(2.0f / (float)inputs);
}

int layer_linear(struct graph *graph, const char *name, int x, int64_t outputs, bool bias, float deviation,
                 enum activation activation)
{
    return layer_linear_kind(graph, name, MATRIX_PLAIN, x, outputs, bias, deviation, activation);
}

int layer_linear_kind(struct graph *graph, const char *name, enum matrix_kind kind, int x, int64_t outputs, bool bias,
                      float deviation, enum activation activation)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    enum dtype dtype = graph->tensors[x].dtype;
    int64_t inputs = tensor_columns(&graph->tensors[x]);
    int w = layer_matrix(graph, graph_name(graph, "%s.weight", name), kind, dtype, outputs, inputs, deviation);
    int b = !bias ? NO_TENSOR
                  : graph_weight(graph, graph_name(graph, "%s.bias", name), DTYPE_F32, 1, &outputs,
                                 (struct fill){.kind = FILL_ZERO}, false);
    return build_linear(graph, name, x, w, b, activation, dtype);
}

int layer_gated(struct graph *graph, const char *name, int x, int64_t width, float deviation, float last)
{
    return layer_gated_by(graph, name, x, width, ACTIVATION_SILU, deviation, last);
}

int layer_gated_by(struct graph *graph, const char *name, int x, int64_t width, enum activation activation,
                   float deviation, float last)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int64_t columns = tensor_columns(&graph->tensors[x]);
    int gate = layer_linear(graph, graph_name(graph, "%s.gate", name), x, width, false, deviation, activation);
    int up = layer_linear(graph, graph_name(graph, "%s.up", name), x, width, false, deviation, ACTIVATION_NONE);
    int y = build_multiply(graph, graph_name(graph, "%s.gated", name), gate, up);
    return layer_linear_kind(graph, graph_name(graph, "%s.down", name), MATRIX_DOWN, y, columns, false, last,
                             ACTIVATION_NONE);
}

int layer_experts(struct graph *graph, const char *name, enum matrix_kind kind, int rows, int offsets, int64_t outputs,
                  enum activation activation, const struct layer_experts *shape)
{
    if (rows == NO_TENSOR)
        return NO_TENSOR;
    int64_t inputs = tensor_columns(&graph->tensors[rows]);
    const char *weight = graph_name(graph, "%s.weight", name);
    enum dtype dtype = layer_dtype(graph, weight, kind, graph->tensors[rows].dtype, inputs);
    int w = graph_weight(graph, weight, dtype, 3, (int64_t[]){shape->experts, outputs, inputs},
                         (struct fill){.kind = FILL_NORMAL, .scale = shape->deviation}, true);
    return build_expert_linear(graph, name, rows, w, offsets, activation, shape->chosen, shape->skew);
}

/* Filters [outputs, kernel, kernel, inputs / groups], named as the layer's weight. */
static int filters(struct graph *graph, const char *name, int x, int64_t outputs, int64_t kernel, int64_t groups)
{
    int64_t inputs = tensor_columns(&graph->tensors[x]) / groups;
    return graph_weight(graph, graph_name(graph, "%s.weight", name), graph->tensors[x].dtype, 4,
                        (int64_t[]){outputs, kernel, kernel, inputs},
                        (struct fill){.kind = FILL_NORMAL, .scale = deviation_he(kernel * kernel * inputs)}, true);
}

static int bias_of(struct graph *graph, const char *name, int64_t outputs)
{
    return graph_weight(graph, graph_name(graph, "%s.bias", name), DTYPE_F32, 1, &outputs,
                        (struct fill){.kind = FILL_ZERO}, false);
}

int layer_conv(struct graph *graph, const char *name, int x, int64_t outputs, int64_t kernel, int64_t stride,
               int64_t pad, bool bias, enum activation activation)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int w = filters(graph, name, x, outputs, kernel, 1), b = bias ? bias_of(graph, name, outputs) : NO_TENSOR;
    const struct conv_attributes shape = {
        .stride = {stride, stride}, .pad = {pad, pad}, .dilation = {1, 1}, .groups = 1};
    return build_conv(graph, name, x, w, b, shape, activation);
}

int layer_depthwise(struct graph *graph, const char *name, int x, int64_t kernel)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int64_t channels = tensor_columns(&graph->tensors[x]);
    int w = filters(graph, name, x, channels, kernel, channels), b = bias_of(graph, name, channels);
    const struct conv_attributes shape = {
        .stride = {1, 1}, .pad = {kernel / 2, kernel / 2}, .dilation = {1, 1}, .groups = channels};
    return build_conv(graph, name, x, w, b, shape, ACTIVATION_NONE);
}

static struct norm_tensors batch_norm_tensors(struct graph *graph, const char *norm, int64_t channels)
{
    const struct fill one = {.kind = FILL_CONSTANT, .scale = 1}, zero = {.kind = FILL_ZERO};
    struct norm_tensors made;
    made.gamma = graph_weight(graph, graph_name(graph, "%s.weight", norm), DTYPE_F32, 1, &channels, one, false);
    made.beta = graph_weight(graph, graph_name(graph, "%s.bias", norm), DTYPE_F32, 1, &channels, zero, false);
    made.mean =
        graph_persistent(graph, graph_name(graph, "%s.running_mean", norm), ROLE_BUFFER, DTYPE_F32, 1, &channels, zero);
    made.variance = graph_persistent(graph, graph_name(graph, "%s.running_variance", norm), ROLE_BUFFER, DTYPE_F32, 1,
                                     &channels, one);
    return made;
}

/* Of batch norms, PyTorch's. */
static const float EPSILON = 1e-5f, MOMENTUM = 0.1f;

int layer_conv_norm(struct graph *graph, const char *name, int x, struct conv_layer layer)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    const float epsilon = layer.norm.epsilon > 0 ? layer.norm.epsilon : EPSILON;
    const float momentum = layer.norm.momentum > 0 ? layer.norm.momentum : MOMENTUM;
    const struct conv_attributes shape = {.stride = {layer.stride, layer.stride},
                                          .pad = {layer.kernel / 2, layer.kernel / 2},
                                          .dilation = {1, 1},
                                          .groups = layer.groups};
    bool together = !graph->training && graph->tensors[x].dtype == DTYPE_F32;
    int w = filters(graph, name, x, layer.outputs, layer.kernel, layer.groups);
    const char *norm = graph_name(graph, "%s.norm", name);
    if (together) {
        if (w != NO_TENSOR)
            graph->tensors[w].blocked = layer.groups == 1;
        const struct norm_tensors tensors = batch_norm_tensors(graph, norm, layer.outputs);
        return build_conv_norm(graph, name, x, w, &tensors, epsilon, layer.residual, shape, layer.activation);
    }
    x = build_conv(graph, name, x, w, NO_TENSOR, shape, ACTIVATION_NONE);
    const struct norm_tensors tensors = batch_norm_tensors(graph, norm, layer.outputs);
    bool relu = layer.activation == ACTIVATION_RELU && layer.residual == NO_TENSOR;
    x = build_batch_norm(graph, norm, x, tensors.gamma, tensors.beta, tensors.mean, tensors.variance, epsilon, momentum,
                         relu);
    if (layer.residual != NO_TENSOR)
        x = build_add(graph, graph_name(graph, "%s.residual", name), x, layer.residual);
    return relu || layer.activation == ACTIVATION_NONE
               ? x
               : build_activation(graph, graph_name(graph, "%s.activation", name), x, layer.activation);
}

int layer_batch_norm(struct graph *graph, const char *name, int x, bool relu)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    const struct norm_tensors t = batch_norm_tensors(graph, name, tensor_columns(&graph->tensors[x]));
    return build_batch_norm(graph, name, x, t.gamma, t.beta, t.mean, t.variance, EPSILON, MOMENTUM, relu);
}

int layer_image_mean(struct graph *graph, const char *name, int x)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    struct tensor image = graph->tensors[x];
    const struct pool_attributes whole = {
        .kernel = {image.dims[1], image.dims[2]}, .stride = {1, 1}, .dilation = {1, 1}};
    x = build_average_pool(graph, name, x, whole);
    return build_reshape(graph, graph_name(graph, "%s.rows", name), x, 2, (int64_t[]){image.dims[0], image.dims[3]});
}

int layer_norm(struct graph *graph, const char *name, int x, float epsilon)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int64_t columns = tensor_columns(&graph->tensors[x]);
    int gamma = graph_weight(graph, graph_name(graph, "%s.weight", name), DTYPE_F32, 1, &columns,
                             (struct fill){.kind = FILL_CONSTANT, .scale = 1}, false);
    int beta = graph_weight(graph, graph_name(graph, "%s.bias", name), DTYPE_F32, 1, &columns,
                            (struct fill){.kind = FILL_ZERO}, false);
    return build_layer_norm(graph, name, x, gamma, beta, epsilon);
}

/* The graph's buffer that has this fill and width. */
static int constant(struct graph *graph, const char *name, int64_t columns, struct fill fill)
{
    for (int t = 0; t < graph->tensor_count; t++) {
        const struct tensor *tensor = &graph->tensors[t];
        if (tensor->role == ROLE_BUFFER && tensor->rank == 1 && tensor->dims[0] == columns &&
            tensor->fill.kind == fill.kind)
            return t;
    }
    fill.like = NO_TENSOR;
    return graph_persistent(graph, graph_name(graph, "%s.%lld", name, (long long)columns), ROLE_BUFFER, DTYPE_F32, 1,
                            &columns, fill);
}

int layer_bare_norm(struct graph *graph, const char *name, int x, float epsilon)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int64_t columns = tensor_columns(&graph->tensors[x]);
    int gamma = constant(graph, "ones", columns, (struct fill){.kind = FILL_CONSTANT, .scale = 1});
    int beta = constant(graph, "zeros", columns, (struct fill){.kind = FILL_ZERO});
    return build_layer_norm(graph, name, x, gamma, beta, epsilon);
}

int layer_rms_norm(struct graph *graph, const char *name, int x, float epsilon)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int64_t columns = tensor_columns(&graph->tensors[x]);
    int gamma = graph_weight(graph, graph_name(graph, "%s.weight", name), DTYPE_F32, 1, &columns,
                             (struct fill){.kind = FILL_CONSTANT, .scale = 1}, false);
    return build_rms_norm(graph, name, x, gamma, epsilon);
}

int layer_rms_norm_less_one(struct graph *graph, const char *name, int x, float epsilon)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int64_t columns = tensor_columns(&graph->tensors[x]);
    int gamma = graph_weight(graph, graph_name(graph, "%s.weight", name), DTYPE_F32, 1, &columns,
                             (struct fill){.kind = FILL_NORMAL, .scale = 0.02f}, false);
    return build_rms_norm_less_one(graph, name, x, gamma, epsilon);
}

/* An input that a teacher reads already is its student's too. */
static int find_input(const struct graph *graph, const char *name)
{
    for (int t = 0; graph->teacher != NO_TENSOR && t < graph->tensor_count; t++)
        if (graph->tensors[t].role == ROLE_INPUT && graph->tensors[t].persistent &&
            strcmp(graph->tensors[t].name, name) == 0)
            return t;
    return NO_TENSOR;
}

int layer_input(struct graph *graph, const char *name, enum dtype dtype, int rank, const int64_t *dims)
{
    int shared = find_input(graph, name);
    if (shared != NO_TENSOR)
        return shared;
    return graph_persistent(graph, name, ROLE_INPUT, dtype, rank, dims,
                            (struct fill){.kind = FILL_NORMAL, .scale = 1, .like = NO_TENSOR});
}

int layer_indices(struct graph *graph, const char *name, uint32_t limit, int rank, const int64_t *dims)
{
    int shared = find_input(graph, name);
    if (shared != NO_TENSOR)
        return shared;
    return graph_persistent(graph, name, ROLE_INPUT, DTYPE_I32, rank, dims,
                            (struct fill){.kind = FILL_INDEX, .limit = limit, .like = NO_TENSOR});
}

int layer_dropout(struct graph *graph, const char *name, int x)
{
    return build_dropout(graph, name, x, graph->dropout_rate);
}

void layer_classify(struct graph *graph, int logits, int64_t classes)
{
    graph->output = logits;
    if (!graph->training || logits == NO_TENSOR)
        return;
    struct tensor shape = graph->tensors[logits];
    if (graph->squares_errors) {
        int targets = layer_input(graph, "targets", DTYPE_F32, shape.rank, shape.dims);
        graph->loss = build_mean_squared_error(graph, "loss", logits, targets);
    } else {
        int targets = layer_indices(graph, "targets", (uint32_t)classes, shape.rank - 1, shape.dims);
        graph->loss = graph->teacher == NO_TENSOR ? build_cross_entropy(graph, "loss", logits, targets)
                                                  : build_distillation(graph, "loss", logits, graph->teacher, targets);
    }
    graph->output = NO_TENSOR; /* the gradient is written over the logits */
}
