#include "models/families/encoder.h"

#include "models/families/layers.h"

static const float DEVIATION = 0.02f;

static int attention_part(struct graph *graph, const struct config *config, const char *name, int x)
{
    int64_t width = tensor_columns(&graph->tensors[x]);
    int y = layer_linear(graph, graph_name(graph, "%s.attention.qkv", name), x, 3 * width, true, DEVIATION,
                         ACTIVATION_NONE);
    y = build_attention(graph, graph_name(graph, "%s.attention", name), y, config->heads, config->heads,
                        width / config->heads, false, 0);
    y = layer_linear(graph, graph_name(graph, "%s.attention.output", name), y, width, true, DEVIATION, ACTIVATION_NONE);
    return layer_dropout(graph, graph_name(graph, "%s.attention.dropout", name), y);
}

static int feed_forward_part(struct graph *graph, const struct config *config, const char *name, int x)
{
    int64_t width = tensor_columns(&graph->tensors[x]);
    int y = layer_linear(graph, graph_name(graph, "%s.mlp.fc1", name), x, config->feed_forward, true, DEVIATION,
                         ACTIVATION_GELU);
    y = layer_linear(graph, graph_name(graph, "%s.mlp.fc2", name), y, width, true, DEVIATION, ACTIVATION_NONE);
    return layer_dropout(graph, graph_name(graph, "%s.mlp.dropout", name), y);
}

int encoder_block(struct graph *graph, const struct config *config, int x, int index, bool norm_first)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    const char *name = graph_name(graph, "layer.%d", index);
    const char *first = graph_name(graph, "%s.norm1", name), *second = graph_name(graph, "%s.norm2", name);
    graph->segment = index + 1;
    int y = attention_part(graph, config, name, norm_first ? layer_norm(graph, first, x, config->epsilon) : x);
    x = build_add(graph, graph_name(graph, "%s.attention.residual", name), x, y);
    if (!norm_first)
        x = layer_norm(graph, first, x, config->epsilon);
    y = feed_forward_part(graph, config, name, norm_first ? layer_norm(graph, second, x, config->epsilon) : x);
    x = build_add(graph, graph_name(graph, "%s.mlp.residual", name), x, y);
    if (!norm_first)
        x = layer_norm(graph, second, x, config->epsilon);
    graph->segment = 0;
    return x;
}
