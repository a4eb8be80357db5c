/* densenet: every layer reads what all before it in its block have made (Huang et al. 2017, the variant "BC")
 *
 *   7x7 stride 2; 3x3 maximum, stride 2; four blocks of layers: norm, ReLU, 1x1 to four times the growth, norm, ReLU,
 *   3x3 to the growth, joined to what was read; after each block but the last norm, ReLU, 1x1 to half the channels and
 *   the mean over 2x2; norm, ReLU
 *
 *   config.widths: layers of each block; hidden: channels of the first convolution, twice the growth */
#include "models/families/layers.h"
#include "models/families/resnet.h"

static int dense_layer(struct graph *graph, const char *name, int x, int64_t growth)
{
    int y = layer_batch_norm(graph, graph_name(graph, "%s.norm", name), x, true);
    y = layer_conv_norm(graph, graph_name(graph, "%s.conv1", name), y,
                        (struct conv_layer){.outputs = 4 * growth,
                                            .kernel = 1,
                                            .stride = 1,
                                            .groups = 1,
                                            .residual = NO_TENSOR,
                                            .activation = ACTIVATION_RELU});
    y = layer_conv(graph, graph_name(graph, "%s.conv2", name), y, growth, 3, 1, 1, false, ACTIVATION_NONE);
    return build_join(graph, graph_name(graph, "%s.join", name), x, y, 1);
}

static int transition(struct graph *graph, const char *name, int x)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    const struct pool_attributes halve = {.kernel = {2, 2}, .stride = {2, 2}, .dilation = {1, 1}};
    int64_t channels = tensor_columns(&graph->tensors[x]);
    x = layer_batch_norm(graph, graph_name(graph, "%s.norm", name), x, true);
    x = layer_conv(graph, graph_name(graph, "%s.conv", name), x, channels / 2, 1, 1, 0, false, ACTIVATION_NONE);
    return build_average_pool(graph, graph_name(graph, "%s.pool", name), x, halve);
}

int densenet_layers(struct graph *graph, const struct config *config, int images)
{
    const struct pool_attributes halve = {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}, .dilation = {1, 1}};
    int x = layer_conv_norm(graph, "stem", images,
                            (struct conv_layer){.outputs = config->hidden,
                                                .kernel = 7,
                                                .stride = 2,
                                                .groups = 1,
                                                .residual = NO_TENSOR,
                                                .activation = ACTIVATION_RELU});
    x = build_max_pool(graph, "pool", x, halve);
    int segment = 0;
    for (int b = 0; b < 4; b++) {
        for (int64_t i = 0; i < config->widths[b]; i++) {
            graph->segment = ++segment;
            x = dense_layer(graph, graph_name(graph, "block%d.%d", b, (int)i), x, config->hidden / 2);
        }
        graph->segment = 0;
        if (b < 3)
            x = transition(graph, graph_name(graph, "transition%d", b), x);
    }
    return layer_batch_norm(graph, "norm", x, true);
}
