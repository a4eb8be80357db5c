/* rnn: a sequence of feature vectors in, a class at each step out
 *
 * seed-rnn: N×T×I → simple RNN, 64 units, ReLU, full sequence out → dense 10 with softmax at each step; the loss is the
 * sparse cross-entropy of that output taken as logits. Adam, lr 0.001.
 *   config.inputs (I), hidden (units), classes
 *
 * The recurrent weight starts as a normal matrix of deviation 0.7/√units: its spectral radius stays below 1, so that
 * activations neither die nor grow over many steps. */
#include <math.h>

#include "models/families/family.h"
#include "models/families/layers.h"

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    int64_t units = config->hidden;
    int x = layer_input(graph, "sequence", one->dtype, 3, (int64_t[]){one->batch, one->context, config->inputs});
    x = layer_linear(graph, "rnn.input", x, units, true, 1 / sqrtf((float)config->inputs), ACTIVATION_NONE);
    int u = graph_weight(graph, "rnn.recurrent.weight", one->dtype, 2, (int64_t[]){units, units},
                         (struct fill){.kind = FILL_NORMAL, .scale = 0.7f / sqrtf((float)units)}, true);
    x = build_rnn(graph, "rnn", x, u, ACTIVATION_RELU);
    x = layer_dropout(graph, "dropout", x);
    x = layer_linear(graph, "dense", x, config->classes, true, 1 / sqrtf((float)units), ACTIVATION_NONE);
    x = build_softmax(graph, "softmax", x);
    layer_classify(graph, x, config->classes);
    return graph_error(graph, error);
}

static double units(const struct model_case *one)
{
    return (double)one->batch;
}

static const struct family_size sizes[] = {
    {.name = "seed-rnn",
     .config = {.inputs = 32, .hidden = 64, .classes = 10, .max_context = 1 << 20},
     .runnable = true,
     .batches = {64, 1},
     .contexts = {50}},
    {.name = "rnn-1k",
     .config = {.inputs = 256, .hidden = 1024, .classes = 10, .max_context = 1 << 20},
     .runnable = true,
     .batches = {64, 1},
     .contexts = {50}},
};

const struct family family_rnn = {.name = "rnn",
                                  .task = "sequence",
                                  .help = "simple recurrent networks",
                                  .sizes = sizes,
                                  .size_count = sizeof sizes / sizeof *sizes,
                                  .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN,
                                  .unit = "samples/s",
                                  .has_context = true,
                                  .optimizer = OPTIMIZER_ADAM,
                                  .build = build,
                                  .units = units};
