#include "models/families/layers.h"

#include <math.h>

static int weight(struct graph *graph, const char *name, enum dtype dtype, int rank, const int64_t *dims,
                  struct fill fill, bool decays)
{
    return graph_weight(graph, name, dtype, rank, dims, fill, decays);
}

float deviation_he(int64_t inputs)
{
    return sqrtf(2.0f / (float)inputs);
}

int layer_linear(struct graph *graph, const char *name, int x, int64_t outputs, bool bias, float deviation,
                 enum activation activation)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    enum dtype dtype = graph->tensors[x].dtype;
    int64_t inputs = tensor_columns(&graph->tensors[x]);
    int w = weight(graph, graph_name(graph, "%s.weight", name), dtype, 2, (int64_t[]){outputs, inputs},
                   (struct fill){.kind = FILL_NORMAL, .scale = deviation}, true);
    int b = !bias ? NO_TENSOR
                  : weight(graph, graph_name(graph, "%s.bias", name), DTYPE_F32, 1, &outputs,
                           (struct fill){.kind = FILL_ZERO}, false);
    return build_linear(graph, name, x, w, b, activation, dtype);
}

int layer_conv(struct graph *graph, const char *name, int x, int64_t outputs, int64_t kernel, int64_t stride,
               int64_t pad, bool bias, enum activation activation)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    enum dtype dtype = graph->tensors[x].dtype;
    int64_t inputs = tensor_columns(&graph->tensors[x]);
    int w = weight(graph, graph_name(graph, "%s.weight", name), dtype, 4, (int64_t[]){outputs, kernel, kernel, inputs},
                   (struct fill){.kind = FILL_NORMAL, .scale = deviation_he(kernel * kernel * inputs)}, true);
    int b = !bias ? NO_TENSOR
                  : weight(graph, graph_name(graph, "%s.bias", name), DTYPE_F32, 1, &outputs,
                           (struct fill){.kind = FILL_ZERO}, false);
    const struct conv_attributes shape = {
        .stride = {stride, stride}, .pad = {pad, pad}, .dilation = {1, 1}, .groups = 1};
    return build_conv(graph, name, x, w, b, shape, activation);
}

int layer_norm(struct graph *graph, const char *name, int x, float epsilon)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int64_t columns = tensor_columns(&graph->tensors[x]);
    int gamma = weight(graph, graph_name(graph, "%s.weight", name), DTYPE_F32, 1, &columns,
                       (struct fill){.kind = FILL_CONSTANT, .scale = 1}, false);
    int beta = weight(graph, graph_name(graph, "%s.bias", name), DTYPE_F32, 1, &columns,
                      (struct fill){.kind = FILL_ZERO}, false);
    return build_layer_norm(graph, name, x, gamma, beta, epsilon);
}

int layer_input(struct graph *graph, const char *name, enum dtype dtype, int rank, const int64_t *dims)
{
    return graph_persistent(graph, name, ROLE_INPUT, dtype, rank, dims,
                            (struct fill){.kind = FILL_NORMAL, .scale = 1, .like = NO_TENSOR});
}

int layer_indices(struct graph *graph, const char *name, uint32_t limit, int rank, const int64_t *dims)
{
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
        graph->loss = build_cross_entropy(graph, "loss", logits, targets);
    }
    graph->output = NO_TENSOR; /* the gradient is written over the logits */
}
