/* resnet: residual networks (He et al. 2016), the stride of a bottleneck in its 3x3 convolution, as published weights
 * have it
 *
 *   7x7 stride 2, 64 channels; 3x3 maximum, stride 2; four stages of blocks, widths 64, 128, 256, 512 (times the
 *   expansion), each after the first halving the image; the mean over the image */
#include "models/families/resnet.h"
#include "models/families/layers.h"

static int conv(struct graph *graph, const char *block, const char *name, int x, int64_t outputs, int64_t kernel,
                int64_t stride)
{
    return layer_conv_norm(graph, graph_name(graph, "%s.%s", block, name), x,
                           (struct conv_layer){.outputs = outputs,
                                               .kernel = kernel,
                                               .stride = stride,
                                               .groups = 1,
                                               .residual = NO_TENSOR,
                                               .activation = ACTIVATION_RELU});
}

/* The two 3x3 of a basic block, or the 1x1, 3x3, 1x1 of a bottleneck; the last one's result is added to the shortcut,
 * and then comes its ReLU. */
static int block(struct graph *graph, const char *name, int x, int64_t width, int64_t stride, int64_t expansion)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int64_t outputs = width * expansion;
    int shortcut = x;
    if (stride != 1 || tensor_columns(&graph->tensors[x]) != outputs)
        shortcut = layer_conv_norm(graph, graph_name(graph, "%s.shortcut", name), x,
                                   (struct conv_layer){.outputs = outputs,
                                                       .kernel = 1,
                                                       .stride = stride,
                                                       .groups = 1,
                                                       .residual = NO_TENSOR,
                                                       .activation = ACTIVATION_NONE});
    bool basic = expansion == 1;
    x = basic ? conv(graph, name, "conv1", x, width, 3, stride) : conv(graph, name, "conv1", x, width, 1, 1);
    if (!basic)
        x = conv(graph, name, "conv2", x, width, 3, stride);
    return layer_conv_norm(graph, graph_name(graph, basic ? "%s.conv2" : "%s.conv3", name), x,
                           (struct conv_layer){.outputs = outputs,
                                               .kernel = basic ? 3 : 1,
                                               .stride = 1,
                                               .groups = 1,
                                               .residual = shortcut,
                                               .activation = ACTIVATION_RELU});
}

int resnet_layers(struct graph *graph, const struct config *config, int images)
{
    const struct pool_attributes halve = {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}, .dilation = {1, 1}};
    int x = layer_conv_norm(graph, "conv1", images,
                            (struct conv_layer){.outputs = 64,
                                                .kernel = 7,
                                                .stride = 2,
                                                .groups = 1,
                                                .residual = NO_TENSOR,
                                                .activation = ACTIVATION_RELU});
    x = build_max_pool(graph, "pool", x, halve);
    int64_t width = 64;
    for (int stage = 0; stage < 4; stage++, width *= 2) {
        graph->segment = stage + 1;
        for (int64_t i = 0; i < config->widths[stage]; i++)
            x = block(graph, graph_name(graph, "layer%d.%d", stage + 1, (int)i), x, width, stage > 0 && i == 0 ? 2 : 1,
                      config->expansion);
    }
    graph->segment = 0;
    return x;
}
