/* bert: the encoder of Devlin et al. (2019), and DistilBERT (Sanh et al. 2019)
 *
 *   x = layer_norm(word[token] + position + type[token's type]);  encoder blocks;  a class per sequence from the first
 *   position: through the pooler (linear, tanh) in BERT, through a linear layer with ReLU in DistilBERT
 *
 *   config: layers, hidden, heads, feed_forward, vocabulary, max_context, epsilon, classes (2); inputs: the token
 * types, 0 for DistilBERT, which has none; first_position: RoBERTa (Liu et al. 2019) has two rows of positions that no
 * token has; no_pooler: BERT without one. Forward ends where the published models do (BERT: with its pooler), so
 * parameters are theirs; training and teaching add a classifier. */
#include "models/catalogue/public_models.h"
#include "models/families/encoder.h"
#include "models/families/layers.h"

static const float DEVIATION = 0.02f;

static int embed(struct graph *graph, const struct config *config, const struct model_case *one)
{
    int64_t shape[] = {one->batch, one->context}, first = config->first_position;
    const struct fill fill = {.kind = FILL_NORMAL, .scale = DEVIATION};
    int tokens = layer_indices(graph, "tokens", (uint32_t)config->vocabulary, 2, shape);
    int words = graph_weight(graph, "embeddings.word.weight", one->dtype, 2,
                             (int64_t[]){config->vocabulary, config->hidden}, fill, true);
    int positions = graph_weight(graph, "embeddings.position.weight", one->dtype, 2,
                                 (int64_t[]){first + config->max_context, config->hidden}, fill, true);
    int x = build_embedding(graph, "embeddings", tokens, words, positions, first);
    if (config->inputs) {
        int types = layer_indices(graph, "types", (uint32_t)config->inputs, 2, shape);
        int table = graph_weight(graph, "embeddings.token_type.weight", one->dtype, 2,
                                 (int64_t[]){config->inputs, config->hidden}, fill, true);
        x = build_add(graph, "embeddings.sum", x,
                      build_embedding(graph, "embeddings.token_type", types, table, NO_TENSOR, 0));
    }
    x = layer_norm(graph, "embeddings.norm", x, config->epsilon);
    return layer_dropout(graph, "embeddings.dropout", x);
}

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    int x = embed(graph, config, one);
    for (int i = 0; i < config->layers; i++)
        x = encoder_block(graph, config, x, i, false);
    bool is_bert = config->inputs > 0;
    bool classifies = graph->training || graph->teaching;
    if ((is_bert && !config->no_pooler) || classifies) {
        x = build_pick(graph, "first", x, 0);
        x = layer_linear(graph, "pooler", x, config->hidden, true, DEVIATION,
                         is_bert ? ACTIVATION_TANH : ACTIVATION_RELU);
    }
    if (classifies)
        x = layer_linear(graph, "classifier", x, config->classes, true, DEVIATION, ACTIVATION_NONE);
    layer_classify(graph, x, config->classes);
    return graph_error(graph, error);
}

static double units(const struct model_case *one)
{
    return (double)(one->batch * one->context);
}

#define BERT(layers_, hidden_, heads_, types_)                                                                         \
    {                                                                                                                  \
        .layers = layers_, .hidden = hidden_, .heads = heads_, .feed_forward = 4 * (hidden_), .vocabulary = 30522,     \
        .max_context = 512, .epsilon = 1e-12f, .inputs = types_, .classes = 2                                          \
    }

static const struct family_size sizes[] = {
    {.name = "bert-tiny",
     .aliases = (const char *const[]){"bert_uncased_l-2_h-128_a-2", NULL},
     .config = BERT(2, 128, 2, 2),
     .published = 4385920,
     .runnable = true,
     .batches = {8, 1},
     .contexts = {64}},
    {.name = "distilbert",
     .aliases = (const char *const[]){"distilbert-base", "distilbert-base-uncased", NULL},
     .teacher = "bert-base",
     .config = BERT(6, 768, 12, 0),
     .published = 66362880,
     .runnable = true,
     .batches = {8, 1},
     .contexts = {128}},
    {.name = "bert-base",
     .aliases = (const char *const[]){"bert-base-uncased", NULL},
     .config = BERT(12, 768, 12, 2),
     .published = 109482240,
     .runnable = true,
     .batches = {1},
     .contexts = {128}},
    {.name = "bert-large",
     .aliases = (const char *const[]){"bert-large-uncased", NULL},
     .config = BERT(24, 1024, 16, 2),
     .published = 335141888,
     .runnable = true,
     .batches = {1},
     .contexts = {128}},
};

const struct family family_bert = {.name = "bert",
                                   .task = "nlp",
                                   .help = "BERT encoders with a classifier: LayerNorm after each sum, GELU",
                                   .sizes = sizes,
                                   .size_count = sizeof sizes / sizeof *sizes,
                                   .published = &public_bert,
                                   .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN | 1 << MODE_DISTILL,
                                   .unit = "tokens/s",
                                   .has_context = true,
                                   .quantises = true,
                                   .optimizer = OPTIMIZER_ADAMW,
                                   .build = build,
                                   .units = units};
