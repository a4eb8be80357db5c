/* llama: the decoder of Touvron et al. (2023): RMSNorm, rotary positions, grouped key heads, SwiGLU
 *
 *   x = embedding[token]
 *   for each block:  x = x + attention(rope(qkv(rms_norm(x))));  x = x + down(silu(gate(n)) · up(n)), n = rms_norm(x)
 *   logits = rms_norm(x) · headᵀ                        the head is the embedding's own matrix unless untied_head
 *
 *   config: layers, hidden, heads, kv_heads, head_dim, feed_forward, vocabulary, max_context, rope_theta, epsilon,
 *   untied_head, projection_bias; weights normal, deviation 0.02, the two that end a block smaller by √(2·layers) */
#include <math.h>

#include "models/families/decoder.h"
#include "models/families/family.h"
#include "models/families/layers.h"

static const float DEVIATION = 0.02f;

static int block(struct graph *graph, const struct config *config, int x, int index, const struct model_case *one)
{
    const char *name = graph_name(graph, "layers.%d", index);
    const struct decoder_attention attention = {.heads = config->heads,
                                                .kv_heads = config->kv_heads,
                                                .head_dim = config->head_dim,
                                                .bias = config->projection_bias,
                                                .rope_theta = config->rope_theta,
                                                .deviation = DEVIATION};
    float last = DEVIATION / sqrtf(2.0f * (float)config->layers);
    graph->segment = index + 1;

    int y = layer_rms_norm(graph, graph_name(graph, "%s.input_norm", name), x, config->epsilon);
    y = decoder_attend(graph, graph_name(graph, "%s.attn", name), y, &attention, one);
    y = layer_linear(graph, graph_name(graph, "%s.attn.output", name), y, config->hidden, false, last, ACTIVATION_NONE);
    y = layer_dropout(graph, graph_name(graph, "%s.attn.dropout", name), y);
    x = build_add(graph, graph_name(graph, "%s.attn.residual", name), x, y);

    int n = layer_rms_norm(graph, graph_name(graph, "%s.post_norm", name), x, config->epsilon);
    y = layer_gated(graph, graph_name(graph, "%s.mlp", name), n, config->feed_forward, DEVIATION, last);
    y = layer_dropout(graph, graph_name(graph, "%s.mlp.dropout", name), y);
    x = build_add(graph, graph_name(graph, "%s.mlp.residual", name), x, y);

    graph->segment = 0;
    return x;
}

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    int64_t shape[] = {one->batch, decoder_length(one)};
    int tokens = layer_indices(graph, "tokens", (uint32_t)config->vocabulary, 2, shape);
    int words = layer_matrix(graph, "embedding.weight", config->untied_head ? MATRIX_EMBEDDING : MATRIX_HEAD,
                             one->dtype, config->vocabulary, config->hidden, DEVIATION);
    int x = build_embedding(graph, "embedding", tokens, words, NO_TENSOR, 0);
    for (int i = 0; i < config->layers; i++)
        x = block(graph, config, x, i, one);
    x = decoder_last(graph, x, one);
    x = layer_rms_norm(graph, "norm", x, config->epsilon);
    int head = config->untied_head ? layer_matrix(graph, "head.weight", MATRIX_HEAD, one->dtype, config->vocabulary,
                                                  config->hidden, DEVIATION)
                                   : words;
    x = build_linear(graph, "head", x, head, NO_TENSOR, ACTIVATION_NONE, one->dtype);
    layer_classify(graph, x, config->vocabulary);
    return graph_error(graph, error);
}

static const struct family_size sizes[] = {
    {.name = "llama-15m",
     .config = {.layers = 6,
                .hidden = 288,
                .heads = 6,
                .kv_heads = 6,
                .head_dim = 48,
                .feed_forward = 768,
                .vocabulary = 32000,
                .max_context = 256,
                .rope_theta = 1e4f,
                .epsilon = 1e-5f},
     .runnable = true,
     .batches = {4, 1},
     .contexts = {64}},
    {.name = "smollm-135m",
     .aliases = (const char *const[]){"smollm2-135m", NULL},
     .config = {.layers = 30,
                .hidden = 576,
                .heads = 9,
                .kv_heads = 3,
                .head_dim = 64,
                .feed_forward = 1536,
                .vocabulary = 49152,
                .max_context = 2048,
                .rope_theta = 1e4f,
                .epsilon = 1e-5f},
     .runnable = true,
     .batches = {4, 1},
     .contexts = {64}},
    {.name = "smollm-360m",
     .aliases = (const char *const[]){"smollm2-360m", NULL},
     .config = {.layers = 32,
                .hidden = 960,
                .heads = 15,
                .kv_heads = 5,
                .head_dim = 64,
                .feed_forward = 2560,
                .vocabulary = 49152,
                .max_context = 2048,
                .rope_theta = 1e4f,
                .epsilon = 1e-5f},
     .runnable = true,
     .batches = {1},
     .contexts = {64}},
    {.name = "tinyllama-1.1b",
     .config = {.layers = 22,
                .hidden = 2048,
                .heads = 32,
                .kv_heads = 4,
                .head_dim = 64,
                .feed_forward = 5632,
                .vocabulary = 32000,
                .max_context = 2048,
                .rope_theta = 1e4f,
                .epsilon = 1e-5f,
                .untied_head = true},
     .batches = {4, 1},
     .contexts = {64}},
    {.name = "llama-3.2-3b",
     .config = {.layers = 28,
                .hidden = 3072,
                .heads = 24,
                .kv_heads = 8,
                .head_dim = 128,
                .feed_forward = 8192,
                .vocabulary = 128256,
                .max_context = 131072,
                .rope_theta = 5e5f,
                .epsilon = 1e-5f},
     .batches = {4, 1},
     .contexts = {64}},
    {.name = "llama-3-8b",
     .aliases = (const char *const[]){"llama-3.1-8b", NULL},
     .config = {.layers = 32,
                .hidden = 4096,
                .heads = 32,
                .kv_heads = 8,
                .head_dim = 128,
                .feed_forward = 14336,
                .vocabulary = 128256,
                .max_context = 131072,
                .rope_theta = 5e5f,
                .epsilon = 1e-5f,
                .untied_head = true},
     .batches = {4, 1},
     .contexts = {64}},
};

const struct family family_llama = {.name = "llama",
                                    .task = "nlp",
                                    .help = "Llama decoders: RMSNorm, rotary positions, grouped key heads, SwiGLU",
                                    .sizes = sizes,
                                    .size_count = sizeof sizes / sizeof *sizes,
                                    .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN | 1 << MODE_PREFILL | 1 << MODE_DECODE,
                                    .unit = "tokens/s",
                                    .has_context = true,
                                    .quantises = true,
                                    .optimizer = OPTIMIZER_ADAMW,
                                    .build = build,
                                    .units = decoder_units};
