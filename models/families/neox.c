/* neox: decoders whose attention and feed-forward stand side by side, as in GPT-NeoX (Black et al. 2022)
 *
 *   x = embedding[token]
 *   for each block:  x = x + attention(rope(qkv(n))) + down(f(up(m))),  n = layer_norm(x),  m another layer_norm(x)
 *   logits = layer_norm(x) · headᵀ
 *
 *   GPT-NeoX and Pythia (Biderman et al. 2023)   biases everywhere but in the head; a quarter of each head turns
 *   Phi-1.5 and 2 (Li et al. 2023)               one norm for both (one_norm); the head has a bias (head_bias)
 *   Falcon (Almazrouei et al. 2023)              no biases but the norms'; few key heads; the 7b one norm for both
 *
 *   config: layers, hidden, heads, kv_heads, head_dim, feed_forward, vocabulary, max_context, rope_theta, rope (the
 * share that turns), epsilon, activation, untied_head, projection_bias, one_norm, head_bias; weights normal, deviation
 * 0.02, the two that end a block smaller by √(2·layers). */
#include <math.h>

#include "models/catalogue/public_models.h"
#include "models/families/decoder.h"
#include "models/families/family.h"
#include "models/families/layers.h"
#include "models/ops/rope.h"

static const float DEVIATION = 0.02f;

static int attention_part(struct graph *graph, const struct config *config, const char *name, int n,
                          const struct model_case *one)
{
    const struct decoder_attention attention = {.heads = config->heads,
                                                .kv_heads = config->kv_heads,
                                                .head_dim = config->head_dim,
                                                .bias = config->projection_bias,
                                                .rope_theta = config->rope_theta,
                                                .rope = config->rope,
                                                .deviation = DEVIATION};
    float last = DEVIATION / sqrtf(2.0f * (float)config->layers);
    int y = decoder_attend(graph, name, n, &attention, one);
    y = layer_linear(graph, graph_name(graph, "%s.output", name), y, config->hidden, config->projection_bias, last,
                     ACTIVATION_NONE);
    return layer_dropout(graph, graph_name(graph, "%s.dropout", name), y);
}

static int feed_forward_part(struct graph *graph, const struct config *config, const char *name, int n)
{
    float last = DEVIATION / sqrtf(2.0f * (float)config->layers);
    enum activation activation = config->activation ? (enum activation)config->activation : ACTIVATION_GELU;
    int y = layer_linear(graph, graph_name(graph, "%s.up", name), n, config->feed_forward, config->projection_bias,
                         DEVIATION, activation);
    y = layer_linear_kind(graph, graph_name(graph, "%s.down", name), MATRIX_DOWN, y, config->hidden,
                          config->projection_bias, last, ACTIVATION_NONE);
    return layer_dropout(graph, graph_name(graph, "%s.dropout", name), y);
}

static int block(struct graph *graph, const struct config *config, int x, int index, const struct model_case *one)
{
    const char *name = graph_name(graph, "layers.%d", index), *attn = graph_name(graph, "%s.attn", name),
               *mlp = graph_name(graph, "%s.mlp", name);
    graph->segment = index + 1;
    int n = layer_norm(graph, graph_name(graph, "%s.input_norm", name), x, config->epsilon), m = n;
    if (!config->one_norm)
        m = layer_norm(graph, graph_name(graph, "%s.post_norm", name), x, config->epsilon);
    int y = attention_part(graph, config, attn, n, one), z = feed_forward_part(graph, config, mlp, m);
    x = build_add(graph, graph_name(graph, "%s.residual", attn), x, y);
    x = build_add(graph, graph_name(graph, "%s.residual", mlp), x, z);
    graph->segment = 0;
    return x;
}

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    int64_t shape[] = {one->batch, decoder_length(one)}, words_shape[] = {config->vocabulary, config->hidden};
    int tokens = layer_indices(graph, "tokens", (uint32_t)config->vocabulary, 2, shape);
    int words = layer_matrix(graph, "embedding.weight", config->untied_head ? MATRIX_EMBEDDING : MATRIX_HEAD,
                             one->dtype, words_shape[0], words_shape[1], DEVIATION);
    int x = build_embedding(graph, "embedding", tokens, words, NO_TENSOR, 0);
    for (int i = 0; i < config->layers; i++)
        x = block(graph, config, x, i, one);
    x = layer_norm(graph, "norm", decoder_last(graph, x, one), config->epsilon);
    if (config->untied_head)
        x = layer_linear_kind(graph, "head", MATRIX_HEAD, x, config->vocabulary, config->head_bias, DEVIATION,
                              ACTIVATION_NONE);
    else
        x = build_linear(graph, "head", x, words, NO_TENSOR, ACTIVATION_NONE, one->dtype);
    layer_classify(graph, x, config->vocabulary);
    return graph_error(graph, error);
}

static const struct rope quarter = {.kind = ROPE_PLAIN, .share = 0.25f};

static const struct family_size sizes[] = {
    {.name = "pythia-14m",
     .config = {.layers = 6,
                .hidden = 128,
                .heads = 4,
                .kv_heads = 4,
                .head_dim = 32,
                .feed_forward = 512,
                .vocabulary = 50304,
                .max_context = 512,
                .rope_theta = 1e4f,
                .rope = &quarter,
                .epsilon = 1e-5f,
                .untied_head = true,
                .projection_bias = true},
     .published = 14067712,
     .runnable = true,
     .batches = {4, 1},
     .contexts = {64}},
};

const struct family family_neox = {.name = "neox",
                                   .task = "nlp",
                                   .help = "decoders with attention beside the feed-forward: Pythia, Phi-2, Falcon",
                                   .sizes = sizes,
                                   .size_count = sizeof sizes / sizeof *sizes,
                                   .published = &public_neox,
                                   .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN | 1 << MODE_PREFILL | 1 << MODE_DECODE,
                                   .unit = "tokens/s",
                                   .has_context = true,
                                   .quantises = true,
                                   .optimizer = OPTIMIZER_ADAMW,
                                   .build = build,
                                   .units = decoder_units};
