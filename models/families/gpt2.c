/* gpt2: the decoder of Radford et al. (2019), "Language Models are Unsupervised Multitask Learners"
 *
 *   x = wte[token] + wpe[position]
 *   for each block:  x = x + attention(layer_norm(x));  x = x + mlp(layer_norm(x)),  mlp four times as wide with GELU
 *   logits = layer_norm(x) · wteᵀ                             the head is the embedding's own matrix (tied)
 *
 * OPT (Zhang et al. 2022) is the same with ReLU, and with two rows of positions that no token has. BLOOM (Scao et al.
 * 2022) has no positions but ALiBi's biases (Press et al. 2022), and normalises the embedding.
 *
 *   config: layers, hidden, heads, vocabulary, max_context, activation, first_position, alibi, embedding_norm,
 * untied_head; weights as OpenAI's: normal, deviation 0.02, the two that end a block smaller by √(2·layers), positions
 * 0.01 */
#include <math.h>

#include "models/catalogue/public_models.h"
#include "models/families/decoder.h"
#include "models/families/family.h"
#include "models/families/layers.h"

static const float EPSILON = 1e-5f, DEVIATION = 0.02f;

/* The projections side by side where nothing is cached. */
static int attend(struct graph *graph, const struct config *config, const char *name, int x,
                  const struct model_case *one)
{
    int64_t heads = config->heads, head_dim = config->hidden / heads;
    int alibi = config->alibi ? decoder_alibi(graph, heads, one) : NO_TENSOR;
    const int *distance_bias = config->alibi ? &alibi : NULL;
    const struct decoder_attention cached = {.heads = heads,
                                             .kv_heads = heads,
                                             .head_dim = head_dim,
                                             .bias = true,
                                             .distance_bias = distance_bias,
                                             .deviation = DEVIATION};
    if (decoder_caches(one))
        return decoder_attention(graph, name, x, &cached, one);
    x = layer_linear_kind(graph, graph_name(graph, "%s.c_attn", name), MATRIX_VALUE, x, 3 * config->hidden, true,
                          DEVIATION, ACTIVATION_NONE);
    return build_scored_attention(graph, name, x, heads, heads, head_dim, true,
                                  &(struct attention_scores){.distance_bias = distance_bias});
}

static int block(struct graph *graph, const struct config *config, int x, int index, const struct model_case *one)
{
    const char *name = graph_name(graph, "h.%d", index);
    float last = DEVIATION / sqrtf(2.0f * (float)config->layers);
    int64_t width = config->hidden;
    graph->segment = index + 1;

    int y = layer_norm(graph, graph_name(graph, "%s.ln_1", name), x, EPSILON);
    y = attend(graph, config, graph_name(graph, "%s.attn", name), y, one);
    y = layer_linear(graph, graph_name(graph, "%s.attn.c_proj", name), y, width, true, last, ACTIVATION_NONE);
    y = layer_dropout(graph, graph_name(graph, "%s.attn.dropout", name), y);
    x = build_add(graph, graph_name(graph, "%s.attn.residual", name), x, y);

    y = layer_norm(graph, graph_name(graph, "%s.ln_2", name), x, EPSILON);
    y = layer_linear(graph, graph_name(graph, "%s.mlp.c_fc", name), y, 4 * width, true, DEVIATION,
                     config->activation ? (enum activation)config->activation : ACTIVATION_GELU_TANH);
    y = layer_linear_kind(graph, graph_name(graph, "%s.mlp.c_proj", name), MATRIX_DOWN, y, width, true, last,
                          ACTIVATION_NONE);
    y = layer_dropout(graph, graph_name(graph, "%s.mlp.dropout", name), y);
    x = build_add(graph, graph_name(graph, "%s.mlp.residual", name), x, y);

    graph->segment = 0;
    return x;
}

/* Rows of learned positions; none with ALiBi. */
static int learned_positions(struct graph *graph, const struct config *config, const struct model_case *one)
{
    if (config->alibi)
        return NO_TENSOR;
    int64_t places[] = {config->first_position + config->max_context, config->hidden};
    return graph_weight(graph, "wpe.weight", one->dtype, 2, places, (struct fill){.kind = FILL_NORMAL, .scale = 0.01f},
                        true);
}

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    int64_t shape[] = {one->batch, decoder_length(one)};
    int tokens = layer_indices(graph, "tokens", (uint32_t)config->vocabulary, 2, shape);
    int words = layer_matrix(graph, "wte.weight", config->untied_head ? MATRIX_EMBEDDING : MATRIX_HEAD, one->dtype,
                             config->vocabulary, config->hidden, DEVIATION);
    int positions = learned_positions(graph, config, one);
    int x = build_embedding(graph, "wte", tokens, words, positions, config->first_position + decoder_position(one));
    if (config->embedding_norm)
        x = layer_norm(graph, "wte.norm", x, EPSILON);
    x = layer_dropout(graph, "drop", x);
    for (int i = 0; i < config->layers; i++)
        x = block(graph, config, x, i, one);
    x = decoder_last(graph, x, one);
    x = layer_norm(graph, "ln_f", x, EPSILON);
    int head = config->untied_head ? layer_matrix(graph, "head.weight", MATRIX_HEAD, one->dtype, config->vocabulary,
                                                  config->hidden, DEVIATION)
                                   : words;
    x = build_linear(graph, "head", x, head, NO_TENSOR, ACTIVATION_NONE, one->dtype);
    layer_classify(graph, x, config->vocabulary);
    return graph_error(graph, error);
}

#define GPT2(layers_, hidden_, heads_)                                                                                 \
    {                                                                                                                  \
        .layers = layers_, .hidden = hidden_, .heads = heads_, .vocabulary = 50257, .max_context = 1024                \
    }

static const struct family_size sizes[] = {
    {.name = "gpt2-tiny",
     .config = {.layers = 4, .hidden = 128, .heads = 4, .vocabulary = 2048, .max_context = 256},
     .runnable = true,
     .batches = {4, 1},
     .contexts = {64}},
    {.name = "gpt2-124m",
     .aliases = (const char *const[]){"gpt2", "gpt2-small", NULL},
     .config = GPT2(12, 768, 12),
     .published = 124439808,
     .runnable = true,
     .batches = {4, 1},
     .contexts = {64}},
    {.name = "gpt2-355m",
     .aliases = (const char *const[]){"gpt2-medium", NULL},
     .config = GPT2(24, 1024, 16),
     .published = 354823168,
     .runnable = true,
     .batches = {4, 1},
     .contexts = {64}},
    /* Half of gpt2-124m's blocks, and its student (Sanh et al. 2019); here so that the ladder stays one of sizes. */
    {.name = "distilgpt2",
     .aliases = (const char *const[]){"gpt2-82m", NULL},
     .teacher = "gpt2-124m",
     .config = GPT2(6, 768, 12),
     .runnable = true,
     .batches = {4, 1},
     .contexts = {64}},
};

const struct family family_gpt2 = {.name = "gpt2",
                                   .task = "nlp",
                                   .help = "GPT-2 decoders: LayerNorm, GELU, learned positions or ALiBi's, tied head",
                                   .sizes = sizes,
                                   .size_count = sizeof sizes / sizeof *sizes,
                                   .published = &public_gpt2,
                                   .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN | 1 << MODE_DISTILL |
                                            1 << MODE_PREFILL | 1 << MODE_DECODE,
                                   .unit = "tokens/s",
                                   .has_context = true,
                                   .quantises = true,
                                   .optimizer = OPTIMIZER_ADAMW,
                                   .build = build,
                                   .units = decoder_units};
