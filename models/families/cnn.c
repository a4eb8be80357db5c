/* cnn: images in, a class out; the published ones are laid out in files of their own (resnet.h)
 *
 * seed-cnn: N×1×28×28 → conv 1→32 3×3 pad 1, ReLU → conv 32→64 3×3 pad 1, ReLU → fc 64·28·28→100, ReLU → fc 100→10 →
 * softmax; the loss is the cross-entropy of that output taken as logits, so it normalises twice. Adam, lr 0.001.
 *
 * Images are channels-last, so the first fully connected weight's columns are in the order (y, x, channel).
 *   config.side: the image's; widths: channels of the image, then of each convolution; hidden; classes */
#include "models/catalogue/public_models.h"
#include "models/families/family.h"
#include "models/families/layers.h"
#include "models/families/resnet.h"

/* seed-cnn's: convolutions, a wide linear layer, and a softmax that stands before the loss. */
static int seed_layers(struct graph *graph, const struct config *config, const struct model_case *one, int x)
{
    for (int i = 1; i < 8 && config->widths[i]; i++)
        x = layer_conv(graph, graph_name(graph, "conv%d", i), x, config->widths[i], 3, 1, 1, true, ACTIVATION_RELU);
    x = build_reshape(graph, "flatten", x, 2, (int64_t[]){one->batch, -1});
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int64_t flat = tensor_columns(&graph->tensors[x]);
    x = layer_linear(graph, "fc1", x, config->hidden, true, deviation_he(flat), ACTIVATION_RELU);
    x = layer_dropout(graph, "dropout", x);
    x = layer_linear(graph, "fc2", x, config->classes, true, deviation_he(config->hidden), ACTIVATION_NONE);
    return build_softmax(graph, "softmax", x);
}

/* The published ones': features, their mean over the image, a linear layer. */
static int published_layers(struct graph *graph, const struct config *config, int x)
{
    x = config->layers_of(graph, config, x);
    if (x == NO_TENSOR)
        return NO_TENSOR;
    struct tensor features = graph->tensors[x];
    if (features.rank == 2)
        return layer_linear(graph, "fc", x, config->classes, true, deviation_he(features.dims[1]), ACTIVATION_NONE);
    x = layer_image_mean(graph, "mean", x);
    x = layer_dropout(graph, "dropout", x);
    return layer_linear(graph, "fc", x, config->classes, true, deviation_he(features.dims[3]), ACTIVATION_NONE);
}

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    int64_t side = config->side, colours = config->layers_of ? 3 : config->widths[0];
    int x = layer_input(graph, "images", one->dtype, 4, (int64_t[]){one->batch, side, side, colours});
    x = config->layers_of ? published_layers(graph, config, x) : seed_layers(graph, config, one, x);
    layer_classify(graph, x, config->classes);
    return graph_error(graph, error);
}

static double units(const struct model_case *one)
{
    return (double)one->batch;
}

static const struct family_size sizes[] = {
    {.name = "seed-cnn",
     .config = {.side = 28, .widths = {1, 32, 64}, .hidden = 100, .classes = 10},
     .runnable = true,
     .batches = {64, 1}},
    {.name = "mobilenet-v2",
     .config = {.side = 224, .classes = 1000, .layers_of = mobilenet_layers},
     .published = 3504872,
     .runnable = true,
     .batches = {8, 1}},
    {.name = "resnet-18",
     .config = {.side = 224, .widths = {2, 2, 2, 2}, .expansion = 1, .classes = 1000, .layers_of = resnet_layers},
     .published = 11689512,
     .runnable = true,
     .batches = {8, 1}},
    {.name = "resnet-50",
     .config = {.side = 224, .widths = {3, 4, 6, 3}, .expansion = 4, .classes = 1000, .layers_of = resnet_layers},
     .published = 25557032,
     .runnable = true,
     .batches = {8, 1}},
};

const struct family family_cnn = {.name = "cnn",
                                  .task = "vision",
                                  .help = "convolutional networks",
                                  .sizes = sizes,
                                  .size_count = sizeof sizes / sizeof *sizes,
                                  .published = &public_cnn,
                                  .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN,
                                  .unit = "images/s",
                                  .optimizer = OPTIMIZER_ADAM,
                                  .build = build,
                                  .units = units};
