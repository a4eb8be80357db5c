/* t5: Raffel et al. (2020), "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer": text
 * to text, with an encoder of one and a decoder of the other
 *
 *   encoder:  x = words[source];  blocks x = x + attention(rms_norm(x)), x = x + mlp(rms_norm(x));  rms_norm
 *   decoder:  x = words[tokens];  blocks of causal attention, attention to the encoder's output, and mlp, each behind
 *             its rms_norm;  rms_norm;  logits = x / √hidden · wordsᵀ (tied), or x · headᵀ
 *   attention: scores aren't scaled; positions are biases by distance (ops/relative_bias.c), from a table of each half
 *             that all its layers read; the attention to the encoder has none. No projection has a bias
 *   mlp:      down(relu(up(n)));  with `gated` down(gelu(gate(n)) · up(n)), as T5 1.1, FLAN-T5, mT5 and UMT5 have it
 *   UMT5 (Chung et al. 2023): each layer has a table of its own (own_tables)
 *
 *   A case's context is the tokens of the source, and in forward and train of the text that is written too.
 *   prefill: the encoder, its keys and values into the caches of the attention to it, and the decoder's first token
 *   decode: the decoder's token at that position; the encoder isn't run again
 *
 *   config: layers (of each half), hidden, heads, head_dim, feed_forward, vocabulary, max_context, epsilon, gated,
 * own_tables, untied_head, source (tokens that the encoder reads; 0: the context). Weights normal with deviations as
 * T5's: 1 of words, 1/√inputs of matrices, queries' smaller by √head_dim, since nothing scales their scores. */
#include <math.h>

#include "models/catalogue/public_models.h"
#include "models/families/decoder.h"
#include "models/families/family.h"
#include "models/families/layers.h"

enum { BUCKETS = 32, FARTHEST = 128 }; /* of the tables: rows, and the distance from which on they share the last */

/* One half of the model, and what its layers share. */
struct half {
    const struct config *config;
    const struct model_case *one;
    const char *name;
    int64_t length, positions; /* of the queries, and of all that they attend to */
    bool causal;
    int bias; /* of the layers that have no table of their own */
};

static float deviation(int64_t inputs)
{
    return 1 / sqrtf((float)inputs);
}

/* The biases from the table `name`. */
static int relative(struct graph *graph, const struct half *half, const char *name)
{
    const struct config *config = half->config;
    int table =
        graph_weight(graph, graph_name(graph, "%s.weight", name), DTYPE_F32, 2, (int64_t[]){BUCKETS, config->heads},
                     (struct fill){.kind = FILL_NORMAL, .scale = deviation(config->hidden)}, true);
    return build_relative_bias(graph, name, table, half->length, half->positions, FARTHEST, half->causal);
}

/* Attention of x to itself or, where that isn't NO_TENSOR, to what the encoder made. */
static int attend(struct graph *graph, const struct half *half, const char *name, int x, int memory, bool crosses)
{
    const struct config *config = half->config;
    int bias =
        config->own_tables && !crosses ? relative(graph, half, graph_name(graph, "%s.relative", name)) : half->bias;
    const struct attention_scores scores = {.scale = 1, .distance_bias = crosses ? NULL : &bias};
    const struct decoder_attention attention = {.heads = config->heads,
                                                .kv_heads = config->heads,
                                                .head_dim = config->head_dim,
                                                .scale = scores.scale,
                                                .distance_bias = scores.distance_bias,
                                                .deviation = deviation(config->hidden),
                                                .query_deviation = deviation(config->hidden * config->head_dim)};
    if (crosses && decoder_caches(half->one))
        return decoder_memory_attention(graph, name, x, memory, &attention, half->one);
    if (half->causal && !crosses && decoder_caches(half->one))
        return decoder_attention(graph, name, x, &attention, half->one);
    struct projections made = decoder_project(graph, name, x, crosses ? memory : x, &attention);
    return build_scored_cross_attention(graph, name, made.q, made.k, made.v, config->head_dim, half->causal && !crosses,
                                        &scores);
}

static int attention_part(struct graph *graph, const struct half *half, const char *name, int x, int memory,
                          bool crosses)
{
    const struct config *config = half->config;
    int y = layer_rms_norm(graph, graph_name(graph, "%s.norm", name), x, config->epsilon);
    y = attend(graph, half, name, y, memory, crosses);
    y = layer_linear(graph, graph_name(graph, "%s.output", name), y, config->hidden, false,
                     deviation(config->heads * config->head_dim), ACTIVATION_NONE);
    y = layer_dropout(graph, graph_name(graph, "%s.dropout", name), y);
    return build_add(graph, graph_name(graph, "%s.residual", name), x, y);
}

static int feed_forward_part(struct graph *graph, const struct half *half, const char *name, int x)
{
    const struct config *config = half->config;
    float first = deviation(config->hidden), last = deviation(config->feed_forward);
    int y = layer_rms_norm(graph, graph_name(graph, "%s.norm", name), x, config->epsilon);
    if (config->gated) {
        y = layer_gated_by(graph, name, y, config->feed_forward, ACTIVATION_GELU_TANH, first, last);
    } else {
        y = layer_linear(graph, graph_name(graph, "%s.up", name), y, config->feed_forward, false, first,
                         ACTIVATION_RELU);
        y = layer_linear_kind(graph, graph_name(graph, "%s.down", name), MATRIX_DOWN, y, config->hidden, false, last,
                              ACTIVATION_NONE);
    }
    y = layer_dropout(graph, graph_name(graph, "%s.dropout", name), y);
    return build_add(graph, graph_name(graph, "%s.residual", name), x, y);
}

/* The layers of a half, of which the first is the model's `first`, over the words that `tokens` names. */
static int run_half(struct graph *graph, struct half *half, int tokens, int words, int memory, int64_t first)
{
    const struct config *config = half->config;
    int x = build_embedding(graph, graph_name(graph, "%s.embedding", half->name), tokens, words, NO_TENSOR, 0);
    x = layer_dropout(graph, graph_name(graph, "%s.dropout", half->name), x);
    if (!config->own_tables)
        half->bias = relative(graph, half, graph_name(graph, "%s.relative", half->name));
    for (int i = 0; i < config->layers; i++) {
        const char *name = graph_name(graph, "%s.layer.%d", half->name, i);
        graph->segment = (int)first + i + 1;
        x = attention_part(graph, half, graph_name(graph, "%s.attention", name), x, NO_TENSOR, false);
        if (half->causal)
            x = attention_part(graph, half, graph_name(graph, "%s.cross", name), x, memory, true);
        x = feed_forward_part(graph, half, graph_name(graph, "%s.mlp", name), x);
    }
    graph->segment = 0;
    x = layer_rms_norm(graph, graph_name(graph, "%s.norm", half->name), x, config->epsilon);
    return layer_dropout(graph, graph_name(graph, "%s.norm.dropout", half->name), x);
}

static int64_t source_length(const struct config *config, const struct model_case *one)
{
    return config->source ? config->source : one->context;
}

static int logits(struct graph *graph, const struct config *config, int x, int words, const struct model_case *one)
{
    if (config->untied_head)
        return layer_linear_kind(graph, "head", MATRIX_HEAD, x, config->vocabulary, false, deviation(config->hidden),
                                 ACTIVATION_NONE);
    x = build_scale(graph, "decoder.scaled", x, deviation(config->hidden));
    return build_linear(graph, "head", x, words, NO_TENSOR, ACTIVATION_NONE, one->dtype);
}

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    graph->layers = (int)(2 * config->layers);
    int64_t source = source_length(config, one), written = decoder_caches(one) ? 1 : one->context;
    int words = layer_matrix(graph, "words.weight", config->untied_head ? MATRIX_EMBEDDING : MATRIX_HEAD, one->dtype,
                             config->vocabulary, config->hidden, 1);
    struct half encoder = {
        .config = config, .one = one, .name = "encoder", .length = source, .positions = source, .bias = NO_TENSOR};
    struct half decoder = {.config = config,
                           .one = one,
                           .name = "decoder",
                           .length = written,
                           .positions = decoder_position(one) + written,
                           .causal = true,
                           .bias = NO_TENSOR};

    graph->resting = one->mode == MODE_DECODE;
    int texts = layer_indices(graph, "source", (uint32_t)config->vocabulary, 2, (int64_t[]){one->batch, source});
    int memory = run_half(graph, &encoder, texts, words, NO_TENSOR, 0);
    graph->resting = false;

    int tokens = layer_indices(graph, "tokens", (uint32_t)config->vocabulary, 2, (int64_t[]){one->batch, written});
    int x = run_half(graph, &decoder, tokens, words, memory, config->layers);
    layer_classify(graph, logits(graph, config, x, words, one), config->vocabulary);
    return graph_error(graph, error);
}

/* Tokens of the source; decoding, those that are written. */
static double units(const struct model_case *one)
{
    return (double)(one->batch * (one->mode == MODE_DECODE ? 1 : source_length(&one->size->config, one)));
}

static const struct family_size sizes[] = {
    {.name = "t5-small",
     .config = {.layers = 6,
                .hidden = 512,
                .heads = 8,
                .head_dim = 64,
                .feed_forward = 2048,
                .vocabulary = 32128,
                .max_context = 512,
                .epsilon = 1e-6f},
     .published = 60506624,
     .runnable = true,
     .batches = {4, 1},
     .contexts = {64}},
};

const struct family family_t5 = {.name = "t5",
                                 .task = "nlp",
                                 .help = "T5: an encoder of one text, a decoder of another",
                                 .sizes = sizes,
                                 .size_count = sizeof sizes / sizeof *sizes,
                                 .published = &public_t5,
                                 .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN | 1 << MODE_PREFILL | 1 << MODE_DECODE,
                                 .unit = "tokens/s",
                                 .has_context = true,
                                 .quantises = true,
                                 .optimizer = OPTIMIZER_ADAMW,
                                 .build = build,
                                 .units = units};
