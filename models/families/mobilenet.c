/* mobilenet: inverted residuals with depthwise convolutions
 *
 *   version 2 (Sandler et al. 2018): 3x3, ReLU6
 *   version 3 (Howard et al. 2019): 3x3 and 5x5, some with squeeze and excitation, ReLU and then hard swish; a linear
 *   layer before the classes' own
 *
 * Shapes are those of the published weights (torchvision), whose widths are multiples of 8. */
#include "models/families/inverted_residual.h"
#include "models/families/resnet.h"

/* A convolution with its norm that isn't in a block. */
static int conv(struct graph *graph, const char *name, int x, int64_t outputs, int64_t kernel, int64_t stride,
                enum activation activation, struct conv_norm_settings norm)
{
    return layer_conv_norm(graph, name, x,
                           (struct conv_layer){.outputs = outputs,
                                               .kernel = kernel,
                                               .stride = stride,
                                               .groups = 1,
                                               .residual = NO_TENSOR,
                                               .activation = activation,
                                               .norm = norm});
}

/* ---- version 2 ---- */

/* Expansion, output channels, repetitions, stride of the first: the paper's table 2. */
static const struct {
    int64_t expansion, channels, repetitions, stride;
} stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
              {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};

int mobilenet_layers(struct graph *graph, const struct config *config, int images)
{
    (void)config;
    const struct conv_norm_settings norm = {0};
    int64_t inputs = 32;
    int x = conv(graph, "stem", images, inputs, 3, 2, ACTIVATION_RELU6, norm);
    for (size_t s = 0; s < sizeof stages / sizeof *stages; s++) {
        graph->segment = (int)s + 1;
        for (int64_t i = 0; i < stages[s].repetitions; i++, inputs = stages[s].channels) {
            const struct inverted_residual block = {.kernel = 3,
                                                    .wide = inputs * stages[s].expansion,
                                                    .channels = stages[s].channels,
                                                    .stride = i == 0 ? stages[s].stride : 1,
                                                    .activation = ACTIVATION_RELU6};
            x = inverted_residual(graph, graph_name(graph, "stage%d.%d", (int)s, (int)i), x, &block);
        }
    }
    graph->segment = 0;
    return conv(graph, "head", x, 1280, 1, 1, ACTIVATION_RELU6, norm);
}

/* ---- version 3 ---- */

struct version_3 {
    int64_t kernel, wide, channels;
    bool excites, hard_swish;
    int64_t stride;
};

/* The paper's tables 1 and 2. */
static const struct version_3 large[] = {
    {3, 16, 16, false, false, 1}, {3, 64, 24, false, false, 2}, {3, 72, 24, false, false, 1},
    {5, 72, 40, true, false, 2},  {5, 120, 40, true, false, 1}, {5, 120, 40, true, false, 1},
    {3, 240, 80, false, true, 2}, {3, 200, 80, false, true, 1}, {3, 184, 80, false, true, 1},
    {3, 184, 80, false, true, 1}, {3, 480, 112, true, true, 1}, {3, 672, 112, true, true, 1},
    {5, 672, 160, true, true, 2}, {5, 960, 160, true, true, 1}, {5, 960, 160, true, true, 1},
};
static const struct version_3 small[] = {
    {3, 16, 16, true, false, 2}, {3, 72, 24, false, false, 2}, {3, 88, 24, false, false, 1},
    {5, 96, 40, true, true, 2},  {5, 240, 40, true, true, 1},  {5, 240, 40, true, true, 1},
    {5, 120, 48, true, true, 1}, {5, 144, 48, true, true, 1},  {5, 288, 96, true, true, 2},
    {5, 576, 96, true, true, 1}, {5, 576, 96, true, true, 1},
};

static int version_3_layers(struct graph *graph, const struct config *config, int images,
                            const struct version_3 *blocks, size_t count)
{
    const struct conv_norm_settings norm = {.epsilon = 1e-3f, .momentum = 0.01f};
    int x = conv(graph, "stem", images, 16, 3, 2, ACTIVATION_HARD_SWISH, norm);
    for (size_t i = 0; i < count; i++) {
        const struct version_3 *b = &blocks[i];
        graph->segment = (int)i + 1;
        const struct inverted_residual block = {.kernel = b->kernel,
                                                .wide = b->wide,
                                                .channels = b->channels,
                                                .stride = b->stride,
                                                .activation = b->hard_swish ? ACTIVATION_HARD_SWISH : ACTIVATION_RELU,
                                                .squeezed = b->excites ? channels_near((double)(b->wide / 4)) : 0,
                                                .squeeze = ACTIVATION_RELU,
                                                .excite = ACTIVATION_HARD_SIGMOID,
                                                .norm = norm};
        x = inverted_residual(graph, graph_name(graph, "block%d", (int)i), x, &block);
    }
    graph->segment = 0;
    int64_t wide = 6 * blocks[count - 1].channels;
    x = conv(graph, "head", x, wide, 1, 1, ACTIVATION_HARD_SWISH, norm);
    x = layer_image_mean(graph, "mean", x);
    x = layer_linear(graph, "wide", x, config->hidden, true, deviation_he(wide), ACTIVATION_HARD_SWISH);
    return layer_dropout(graph, "dropout", x);
}

int mobilenet_v3_large_layers(struct graph *graph, const struct config *config, int images)
{
    return version_3_layers(graph, config, images, large, sizeof large / sizeof *large);
}

int mobilenet_v3_small_layers(struct graph *graph, const struct config *config, int images)
{
    return version_3_layers(graph, config, images, small, sizeof small / sizeof *small);
}
