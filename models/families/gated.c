/* lstm, gru: word-level language models on gated recurrences, after Zaremba, Sutskever, Vinyals (2014), "Recurrent
 * Neural Network Regularization": an embedding, layers of the same width, and a head of its own over the vocabulary of
 * the Penn Treebank (10 000 words); sequences of 35 words, 20 at a time
 *
 *   x = embedding[token];   for each layer:  x = cell(x · Wᵀ + b, U);   logits = x · headᵀ + b
 *
 *   config: layers, hidden, vocabulary. lstm-2x1500 is the paper's large model of 66 million parameters; the gru models
 *   are the same with another cell. Dropout stands before each layer and before the head, as in the paper.
 *
 * A layer has one bias where torch.nn.LSTM has two that are only ever added; a GRU has a second one inside the reset
 * gate's product. Recurrent and input weights start with deviation 1/√inputs, so that gates begin in their middle. */
#include <math.h>

#include "models/families/family.h"
#include "models/families/layers.h"

/* The recurrence of one kind over projected inputs [B,T,gates · units]. */
typedef int cell_function(struct graph *graph, const char *name, int x, int u, int64_t units);

static int lstm_cell(struct graph *graph, const char *name, int x, int u, int64_t units)
{
    (void)units;
    return build_lstm(graph, name, x, u);
}

static int gru_cell(struct graph *graph, const char *name, int x, int u, int64_t units)
{
    int bias = graph_weight(graph, graph_name(graph, "%s.recurrent.bias", name), DTYPE_F32, 1, &units,
                            (struct fill){.kind = FILL_ZERO}, false);
    return build_gru(graph, name, x, u, bias);
}

static int layer(struct graph *graph, const struct config *config, const struct model_case *one, int x, int index,
                 int64_t gates, cell_function *cell)
{
    int64_t units = config->hidden;
    const float deviation = 1 / sqrtf((float)units);
    const char *name = graph_name(graph, "layers.%d", index);
    graph->segment = index + 1;
    x = layer_dropout(graph, graph_name(graph, "%s.dropout", name), x);
    x = layer_linear(graph, graph_name(graph, "%s.input", name), x, gates * units, true, deviation, ACTIVATION_NONE);
    int u =
        graph_weight(graph, graph_name(graph, "%s.recurrent.weight", name), one->dtype, 2,
                     (int64_t[]){gates * units, units}, (struct fill){.kind = FILL_NORMAL, .scale = deviation}, true);
    x = cell(graph, name, x, u, units);
    graph->segment = 0;
    return x;
}

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, int64_t gates,
                  cell_function *cell, struct error *error)
{
    int tokens = layer_indices(graph, "tokens", (uint32_t)config->vocabulary, 2, (int64_t[]){one->batch, one->context});
    int words = graph_weight(graph, "embedding.weight", one->dtype, 2, (int64_t[]){config->vocabulary, config->hidden},
                             (struct fill){.kind = FILL_NORMAL, .scale = 1}, true);
    int x = build_embedding(graph, "embedding", tokens, words, NO_TENSOR, 0);
    for (int i = 0; i < config->layers; i++)
        x = layer(graph, config, one, x, i, gates, cell);
    x = layer_dropout(graph, "dropout", x);
    x = layer_linear(graph, "head", x, config->vocabulary, true, 1 / sqrtf((float)config->hidden), ACTIVATION_NONE);
    layer_classify(graph, x, config->vocabulary);
    return graph_error(graph, error);
}

static bool build_lstm_model(struct graph *graph, const struct config *config, const struct model_case *one,
                             struct error *error)
{
    return build(graph, config, one, 4, lstm_cell, error);
}

static bool build_gru_model(struct graph *graph, const struct config *config, const struct model_case *one,
                            struct error *error)
{
    return build(graph, config, one, 3, gru_cell, error);
}

static double units(const struct model_case *one)
{
    return (double)(one->batch * one->context);
}

#define SIZE(name_, layers_, hidden_)                                                                                  \
    {                                                                                                                  \
        .name = name_, .config = {.layers = layers_, .hidden = hidden_, .vocabulary = 10000, .max_context = 1 << 20},  \
        .runnable = true, .batches = {20}, .contexts = {35},                                                           \
    }

static const struct family_size lstm_sizes[] = {SIZE("lstm-1x128", 1, 128), SIZE("lstm-2x512", 2, 512),
                                                SIZE("lstm-2x1500", 2, 1500)};
static const struct family_size gru_sizes[] = {SIZE("gru-1x128", 1, 128), SIZE("gru-2x512", 2, 512),
                                               SIZE("gru-2x1500", 2, 1500)};

const struct family family_lstm = {.name = "lstm",
                                   .task = "nlp",
                                   .help = "long short-term memory language models",
                                   .sizes = lstm_sizes,
                                   .size_count = sizeof lstm_sizes / sizeof *lstm_sizes,
                                   .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN,
                                   .unit = "tokens/s",
                                   .has_context = true,
                                   .optimizer = OPTIMIZER_ADAM,
                                   .build = build_lstm_model,
                                   .units = units};

const struct family family_gru = {.name = "gru",
                                  .task = "nlp",
                                  .help = "gated recurrent unit language models",
                                  .sizes = gru_sizes,
                                  .size_count = sizeof gru_sizes / sizeof *gru_sizes,
                                  .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN,
                                  .unit = "tokens/s",
                                  .has_context = true,
                                  .optimizer = OPTIMIZER_ADAM,
                                  .build = build_gru_model,
                                  .units = units};
