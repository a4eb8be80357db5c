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
    bool sparse[OUTLINE_MOST_LAYERS]; /* layers that have experts */
};

static bool has(const struct decoder *d, unsigned trait)
{
    return d->traits & trait;
}

static bool is_type(const struct decoder *d, const char *name)
{
    return strcmp(d->configuration->type->name, name) == 0;
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
        outline_add_linear(d->outline, TENSOR_MATRIX, layer, q_rank, hidden, d->attention_bias);
        outline_add_vector(d->outline, true, layer, q_rank);
        outline_add(d->outline, TENSOR_MATRIX, layer, q_width, q_rank);
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
    bool parts = configuration_flag(d->configuration, "qk_layernorm|use_qk_norm");
    uint64_t q = has(d, WHOLE_NORMS) ? d->q_width : has(d, HEAD_NORMS) ? d->settings->head_dim : 0;
    uint64_t k = has(d, WHOLE_NORMS) ? d->kv_width : q;
    if (parts && (is_type(d, "phi") || is_type(d, "persimmon"))) { /* LayerNorms of a head's width */
        q = k = 2 * d->settings->head_dim;
    } else if (parts && is_type(d, "glm4_moe")) {
        q = k = d->settings->head_dim;
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
    bool output_bias = d->attention_bias || has(d, ALL_BIAS | OUTPUT_BIAS);
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
    outline_add_vector(d->outline, has(d, SUB_NORMS), layer, hidden);
    outline_add_linear(d->outline, TENSOR_ATTENTION_OUTPUT, layer, hidden, is_type(d, "helium") ? hidden : d->q_width,
                       output_bias);
}

static void add_feed_forward(const struct decoder *d, int layer, uint64_t width)
{
    uint64_t hidden = d->settings->hidden;
    bool bias = d->feed_forward_bias || has(d, ALL_BIAS | FEED_FORWARD_BIAS);
    if (has(d, HALVED_FEED_FORWARD))
        width /= 2;
    if (!has(d, NOT_GATED | FUSED_GATE))
        outline_add_linear(d->outline, TENSOR_FFN_GATE, layer, width, hidden, bias);
    outline_add_linear(d->outline, TENSOR_FFN_UP, layer, (has(d, FUSED_GATE) ? 2 : 1) * width, hidden, bias);
    outline_add_vector(d->outline, has(d, SUB_NORMS), layer, width);
    outline_add_linear(d->outline, TENSOR_FFN_DOWN, layer, hidden, width, bias);
    outline_add_vector(d->outline, is_type(d, "apertus"), layer, 2); /* of its activation */
}

static void add_experts(const struct decoder *d, int layer)
{
    const struct settings *s = d->settings;
    struct outline *outline = d->outline;
    uint64_t width = s->expert_feed_forward, hidden = s->hidden;
    bool bias = has(d, ROUTER_BIAS);
    outline_add(outline, TENSOR_FIXED, layer, s->experts, hidden);
    outline_add_vector(outline, bias || is_type(d, "ernie4_5_moe"), layer, s->experts);
    outline_add_experts(outline, TENSOR_FFN_GATE, layer, s->experts, s->experts_used, width, hidden);
    outline_add_experts(outline, TENSOR_FFN_UP, layer, s->experts, s->experts_used, width, hidden);
    outline_add_experts(outline, TENSOR_FFN_DOWN, layer, s->experts, s->experts_used, hidden, width);
    outline_add_experts(outline, TENSOR_VECTOR, layer, bias ? s->experts : 0, s->experts_used, 1, 2 * width + hidden);
    uint64_t shared = is_type(d, "llama4_text") ? width : s->shared_feed_forward;
    if (shared)
        add_feed_forward(d, layer, shared);
    outline_add_vector(outline, shared && has(d, SHARED_GATE), layer, hidden);
}

/* The layers that a list in the configuration names, of those that there are. */
static void mark_listed(const struct decoder *d, const char *names, bool *marked)
{
    struct json_view list = configuration_find(d->configuration, names);
    struct json_walk walk = {0};
    uint64_t number;
    while (json_walk_next(list, &walk))
        if (json_view_count(walk.value, &number) && number < d->settings->layers)
            marked[number] = true;
}

/* Which layers have experts: all, or every n-th, or those after the first few, or those listed. */
static void mark_sparse(struct decoder *d)
{
    const struct configuration *c = d->configuration;
    bool dense[OUTLINE_MOST_LAYERS] = {0}, from_one = configuration_find(c, "decoder_sparse_step").mapping;
    from_one |= configuration_find(c, "interleave_moe_layer_step").mapping != NULL;
    uint64_t first = configuration_count(c, "first_k_dense_replace|moe_layer_start_index", 0);
    uint64_t last = configuration_count(c, "moe_layer_end_index", UINT64_MAX);
    uint64_t step =
        configuration_count(c, "decoder_sparse_step|moe_layer_freq|moe_layer_interval|interleave_moe_layer_step", 1);
    bool listed = json_view_kind(configuration_find(c, "moe_layers")) == JSON_ARRAY_VIEW;
    bool interval = configuration_find(c, "moe_layer_interval").mapping;
    mark_listed(d, "mlp_only_layers", dense);
    for (uint64_t i = 0; d->settings->experts && i < d->settings->layers && !listed; i++)
        d->sparse[i] = !dense[i] && i >= first && i <= last && (step <= 1 || (i + (from_one || interval)) % step == 0);
    if (listed && d->settings->experts)
        mark_listed(d, "moe_layers", d->sparse);
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
    if (d->sparse[layer]) {
        add_experts(d, layer);
    } else {
        add_feed_forward(d, layer,
                         configuration_size(d->configuration, "intermediate_size_mlp", d->settings->feed_forward));
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
    bool bias = configuration_flag(c, "lm_head_bias") || has(d, HEAD_BIAS) ||
                (is_type(d, "ernie4_5_moe") && configuration_flag(c, "use_bias"));
    if (!headless && !tied)
        outline_add(d->outline, TENSOR_HEAD, -1, vocabulary, configuration_count(c, "word_embed_proj_dim", hidden));
    outline_add_vector(d->outline, bias && !headless, -1, vocabulary);
}

/* What depends on the configuration and is asked in every layer. */
static void read_traits(struct decoder *d)
{
    const struct configuration *c = d->configuration;
    struct json_view qkv_bias = configuration_find(c, "qkv_bias");
    d->traits = c->type->traits;
    d->attention_bias = has(d, BIAS_BY_CONFIG) && configuration_flag(c, "attention_bias|use_bias|bias");
    d->feed_forward_bias = configuration_flag(c, "mlp_bias|use_bias");
    if (configuration_flag(c, "use_qkv_bias|add_qkv_bias") ||
        (has(d, QKV_BIAS_BY_CONFIG) && configuration_flag(c, "attention_bias")))
        d->traits |= QKV_BIAS;
    if (qkv_bias.mapping && !configuration_flag(c, "qkv_bias"))
        d->traits &= ~(unsigned)QKV_BIAS;
    if (is_type(d, "gpt_neox") && !configuration_flag(c, "attention_bias")) {
        d->traits &= ~(unsigned)ALL_BIAS;
        d->feed_forward_bias = true;
    }
    if (is_type(d, "stablelm") && configuration_flag(c, "use_parallel_residual"))
        d->traits |= ONE_NORM;
    d->q_width = d->settings->heads * d->settings->head_dim;
    d->kv_width = d->settings->kv_heads * d->settings->head_dim;
    if (configuration_flag(c, "multi_query")) /* GPT-BigCode */
        d->kv_width = d->settings->head_dim;
    if (configuration_find(c, "multi_query_group_num").mapping) /* ChatGLM */
        d->kv_width = configuration_size(c, "multi_query_group_num", 1) * d->settings->head_dim;
}

static void add_embeddings(const struct decoder *d, uint64_t width)
{
    const struct settings *s = d->settings;
    bool padded = is_type(d, "opt") || is_type(d, "biogpt"); /* two rows for padding */
    outline_add(d->outline, TENSOR_EMBEDDING, -1, s->vocabulary, width);
    if (has(d, POSITIONS))
        outline_add(d->outline, TENSOR_FIXED, -1, s->max_context + 2 * padded, s->hidden);
    if (width != s->hidden) {
        outline_add(d->outline, TENSOR_MATRIX, -1, s->hidden, width);
        outline_add(d->outline, TENSOR_MATRIX, -1, width, s->hidden);
    }
    if (has(d, EMBEDDING_NORM))
        add_norm(d, -1, s->hidden);
}

void outline_decoder(const struct configuration *c, const struct settings *settings, struct outline *outline)
{
    struct decoder d = {.configuration = c, .settings = settings, .outline = outline};
    read_traits(&d);
    mark_sparse(&d);
    add_embeddings(&d, configuration_size(c, "word_embed_proj_dim", settings->hidden));
    for (uint64_t i = 0; i < settings->layers && !outline->failed; i++)
        add_layer(&d, (int)i);
    bool no_last =
        is_type(&d, "openai-gpt") || (is_type(&d, "opt") && (!configuration_flag(c, "do_layer_norm_before") ||
                                                             configuration_flag(c, "_remove_final_layer_norm")));
    if (!no_last)
        add_norm(&d, -1, settings->hidden);
    add_head(&d);
}

/* Liquid's LFM2 (2025): most layers convolve over a few positions, the others attend. Its feed-forward is given before
 * two thirds of it are taken. */
void outline_lfm2(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    struct decoder d = {.configuration = c, .settings = s, .outline = outline};
    bool attends[OUTLINE_MOST_LAYERS] = {0}, bias = configuration_flag(c, "conv_bias");
    uint64_t hidden = s->hidden, width = configuration_size(c, "block_ff_dim|intermediate_size", 0), number = 0;
    uint64_t multiple = configuration_size(c, "block_multiple_of", 1),
             kernel = configuration_size(c, "conv_L_cache", 3);
    if (configuration_flag(c, "block_auto_adjust_ff_dim")) {
        width = 2 * width / 3;
        double scale = configuration_number(c, "block_ffn_dim_multiplier");
        width = scale > 0 && scale < 1024 ? (uint64_t)(scale * (double)width) : width;
        width = multiple ? (width + multiple - 1) / multiple * multiple : width;
    }
    struct json_view types = configuration_find(c, "layer_types");
    struct json_walk walk = {0};
    for (; json_walk_next(types, &walk) && number < s->layers; number++)
        attends[number] = json_view_is(walk.value, "full_attention");
    if (json_view_kind(types) != JSON_ARRAY_VIEW)
        mark_listed(&d, "full_attn_idxs", attends);
    if (json_view_kind(types) != JSON_ARRAY_VIEW && !configuration_find(c, "full_attn_idxs").mapping)
        memset(attends, true, sizeof attends);
    read_traits(&d);
    outline_add(outline, TENSOR_EMBEDDING, -1, s->vocabulary, hidden);
    for (uint64_t i = 0; i < s->layers && !outline->failed; i++) {
        int layer = (int)i;
        add_norm(&d, layer, hidden);
        if (attends[i]) {
            add_attention(&d, layer);
        } else {
            outline_add_linear(outline, TENSOR_MATRIX, layer, 3 * hidden, hidden, bias);
            outline_add_linear(outline, TENSOR_FIXED, layer, hidden, kernel, bias);
            outline_add_linear(outline, TENSOR_MATRIX, layer, hidden, hidden, bias);
        }
        add_norm(&d, layer, hidden);
        add_feed_forward(&d, layer, width);
    }
    add_norm(&d, -1, hidden);
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
    outline->falcon = true;
    outline->kv_heads = kv_heads;
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
