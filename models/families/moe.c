/* moe: decoders whose feed-forward layers are many experts, of which a router gives each token a few
 *
 *   as llama, but:  y = Σ_j w_j · down[e_j](silu(gate[e_j](n)) · up[e_j](n)) (+ shared(n)),  n = rms_norm(x)
 *   p = softmax(router(n)) in f32; e = the experts of largest p, w = p[e], or p[e] / Σ p[e] where `renormalise`
 *   shared: a feed-forward that all tokens take; with `shared_gate` times sigmoid(shared_gate(n))
 *
 * (Shazeer et al. 2017; Mixtral: Jiang et al. 2024; OLMoE: Muennighoff et al. 2024, whose queries and keys are
 * normalised; Qwen1.5-MoE and Qwen3; DeepSeek-V2 and V3, with attention of their own, whose first layers have no
 * experts and whose router may be one of sigmoids. V3 also looks for a token's experts in the better half of eight
 * groups only, which changes neither shapes nor work and isn't done here.) Only the matrices of experts that a step's
 * tokens go to are read. Generated weights route nearly evenly; a case's skew makes some experts more popular
 * (kernels/routing.h).
 *
 *   config: as llama's, and experts, chosen, renormalise, head_norm, shared_feed_forward, shared_gate; feed_forward is
 *   that of one expert. Weights normal, deviation 0.02, embeddings 1, the last of a block smaller by √(2·layers). */
#include <math.h>

#include "models/catalogue/public_models.h"
#include "models/families/decoder.h"
#include "models/families/family.h"
#include "models/families/latent.h"
#include "models/families/layers.h"

static const float DEVIATION = 0.02f;
/* Of the embeddings: large enough that what a token is outweighs what attention adds, which with generated weights is
 * much the same for all tokens of a sequence; so these go different ways, as a trained router sends them. */
static const float EMBEDDING_DEVIATION = 1;

/* A router chooses by small differences: it isn't quantised, and computes in f32. */
static int route_linear(struct graph *graph, const char *name, int x, int64_t outputs, enum activation activation,
                        const struct model_case *one)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int weight = graph_weight(graph, graph_name(graph, "%s.weight", name), graph->recipe ? DTYPE_F32 : one->dtype, 2,
                              (int64_t[]){outputs, tensor_columns(&graph->tensors[x])},
                              (struct fill){.kind = FILL_NORMAL, .scale = DEVIATION}, true);
    return build_linear(graph, name, x, weight, NO_TENSOR, activation, DTYPE_F32);
}

static int shared_expert(struct graph *graph, const struct config *config, const char *name, int n, float last,
                         const struct model_case *one)
{
    int y = layer_gated(graph, name, n, config->shared_feed_forward, DEVIATION, last);
    if (!config->shared_gate)
        return y;
    int gate = route_linear(graph, graph_name(graph, "%s_gate", name), n, 1, ACTIVATION_SIGMOID, one);
    return build_combine(graph, graph_name(graph, "%s.gated", name), y, gate, NO_TENSOR);
}

/* What DeepSeek-V3 adds to each expert's share before it chooses, so that all have work: zero at the start, and moved
 * by how busy they were, not by a gradient, which isn't done here. */
static int correct(struct graph *graph, const char *name, int p, int64_t experts)
{
    int correction = graph_weight(graph, graph_name(graph, "%s.correction", name), DTYPE_F32, 1, &experts,
                                  (struct fill){.kind = FILL_ZERO}, false);
    if (correction == NO_TENSOR)
        return NO_TENSOR;
    graph->tensors[correction].trainable = false;
    graph->tensors[correction].fixed = true;
    return build_add(graph, graph_name(graph, "%s.corrected", name), p, correction);
}

static int experts(struct graph *graph, const struct config *config, const char *name, int n, float last,
                   const struct model_case *one)
{
    const struct layer_experts shape = {
        .experts = config->experts, .chosen = config->chosen, .skew = one->skew, .deviation = DEVIATION};
    struct layer_experts ends = shape;
    ends.deviation = last;

    int p = route_linear(graph, graph_name(graph, "%s.router", name), n, config->experts,
                         config->sigmoid_router ? ACTIVATION_SIGMOID : ACTIVATION_NONE, one);
    if (config->sigmoid_router)
        p = correct(graph, graph_name(graph, "%s.router", name), p, config->experts);
    else
        p = build_softmax(graph, graph_name(graph, "%s.router.softmax", name), p);
    int chosen, weights = build_top_k(graph, graph_name(graph, "%s.route", name), p, config->chosen,
                                      config->renormalise, one->skew, decoder_position(one), &chosen);
    if (config->route_scale > 0)
        weights = build_scale(graph, graph_name(graph, "%s.route.scaled", name), weights, config->route_scale);
    struct dispatched to = build_dispatch(graph, graph_name(graph, "%s.dispatch", name), n, chosen, config->experts);
    int gate = layer_experts(graph, graph_name(graph, "%s.experts.gate", name), MATRIX_PLAIN, to.rows, to.offsets,
                             config->feed_forward, ACTIVATION_SILU, &shape);
    int up = layer_experts(graph, graph_name(graph, "%s.experts.up", name), MATRIX_PLAIN, to.rows, to.offsets,
                           config->feed_forward, ACTIVATION_NONE, &shape);
    int y = build_multiply(graph, graph_name(graph, "%s.experts.gated", name), gate, up);
    y = layer_experts(graph, graph_name(graph, "%s.experts.down", name), MATRIX_DOWN, y, to.offsets, config->hidden,
                      ACTIVATION_NONE, &ends);
    return build_combine(graph, graph_name(graph, "%s.combine", name), y, weights, to.slots);
}

static int attend(struct graph *graph, const struct config *config, const char *name, int x,
                  const struct model_case *one)
{
    const struct latent_attention latent = {.heads = config->heads,
                                            .key_dim = config->head_dim,
                                            .rope_dim = config->rope_dim,
                                            .value_dim = config->value_dim,
                                            .key_rank = config->key_rank,
                                            .query_rank = config->query_rank,
                                            .rope_theta = config->rope_theta,
                                            .rope = config->rope,
                                            .scale = config->query_width > 0 ? 1 / sqrtf(config->query_width) : 0,
                                            .epsilon = config->epsilon,
                                            .deviation = DEVIATION};
    if (config->key_rank)
        return latent_attend(graph, name, x, &latent, one);
    const struct decoder_attention attention = {.heads = config->heads,
                                                .kv_heads = config->kv_heads,
                                                .head_dim = config->head_dim,
                                                .bias = config->projection_bias,
                                                .rope_theta = config->rope_theta,
                                                .rope = config->rope,
                                                .beside_eight = config->experts == 8,
                                                .head_norm = config->head_norm,
                                                .epsilon = config->epsilon,
                                                .deviation = DEVIATION};
    return decoder_attend(graph, name, x, &attention, one);
}

/* All experts' and the shared one's sum; or, in the first layers of some, a feed-forward like any other. */
static int feed_forward(struct graph *graph, const struct config *config, const char *name, int n, float last,
                        int index, const struct model_case *one)
{
    if (index < config->dense_layers)
        return layer_gated(graph, name, n, config->dense_feed_forward, DEVIATION, last);
    int y = experts(graph, config, name, n, last, one);
    if (!config->shared_feed_forward)
        return y;
    return build_add(graph, graph_name(graph, "%s.sum", name), y,
                     shared_expert(graph, config, graph_name(graph, "%s.shared", name), n, last, one));
}

static int block(struct graph *graph, const struct config *config, int x, int index, const struct model_case *one)
{
    const char *name = graph_name(graph, "layers.%d", index);
    float last = DEVIATION / sqrtf(2.0f * (float)config->layers);
    graph->segment = index + 1;

    int y = layer_rms_norm(graph, graph_name(graph, "%s.input_norm", name), x, config->epsilon);
    y = attend(graph, config, graph_name(graph, "%s.attn", name), y, one);
    y = layer_linear(graph, graph_name(graph, "%s.attn.output", name), y, config->hidden, false, last, ACTIVATION_NONE);
    y = layer_dropout(graph, graph_name(graph, "%s.attn.dropout", name), y);
    x = build_add(graph, graph_name(graph, "%s.attn.residual", name), x, y);

    int n = layer_rms_norm(graph, graph_name(graph, "%s.post_norm", name), x, config->epsilon);
    y = feed_forward(graph, config, graph_name(graph, "%s.mlp", name), n, last, index, one);
    y = layer_dropout(graph, graph_name(graph, "%s.mlp.dropout", name), y);
    x = build_add(graph, graph_name(graph, "%s.mlp.residual", name), x, y);

    graph->segment = 0;
    return x;
}

static bool build(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error)
{
    int64_t shape[] = {one->batch, decoder_length(one)};
    int tokens = layer_indices(graph, "tokens", (uint32_t)config->vocabulary, 2, shape);
    int words = layer_matrix(graph, "embedding.weight", MATRIX_EMBEDDING, one->dtype, config->vocabulary,
                             config->hidden, EMBEDDING_DEVIATION);
    int x = build_embedding(graph, "embedding", tokens, words, NO_TENSOR, 0);
    for (int i = 0; i < config->layers; i++)
        x = block(graph, config, x, i, one);
    x = decoder_last(graph, x, one);
    x = layer_rms_norm(graph, "norm", x, config->epsilon);
    x = layer_linear_kind(graph, "head", MATRIX_HEAD, x, config->vocabulary, false, DEVIATION, ACTIVATION_NONE);
    layer_classify(graph, x, config->vocabulary);
    return graph_error(graph, error);
}

static const struct family_size sizes[] = {
    {.name = "moe-tiny",
     .config = {.layers = 4,
                .hidden = 256,
                .heads = 4,
                .kv_heads = 4,
                .head_dim = 64,
                .feed_forward = 256,
                .experts = 8,
                .chosen = 2,
                .renormalise = true,
                .vocabulary = 4000,
                .max_context = 2048,
                .rope_theta = 1e4f,
                .epsilon = 1e-5f},
     .runnable = true,
     .batches = {4, 1},
     .contexts = {64}},
    {.name = "moe-small",
     .config = {.layers = 8,
                .hidden = 512,
                .heads = 8,
                .kv_heads = 8,
                .head_dim = 64,
                .feed_forward = 768,
                .experts = 8,
                .chosen = 2,
                .renormalise = true,
                .vocabulary = 16000,
                .max_context = 2048,
                .rope_theta = 1e4f,
                .epsilon = 1e-5f},
     .runnable = true,
     .batches = {4, 1},
     .contexts = {64}},
};

const struct family family_moe = {.name = "moe",
                                  .task = "nlp",
                                  .help = "decoders with routed experts, of which each token takes a few",
                                  .sizes = sizes,
                                  .size_count = sizeof sizes / sizeof *sizes,
                                  .published = &public_moe,
                                  .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN | 1 << MODE_PREFILL | 1 << MODE_DECODE,
                                  .unit = "tokens/s",
                                  .has_context = true,
                                  .quantises = true,
                                  .routes = true,
                                  .optimizer = OPTIMIZER_ADAMW,
                                  .build = build,
                                  .units = decoder_units};
