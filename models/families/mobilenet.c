/* mobilenet-v2 (Sandler et al. 2018): inverted residuals, 1x1 wider, 3x3 depthwise, 1x1 narrower without activation
 *
 * ReLU6 of the published model is ReLU here: the cost is the same. */
#include "models/families/layers.h"
#include "models/families/resnet.h"

/* Expansion, output channels, repetitions, stride of the first: the paper's table 2. */
static const struct {
    int64_t expansion, channels, repetitions, stride;
} stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
              {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};

static int block(struct graph *graph, const char *name, int x, int64_t channels, int64_t expansion, int64_t stride)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int64_t inputs = tensor_columns(&graph->tensors[x]), wide = inputs * expansion;
    int residual = stride == 1 && inputs == channels ? x : NO_TENSOR;
    if (expansion > 1)
        x = layer_conv_norm(graph, graph_name(graph, "%s.expand", name), x,
                            (struct conv_layer){wide, 1, 1, 1, NO_TENSOR, ACTIVATION_RELU});
    x = layer_conv_norm(graph, graph_name(graph, "%s.depthwise", name), x,
                        (struct conv_layer){wide, 3, stride, wide, NO_TENSOR, ACTIVATION_RELU});
    return layer_conv_norm(graph, graph_name(graph, "%s.project", name), x,
                           (struct conv_layer){channels, 1, 1, 1, residual, ACTIVATION_NONE});
}

int mobilenet_layers(struct graph *graph, const struct config *config, int images)
{
    (void)config;
    int x = layer_conv_norm(graph, "stem", images, (struct conv_layer){32, 3, 2, 1, NO_TENSOR, ACTIVATION_RELU});
    for (size_t s = 0; s < sizeof stages / sizeof *stages; s++) {
        graph->segment = (int)s + 1;
        for (int64_t i = 0; i < stages[s].repetitions; i++)
            x = block(graph, graph_name(graph, "stage%d.%d", (int)s, (int)i), x, stages[s].channels,
                      stages[s].expansion, i == 0 ? stages[s].stride : 1);
    }
    graph->segment = 0;
    return layer_conv_norm(graph, "head", x, (struct conv_layer){1280, 1, 1, 1, NO_TENSOR, ACTIVATION_RELU});
}
