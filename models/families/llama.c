/* llama: the decoder of Touvron et al. (2023): RMSNorm, rotary positions, grouped key heads, SwiGLU; and what its
 * relatives do differently
 *
 *   x = embedding[token]
 *   for each block:  x = x + attention(rope(qkv(rms_norm(x))));  x = x + down(silu(gate(n)) · up(n)), n = rms_norm(x)
 *   logits = rms_norm(x) · headᵀ                        the head is the embedding's own matrix unless untied_head
 *
 *   Qwen2     biases of queries, keys and values (projection_bias)
 *   Qwen3     each head of queries and keys normalised (head_norm);  OLMo 2: all at once, and blocks whose halves'
 *             results are normalised instead of what they read (norm_place)
 *   OLMo      layer norms without weights (bare_norm)
 *   Mistral   a window of positions (window);  Phi-3: too, and stretched rotary positions (rope: ops/rope.h)
 *   SmolLM3   no positions in every fourth layer (unplaced_every)
 *   Gemma     words times √hidden, gates of GELU, gammas stored less 1;  Gemma 2: norms before and after, softcaps of
 *             scores and logits, every other layer windowed;  Gemma 3: no softcaps, normalised heads, five windowed
 *             layers to a global one, each kind with its own base of rotary positions
 *
 *   config: layers, hidden, heads, kv_heads, head_dim, feed_forward, vocabulary, max_context, rope_theta, epsilon,
 *   untied_head, projection_bias, head_norm, and those of llama's relatives; weights normal, deviation 0.02, the two
 *   that end a block smaller by √(2·layers) */
#include "models/families/llama.h"

#include <math.h>

#include "models/families/decoder.h"
#include "models/families/layers.h"

static const float DEVIATION = 0.02f;

static int norm(struct graph *graph, const struct config *config, const char *name, int x)
{
    if (config->bare_norm)
        return layer_bare_norm(graph, name, x, config->epsilon);
    return config->norm_less_one ? layer_rms_norm_less_one(graph, name, x, config->epsilon)
                                 : layer_rms_norm(graph, name, x, config->epsilon);
}

static bool every(int64_t count, int index)
{
    return count && (index + 1) % count == 0;
}

static struct decoder_attention attention_of(const struct config *config, int index)
{
    struct decoder_attention a = {.heads = config->heads,
                                  .kv_heads = config->kv_heads,
                                  .head_dim = config->head_dim,
                                  .bias = config->projection_bias,
                                  .rope_theta = config->rope_theta,
                                  .rope = config->rope,
                                  .scale = config->query_width > 0 ? 1 / sqrtf(config->query_width) : 0,
                                  .softcap = config->attention_softcap,
                                  .head_norm = config->head_norm,
                                  .norm_less_one = config->norm_less_one,
                                  .epsilon = config->epsilon,
                                  .deviation = DEVIATION};
    if (config->window && !every(config->global_every, index)) {
        a.window = config->window;
        if (config->local_theta > 0) {
            a.rope_theta = config->local_theta;
            a.rope = NULL;
        }
    }
    if (every(config->unplaced_every, index))
        a.rope_theta = 0;
    return a;
}

/* What half a block reads, and what it adds to x. */
static int enter(struct graph *graph, const struct config *config, const char *name, int x)
{
    return config->norm_place == NORM_AFTER ? x : norm(graph, config, name, x);
}

static int leave(struct graph *graph, const struct config *config, const char *name, int x, int y)
{
    if (config->norm_place != NORM_BEFORE)
        y = norm(graph, config, graph_name(graph, "%s.after_norm", name), y);
    y = layer_dropout(graph, graph_name(graph, "%s.dropout", name), y);
    return build_add(graph, graph_name(graph, "%s.residual", name), x, y);
}

static int block(struct graph *graph, const struct config *config, int x, int index, const struct model_case *one)
{
    const char *name = graph_name(graph, "layers.%d", index), *attn = graph_name(graph, "%s.attn", name),
               *mlp = graph_name(graph, "%s.mlp", name);
    const struct decoder_attention attention = attention_of(config, index);
    float last = DEVIATION / sqrtf(2.0f * (float)config->layers);
    graph->segment = index + 1;

    int y = enter(graph, config, graph_name(graph, "%s.input_norm", name), x);
    y = decoder_attend(graph, attn, y, &attention, one);
    y = layer_linear(graph, graph_name(graph, "%s.output", attn), y, config->hidden, false, last, ACTIVATION_NONE);
    x = leave(graph, config, attn, x, y);

    y = enter(graph, config, graph_name(graph, "%s.post_norm", name), x);
    y = layer_gated_by(graph, mlp, y, config->feed_forward,
                       config->activation ? (enum activation)config->activation : ACTIVATION_SILU, DEVIATION, last);
    x = leave(graph, config, mlp, x, y);

    graph->segment = 0;
    return x;
}

bool llama_build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    int64_t shape[] = {one->batch, decoder_length(one)};
    int tokens = layer_indices(graph, "tokens", (uint32_t)config->vocabulary, 2, shape);
    int words = layer_matrix(graph, "embedding.weight", config->untied_head ? MATRIX_EMBEDDING : MATRIX_HEAD,
                             one->dtype, config->vocabulary, config->hidden, DEVIATION);
    int x = build_embedding(graph, "embedding", tokens, words, NO_TENSOR, 0);
    if (config->scaled_embedding)
        x = build_scale(graph, "embedding.scaled", x, sqrtf((float)config->hidden));
    for (int i = 0; i < config->layers; i++)
        x = block(graph, config, x, i, one);
    x = decoder_last(graph, x, one);
    x = norm(graph, config, "norm", x);
    int head = config->untied_head ? layer_matrix(graph, "head.weight", MATRIX_HEAD, one->dtype, config->vocabulary,
                                                  config->hidden, DEVIATION)
                                   : words;
    x = build_linear(graph, "head", x, head, NO_TENSOR, ACTIVATION_NONE, one->dtype);
    if (config->logits_softcap > 0)
        x = build_softcap(graph, "head.softcap", x, config->logits_softcap);
    layer_classify(graph, x, config->vocabulary);
    return graph_error(graph, error);
}
