/* mlp: fully connected layers with ReLU, a row of features in, a class out
 *
 *   config.widths: inputs, then each layer's outputs, the last of which are the classes */
#include "models/families/family.h"
#include "models/families/layers.h"

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    int x = layer_input(graph, "features", one->dtype, 2, (int64_t[]){one->batch, config->widths[0]});
    int layers = 0;
    while (layers + 1 < 8 && config->widths[layers + 1])
        layers++;
    for (int i = 0; i < layers; i++) {
        bool last = i + 1 == layers;
        x = layer_linear(graph, graph_name(graph, "layer.%d", i), x, config->widths[i + 1], true,
                         deviation_he(config->widths[i]), last ? ACTIVATION_NONE : ACTIVATION_RELU);
        if (!last)
            x = layer_dropout(graph, graph_name(graph, "layer.%d.dropout", i), x);
    }
    layer_classify(graph, x, config->widths[layers]);
    return graph_error(graph, error);
}

static double units(const struct model_case *one)
{
    return (double)one->batch;
}

static const struct family_size sizes[] = {
    {.name = "mlp-1m", .config.widths = {784, 784, 512, 10}, .runnable = true, .batches = {128, 1}},
    {.name = "mlp-10m", .config.widths = {1024, 2048, 2560, 1000}, .runnable = true, .batches = {128, 1}},
    {.name = "mlp-25m", .config.widths = {1024, 4096, 4096, 1000}, .runnable = true, .batches = {128, 1}},
    {.name = "mlp-100m", .config.widths = {4096, 8192, 6144, 2048}, .runnable = true, .batches = {128, 1}},
    {.name = "mlp-1b", .config.widths = {8192, 24576, 24576, 8192}, .batches = {128, 1}},
};

const struct family family_mlp = {.name = "mlp",
                                  .task = "tabular",
                                  .help = "fully connected layers with ReLU",
                                  .sizes = sizes,
                                  .size_count = sizeof sizes / sizeof *sizes,
                                  .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN,
                                  .unit = "samples/s",
                                  .quantises = true,
                                  .optimizer = OPTIMIZER_ADAM,
                                  .build = build,
                                  .units = units};
