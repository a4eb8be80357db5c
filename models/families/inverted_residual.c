#include "models/families/inverted_residual.h"

int64_t channels_near(double wanted)
{
    int64_t near = (int64_t)(wanted + 4) / 8 * 8;
    if (near < 8)
        near = 8;
    return (double)near < 0.9 * wanted ? near + 8 : near;
}

/* x times what two linear layers make of its mean over the image (Hu et al. 2018). */
static int squeeze_and_excite(struct graph *graph, const char *name, int x, const struct inverted_residual *block)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int y = layer_image_mean(graph, graph_name(graph, "%s.mean", name), x);
    y = layer_linear(graph, graph_name(graph, "%s.reduce", name), y, block->squeezed, true, deviation_he(block->wide),
                     block->squeeze);
    y = layer_linear(graph, graph_name(graph, "%s.expand", name), y, block->wide, true, deviation_he(block->squeezed),
                     block->excite);
    return build_channel_scale(graph, name, x, y);
}

int inverted_residual(struct graph *graph, const char *name, int x, const struct inverted_residual *block)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int64_t inputs = tensor_columns(&graph->tensors[x]);
    int residual = block->stride == 1 && inputs == block->channels ? x : NO_TENSOR;
    struct conv_layer layer = {.outputs = block->wide,
                               .kernel = 1,
                               .stride = 1,
                               .groups = 1,
                               .residual = NO_TENSOR,
                               .activation = block->activation,
                               .norm = block->norm};
    if (block->wide != inputs)
        x = layer_conv_norm(graph, graph_name(graph, "%s.expand", name), x, layer);
    layer.kernel = block->kernel, layer.stride = block->stride, layer.groups = block->wide;
    x = layer_conv_norm(graph, graph_name(graph, "%s.depthwise", name), x, layer);
    if (block->squeezed)
        x = squeeze_and_excite(graph, graph_name(graph, "%s.excite", name), x, block);
    layer = (struct conv_layer){.outputs = block->channels,
                                .kernel = 1,
                                .stride = 1,
                                .groups = 1,
                                .residual = residual,
                                .activation = ACTIVATION_NONE,
                                .norm = block->norm};
    return layer_conv_norm(graph, graph_name(graph, "%s.project", name), x, layer);
}
