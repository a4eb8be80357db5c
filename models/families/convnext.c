/* convnext: depthwise 7x7 convolutions in blocks like a transformer's (Liu et al. 2022)
 *
 *   4x4 patches, a norm; stages of blocks, the width doubling behind a norm and a 2x2 convolution of stride 2:
 *   x + scale · fc2(GELU(fc1(norm(depthwise(x))))), four times as wide between; the mean over the image, a norm
 *
 *   config.widths: blocks of each stage; hidden: the first stage's width; layer_scale: what the scales begin at
 *
 * Norms are over the channels of a pixel. Stochastic depth is left out, as inference does. */
#include "models/families/layers.h"
#include "models/families/resnet.h"

static const float EPSILON = 1e-6f;

static int block(struct graph *graph, const struct config *config, const char *name, int x)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int64_t width = tensor_columns(&graph->tensors[x]);
    int y = layer_depthwise(graph, graph_name(graph, "%s.depthwise", name), x, 7);
    y = layer_norm(graph, graph_name(graph, "%s.norm", name), y, EPSILON);
    y = layer_linear(graph, graph_name(graph, "%s.fc1", name), y, 4 * width, true, deviation_he(width),
                     ACTIVATION_GELU);
    y = layer_linear(graph, graph_name(graph, "%s.fc2", name), y, width, true, deviation_he(4 * width),
                     ACTIVATION_NONE);
    int scale = graph_weight(graph, graph_name(graph, "%s.scale", name), DTYPE_F32, 1, &width,
                             (struct fill){.kind = FILL_CONSTANT, .scale = config->layer_scale}, false);
    y = build_channel_scale(graph, graph_name(graph, "%s.scaled", name), y, scale);
    return build_add(graph, graph_name(graph, "%s.residual", name), y, x);
}

int convnext_layers(struct graph *graph, const struct config *config, int images)
{
    int x = layer_conv(graph, "stem", images, config->hidden, 4, 4, 0, true, ACTIVATION_NONE);
    x = layer_norm(graph, "stem.norm", x, EPSILON);
    int64_t width = config->hidden;
    int segment = 0;
    for (int stage = 0; stage < 4; stage++) {
        if (stage > 0) {
            width *= 2;
            x = layer_norm(graph, graph_name(graph, "down%d.norm", stage), x, EPSILON);
            x = layer_conv(graph, graph_name(graph, "down%d", stage), x, width, 2, 2, 0, true, ACTIVATION_NONE);
        }
        for (int64_t i = 0; i < config->widths[stage]; i++) {
            graph->segment = ++segment;
            x = block(graph, config, graph_name(graph, "stage%d.%d", stage, (int)i), x);
        }
        graph->segment = 0;
    }
    return layer_norm(graph, "norm", layer_image_mean(graph, "mean", x), EPSILON);
}
