/* cnn: images in, a class out
 *
 * seed-cnn: N×1×28×28 → conv 1→32 3×3 pad 1, ReLU → conv 32→64 3×3 pad 1, ReLU → fc 64·28·28→100, ReLU → fc 100→10 →
 * softmax; the loss is the cross-entropy of that output taken as logits, so it normalises twice. Adam, lr 0.001.
 *
 * Images are channels-last, so the first fully connected weight's columns are in the order (y, x, channel).
 *   config.inputs: the image's side; widths: channels of the image, then of each convolution; hidden; classes */
#include "models/families/family.h"
#include "models/families/layers.h"

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    int64_t side = config->inputs;
    int x = layer_input(graph, "images", one->dtype, 4, (int64_t[]){one->batch, side, side, config->widths[0]});
    for (int i = 1; i < 8 && config->widths[i]; i++)
        x = layer_conv(graph, graph_name(graph, "conv%d", i), x, config->widths[i], 3, 1, 1, true, ACTIVATION_RELU);
    x = build_reshape(graph, "flatten", x, 2, (int64_t[]){one->batch, -1});
    if (x == NO_TENSOR)
        return graph_error(graph, error);
    int64_t flat = tensor_columns(&graph->tensors[x]);
    x = layer_linear(graph, "fc1", x, config->hidden, true, deviation_he(flat), ACTIVATION_RELU);
    x = layer_dropout(graph, "dropout", x);
    x = layer_linear(graph, "fc2", x, config->classes, true, deviation_he(config->hidden), ACTIVATION_NONE);
    x = build_softmax(graph, "softmax", x);
    layer_classify(graph, x, config->classes);
    return graph_error(graph, error);
}

static double units(const struct model_case *one)
{
    return (double)one->batch;
}

static const struct family_size sizes[] = {
    {.name = "seed-cnn",
     .config = {.inputs = 28, .widths = {1, 32, 64}, .hidden = 100, .classes = 10},
     .runnable = true,
     .batches = {64, 1}},
};

const struct family family_cnn = {.name = "cnn",
                                  .task = "vision",
                                  .help = "convolutional networks",
                                  .sizes = sizes,
                                  .size_count = sizeof sizes / sizeof *sizes,
                                  .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN,
                                  .unit = "images/s",
                                  .optimizer = OPTIMIZER_ADAM,
                                  .build = build,
                                  .units = units};
