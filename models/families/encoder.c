#include "models/families/encoder.h"

#include "models/families/layers.h"

static const float DEVIATION = 0.02f;

static int attention_part(struct graph *graph, const struct encoder_shape *shape, const char *name, int x)
{
    int64_t width = tensor_columns(&graph->tensors[x]);
    int y = layer_linear(graph, graph_name(graph, "%s.attention.qkv", name), x, 3 * width, true, DEVIATION,
                         ACTIVATION_NONE);
    y = build_attention(graph, graph_name(graph, "%s.attention", name), y, shape->heads, shape->heads,
                        width / shape->heads, shape->causal, 0);
    y = layer_linear(graph, graph_name(graph, "%s.attention.output", name), y, width, true, DEVIATION, ACTIVATION_NONE);
    return layer_dropout(graph, graph_name(graph, "%s.attention.dropout", name), y);
}

static int feed_forward_part(struct graph *graph, const struct encoder_shape *shape, const char *name, int x)
{
    int64_t width = tensor_columns(&graph->tensors[x]);
    int y = layer_linear(graph, graph_name(graph, "%s.mlp.fc1", name), x, shape->feed_forward, true, DEVIATION,
                         shape->activation);
    y = layer_linear(graph, graph_name(graph, "%s.mlp.fc2", name), y, width, true, DEVIATION, ACTIVATION_NONE);
    return layer_dropout(graph, graph_name(graph, "%s.mlp.dropout", name), y);
}

int encoder_layer(struct graph *graph, const struct encoder_shape *shape, const char *prefix, int x, int index)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    bool before = shape->norm_first;
    const char *name = graph_name(graph, "%slayer.%d", prefix, index);
    const char *first = graph_name(graph, "%s.norm1", name), *second = graph_name(graph, "%s.norm2", name);
    int y = attention_part(graph, shape, name, before ? layer_norm(graph, first, x, shape->epsilon) : x);
    x = build_add(graph, graph_name(graph, "%s.attention.residual", name), x, y);
    if (!before)
        x = layer_norm(graph, first, x, shape->epsilon);
    y = feed_forward_part(graph, shape, name, before ? layer_norm(graph, second, x, shape->epsilon) : x);
    x = build_add(graph, graph_name(graph, "%s.mlp.residual", name), x, y);
    return before ? x : layer_norm(graph, second, x, shape->epsilon);
}

int encoder_block(struct graph *graph, const struct config *config, int x, int index, bool norm_first)
{
    const struct encoder_shape shape = {.heads = config->heads,
                                        .feed_forward = config->feed_forward,
                                        .epsilon = config->epsilon,
                                        .activation = ACTIVATION_GELU,
                                        .norm_first = norm_first};
    graph->segment = index + 1;
    x = encoder_layer(graph, &shape, "", x, index);
    graph->segment = 0;
    return x;
}
