/* The tensors of decoders, from llama's kind to those that differ from it by their traits. */
#include <string.h>

#include "models/catalogue/model_type.h"

/* What is asked again and again. */
struct decoder {
    const struct configuration *configuration;
    const struct settings *settings;
    struct outline *outline;
    unsigned traits;
    bool attention_bias, feed_forward_bias;
    uint64_t q_width, kv_width;
};

static bool has(const struct decoder *d, unsigned trait)
{
    return d->traits & trait;
}

static void add_norm(const struct decoder *d, int layer, uint64_t width)
{
    if (has(d, NO_NORMS))
        return;
    outline_add_vector(d->outline, true, layer, width);
    outline_add_vector(d->outline, has(d, NORM_BIAS), layer, width);
}

/* DeepSeek-V2 (2024): queries and the keys' and values' common latent vector through narrow matrices. */
static void add_latent_attention(const struct decoder *d, int layer)
{
    const struct configuration *c = d->configuration;
    uint64_t hidden = d->settings->hidden, heads = d->settings->heads;
    uint64_t q_rank = configuration_count(c, "q_lora_rank", 0), kv_rank = configuration_count(c, "kv_lora_rank", 0);
    uint64_t rope = configuration_count(c, "qk_rope_head_dim", 0),
             plain = configuration_count(c, "qk_nope_head_dim", 0);
    uint64_t value = configuration_count(c, "v_head_dim", 0), q_width = heads * (plain + rope);
    if (q_rank) {
        outline_add_linear(d->outline, TENSOR_Q, layer, q_rank, hidden, d->attention_bias);
        outline_add_vector(d->outline, true, layer, q_rank);
        outline_add(d->outline, TENSOR_Q, layer, q_width, q_rank);
    } else {
        outline_add(d->outline, TENSOR_Q, layer, q_width, hidden);
    }
    outline_add_linear(d->outline, TENSOR_MATRIX, layer, kv_rank + rope, hidden, d->attention_bias);
    outline_add_vector(d->outline, true, layer, kv_rank);
    outline_add(d->outline, TENSOR_V, layer, heads * (plain + value), kv_rank);
    outline_add_linear(d->outline, TENSOR_ATTENTION_OUTPUT, layer, hidden, heads * value, d->attention_bias);
}

static void add_query_key_norms(const struct decoder *d, int layer)
{
    bool parts =
        configuration_flag(d->configuration, "qk_layernorm") || configuration_flag(d->configuration, "use_qk_norm");
    uint64_t q = has(d, WHOLE_NORMS) ? d->q_width : has(d, HEAD_NORMS) ? d->settings->head_dim : 0;
    uint64_t k = has(d, WHOLE_NORMS) ? d->kv_width : q;
    if (parts && strcmp(d->configuration->type->name, "phi") == 0) { /* LayerNorms of a head's width */
        q = k = 2 * d->settings->head_dim;
    } else if (parts) { /* one norm's weights for each head */
        q = d->q_width;
        k = d->kv_width;
    }
    outline_add_vector(d->outline, q, layer, q);
    outline_add_vector(d->outline, k, layer, k);
}

static void add_attention(const struct decoder *d, int layer)
{
    uint64_t hidden = d->settings->hidden;
    bool qkv_bias = d->attention_bias || has(d, QKV_BIAS | ALL_BIAS);
    bool output_bias = d->attention_bias || has(d, ALL_BIAS);
    if (has(d, LATENT_ATTENTION)) {
        add_latent_attention(d, layer);
        return;
    }
    if (configuration_find(d->configuration, "attention_out_bias").mapping)
        output_bias = configuration_flag(d->configuration, "attention_out_bias");
    if (has(d, FUSED_QKV)) {
        outline_add_linear(d->outline, TENSOR_QKV, layer, d->q_width + 2 * d->kv_width, hidden, qkv_bias);
    } else {
        outline_add_linear(d->outline, TENSOR_Q, layer, d->q_width, hidden, qkv_bias);
        outline_add_linear(d->outline, TENSOR_K, layer, d->kv_width, hidden, qkv_bias);
        outline_add_linear(d->outline, TENSOR_V, layer, d->kv_width, hidden, qkv_bias);
    }
    add_query_key_norms(d, layer);
    outline_add_vector(d->outline, has(d, ROUTER_BIAS), layer, d->settings->heads); /* sinks */
    outline_add_linear(d->outline, TENSOR_ATTENTION_OUTPUT, layer, hidden, d->q_width, output_bias);
}

static void add_feed_forward(const struct decoder *d, int layer, uint64_t width)
{
    uint64_t hidden = d->settings->hidden;
    bool bias = d->feed_forward_bias || has(d, ALL_BIAS);
    if (!has(d, NOT_GATED | FUSED_GATE))
        outline_add_linear(d->outline, TENSOR_FFN_GATE, layer, width, hidden, bias);
    outline_add_linear(d->outline, TENSOR_FFN_UP, layer, (has(d, FUSED_GATE) ? 2 : 1) * width, hidden, bias);
    outline_add_linear(d->outline, TENSOR_FFN_DOWN, layer, hidden, width, bias);
}

static void add_experts(const struct decoder *d, int layer)
{
    const struct settings *s = d->settings;
    struct outline *outline = d->outline;
    uint64_t width = s->expert_feed_forward, hidden = s->hidden;
    bool bias = has(d, ROUTER_BIAS);
    outline_add(outline, TENSOR_FIXED, layer, s->experts, hidden);
    outline_add_vector(outline, bias, layer, s->experts);
    outline_add_experts(outline, TENSOR_FFN_GATE, layer, s->experts, s->experts_used, width, hidden);
    outline_add_experts(outline, TENSOR_FFN_UP, layer, s->experts, s->experts_used, width, hidden);
    outline_add_experts(outline, TENSOR_FFN_DOWN, layer, s->experts, s->experts_used, hidden, width);
    outline_add_experts(outline, TENSOR_VECTOR, layer, bias ? s->experts : 0, s->experts_used, 1, 2 * width + hidden);
    if (s->shared_feed_forward)
        add_feed_forward(d, layer, s->shared_feed_forward);
    outline_add_vector(outline, s->shared_feed_forward && has(d, SHARED_GATE), layer, hidden);
}

/* Which layers have experts: all, or every n-th, or those after the first few. */
static bool layer_has_experts(const struct decoder *d, uint64_t layer)
{
    uint64_t first = configuration_count(d->configuration, "first_k_dense_replace", 0);
    uint64_t step = configuration_count(d->configuration, "decoder_sparse_step|moe_layer_freq", 1);
    struct json_view dense = configuration_find(d->configuration, "mlp_only_layers");
    struct json_walk walk = {0};
    uint64_t number;
    while (json_walk_next(dense, &walk))
        if (json_view_count(walk.value, &number) && number == layer)
            return false;
    if (!d->settings->experts || layer < first)
        return false;
    bool from_one = configuration_find(d->configuration, "decoder_sparse_step").mapping;
    return step <= 1 || (layer + from_one) % step == 0;
}

static void add_layer(const struct decoder *d, int layer)
{
    uint64_t hidden = d->settings->hidden;
    add_norm(d, layer, hidden);
    add_attention(d, layer);
    if (!has(d, ONE_NORM))
        add_norm(d, layer, hidden);
    if (has(d, FOUR_NORMS)) {
        add_norm(d, layer, hidden);
        add_norm(d, layer, hidden);
    }
    if (layer_has_experts(d, (uint64_t)layer)) {
        add_experts(d, layer);
    } else {
        add_feed_forward(d, layer, d->settings->feed_forward);
    }
}

/* What stands after the last layer: a vocabulary, labels, or nothing. */
static void add_head(const struct decoder *d)
{
    const struct configuration *c = d->configuration;
    uint64_t hidden = d->settings->hidden, vocabulary = d->settings->vocabulary;
    bool classifies = configuration_class_is(c, "ForSequenceClassification");
    bool marks = configuration_class_is(c, "ForTokenClassification");
    bool answers = configuration_class_is(c, "ForQuestionAnswering");
    if (classifies || marks || answers) {
        outline_add_linear(d->outline, TENSOR_FIXED, -1, answers ? 2 : c->labels, hidden, !classifies);
        return;
    }
    bool headless = c->class_name[0] && configuration_class_is(c, "Model") && !configuration_class_is(c, "LMHeadModel");
    bool tied = configuration_flag(c, "tie_word_embeddings");
    bool bias = configuration_flag(c, "lm_head_bias") || has(d, HEAD_BIAS);
    if (!headless && !tied)
        outline_add(d->outline, TENSOR_HEAD, -1, vocabulary, configuration_count(c, "word_embed_proj_dim", hidden));
    outline_add_vector(d->outline, bias && !headless, -1, vocabulary);
}

void outline_decoder(const struct configuration *c, const struct settings *settings, struct outline *outline)
{
    struct decoder d = {.configuration = c,
                        .settings = settings,
                        .outline = outline,
                        .traits = c->type->traits,
                        .attention_bias =
                            (c->type->traits & BIAS_BY_CONFIG) &&
                            (configuration_flag(c, "attention_bias") || configuration_flag(c, "use_bias")),
                        .feed_forward_bias = configuration_flag(c, "mlp_bias") || configuration_flag(c, "use_bias"),
                        .q_width = settings->heads * settings->head_dim,
                        .kv_width = settings->kv_heads * settings->head_dim};
    if (configuration_flag(c, "use_qkv_bias"))
        d.traits |= QKV_BIAS;
    struct json_view qkv_bias = configuration_find(c, "qkv_bias");
    if (qkv_bias.mapping && !configuration_flag(c, "qkv_bias"))
        d.traits &= ~(unsigned)QKV_BIAS;
    bool neox = strcmp(c->type->name, "gpt_neox") == 0;
    if (neox && !configuration_flag(c, "attention_bias")) {
        d.traits &= ~(unsigned)ALL_BIAS;
        d.feed_forward_bias = true;
    }
    if (strcmp(c->type->name, "stablelm") == 0 && configuration_flag(c, "use_parallel_residual"))
        d.traits |= ONE_NORM;
    uint64_t width = configuration_count(c, "word_embed_proj_dim", settings->hidden);
    outline_add(outline, TENSOR_EMBEDDING, -1, settings->vocabulary, width);
    if (has(&d, POSITIONS)) /* OPT leaves two rows for padding */
        outline_add(outline, TENSOR_FIXED, -1, settings->max_context + 2 * !strcmp(c->type->name, "opt"),
                    settings->hidden);
    if (width != settings->hidden) {
        outline_add(outline, TENSOR_MATRIX, -1, settings->hidden, width);
        outline_add(outline, TENSOR_MATRIX, -1, width, settings->hidden);
    }
    if (has(&d, EMBEDDING_NORM))
        add_norm(&d, -1, settings->hidden);
    for (uint64_t i = 0; i < settings->layers && !outline->failed; i++)
        add_layer(&d, (int)i);
    bool no_last = strcmp(c->type->name, "opt") == 0 && (!configuration_flag(c, "do_layer_norm_before") ||
                                                         configuration_flag(c, "_remove_final_layer_norm"));
    if (!no_last)
        add_norm(&d, -1, settings->hidden);
    add_head(&d);
}

/* Falcon: parallel attention from one norm or, with grouped keys, from two. */
void outline_falcon(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    struct decoder d = {.configuration = c, .settings = s, .outline = outline, .traits = c->type->traits};
    bool grouped = configuration_flag(c, "new_decoder_architecture"), bias = configuration_flag(c, "bias");
    uint64_t kv_heads = grouped ? s->kv_heads : configuration_flag(c, "multi_query") ? 1 : s->heads;
    uint64_t wanted = configuration_count(c, "num_ln_in_parallel_attn", grouped ? 2 : 1);
    bool two = grouped ? wanted == 2 : !configuration_flag(c, "parallel_attn");
    d.q_width = s->heads * s->head_dim;
    d.kv_width = kv_heads * s->head_dim;
    outline_add(outline, TENSOR_EMBEDDING, -1, s->vocabulary, s->hidden);
    for (uint64_t i = 0; i < s->layers && !outline->failed; i++) {
        int layer = (int)i;
        add_norm(&d, layer, s->hidden);
        if (two)
            add_norm(&d, layer, s->hidden);
        outline_add_linear(outline, TENSOR_QKV, layer, d.q_width + 2 * d.kv_width, s->hidden, bias);
        outline_add_linear(outline, TENSOR_ATTENTION_OUTPUT, layer, s->hidden, d.q_width, bias);
        outline_add_linear(outline, TENSOR_FFN_UP, layer, s->feed_forward, s->hidden, bias);
        outline_add_linear(outline, TENSOR_FFN_DOWN, layer, s->hidden, s->feed_forward, bias);
    }
    add_norm(&d, -1, s->hidden);
    add_head(&d);
}
