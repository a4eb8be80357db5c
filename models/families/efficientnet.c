/* efficientnet: inverted residuals with squeeze and excitation and SiLU, widened and deepened together (Tan, Le 2019)
 *
 *   config.widths: the width and the depth in hundredths of those of B0; config.epsilon of the norms, 0: as PyTorch's
 *
 * Stochastic depth is left out, as inference does. */
#include "models/families/inverted_residual.h"
#include "models/families/resnet.h"

/* Of B0: the paper's table 1. */
static const struct {
    int64_t expansion, kernel, stride, channels, repetitions;
} stages[] = {{1, 3, 1, 16, 1},  {6, 3, 2, 24, 2},  {6, 5, 2, 40, 2}, {6, 3, 2, 80, 3},
              {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1}};

static int conv(struct graph *graph, const char *name, int x, int64_t outputs, int64_t kernel, int64_t stride,
                struct conv_norm_settings norm)
{
    return layer_conv_norm(graph, name, x,
                           (struct conv_layer){.outputs = outputs,
                                               .kernel = kernel,
                                               .stride = stride,
                                               .groups = 1,
                                               .residual = NO_TENSOR,
                                               .activation = ACTIVATION_SILU,
                                               .norm = norm});
}

int efficientnet_layers(struct graph *graph, const struct config *config, int images)
{
    const struct conv_norm_settings norm = {.epsilon = config->epsilon, .momentum = config->epsilon > 0 ? 0.01f : 0};
    double width = (double)config->widths[0] / 100;
    int64_t inputs = channels_near(32 * width);
    int x = conv(graph, "stem", images, inputs, 3, 2, norm);
    for (size_t s = 0; s < sizeof stages / sizeof *stages; s++) {
        int64_t channels = channels_near((double)stages[s].channels * width);
        int64_t repetitions = (stages[s].repetitions * config->widths[1] + 99) / 100;
        graph->segment = (int)s + 1;
        for (int64_t i = 0; i < repetitions; i++, inputs = channels) {
            const struct inverted_residual block = {.kernel = stages[s].kernel,
                                                    .wide = inputs * stages[s].expansion,
                                                    .channels = channels,
                                                    .stride = i == 0 ? stages[s].stride : 1,
                                                    .activation = ACTIVATION_SILU,
                                                    .squeezed = inputs < 4 ? 1 : inputs / 4,
                                                    .squeeze = ACTIVATION_SILU,
                                                    .excite = ACTIVATION_SIGMOID,
                                                    .norm = norm};
            x = inverted_residual(graph, graph_name(graph, "stage%d.%d", (int)s, (int)i), x, &block);
        }
    }
    graph->segment = 0;
    return conv(graph, "head", x, 4 * inputs, 1, 1, norm);
}
