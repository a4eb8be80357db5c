/* vgg: stacks of 3x3 convolutions (Simonyan, Zisserman 2015), the maximum over 2x2 after each stage
 *
 *   config.widths: convolutions of each stage, whose channels are 64, 128, 256, 512 and 512; then two linear layers of
 *   config.hidden with ReLU and dropout, before the classes' own. Images are channels-last, so the first linear
 * weight's columns are in the order (y, x, channel). */
#include "models/families/layers.h"
#include "models/families/resnet.h"

int vgg_layers(struct graph *graph, const struct config *config, int images)
{
    static const int64_t channels[] = {64, 128, 256, 512, 512};
    const struct pool_attributes halve = {.kernel = {2, 2}, .stride = {2, 2}, .dilation = {1, 1}};
    int x = images;
    for (int stage = 0; stage < 5; stage++) {
        graph->segment = stage + 1;
        for (int64_t i = 0; i < config->widths[stage]; i++)
            x = layer_conv(graph, graph_name(graph, "stage%d.%d", stage + 1, (int)i), x, channels[stage], 3, 1, 1, true,
                           ACTIVATION_RELU);
        x = build_max_pool(graph, graph_name(graph, "stage%d.pool", stage + 1), x, halve);
    }
    graph->segment = 0;
    if (x == NO_TENSOR)
        return NO_TENSOR;
    struct tensor features = graph->tensors[x];
    int64_t flat = features.dims[1] * features.dims[2] * features.dims[3];
    x = build_reshape(graph, "flatten", x, 2, (int64_t[]){features.dims[0], flat});
    for (int i = 1; i <= 2; i++) {
        x = layer_linear(graph, graph_name(graph, "fc%d", i), x, config->hidden, true, deviation_he(flat),
                         ACTIVATION_RELU);
        x = layer_dropout(graph, graph_name(graph, "fc%d.dropout", i), x);
        flat = config->hidden;
    }
    return x;
}
