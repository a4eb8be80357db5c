/* What a configuration counts, by one name each whatever its publisher calls it. */
#include <math.h>

#include "models/catalogue/model_type.h"

static void read_counts(const struct configuration *c, struct settings *s)
{
    s->layers = configuration_count(c, "num_hidden_layers|n_layer|n_layers|num_layers|decoder_layers", 0);
    s->hidden = configuration_count(c, "hidden_size|n_embd|n_embed|dim|d_model|embed_dim", 0);
    s->heads = configuration_count(
        c, "num_attention_heads|n_head|n_heads|num_heads|attention_heads|decoder_attention_heads", 0);
    s->kv_heads = configuration_count(c, "num_key_value_heads|num_kv_heads|n_head_kv", s->heads);
    s->head_dim = configuration_count(c, "head_dim|d_kv|kv_channels", s->heads ? s->hidden / s->heads : 0);
    s->value_dim = configuration_count(c, "v_head_dim", s->head_dim);
    s->feed_forward = configuration_count(
        c, "intermediate_size|n_inner|ffn_dim|hidden_dim|d_ff|ffn_hidden_size|decoder_ffn_dim", 4 * s->hidden);
    s->vocabulary = configuration_count(c, "vocab_size|padded_vocab_size", 0);
    s->max_context = configuration_count(
        c, "max_position_embeddings|n_positions|max_target_positions|seq_length|model_max_length|max_seq_len", 0);
    s->sliding_window = configuration_count(c, "sliding_window", 0);
    s->kv_heads_of_all_layers = s->kv_heads * s->layers;
    s->rope_theta = configuration_number(c, "rope_theta");
    s->epsilon = configuration_number(c, "rms_norm_eps|layer_norm_eps|layer_norm_epsilon|norm_epsilon");
    s->tied = configuration_flag(c, "tie_word_embeddings");
    s->token_types = configuration_count(c, "type_vocab_size", 0);
    s->image_side = configuration_count(c, "image_size", 0);
    s->patch_side = configuration_count(c, "patch_size", 0);
    s->labels = c->labels;
}

/* What a rotation says of itself: of the whole model, or of one kind of its layers. */
static double number_in(struct json_view object, const char *name, double otherwise)
{
    double value;
    return json_view_number(json_view_find(object, name), &value) ? value : otherwise;
}

static size_t read_factors(struct json_view list, float *out)
{
    struct json_walk walk = {0};
    size_t count = 0;
    double value;
    while (count < SETTINGS_ROPE_FACTORS && json_walk_next(list, &walk) && json_view_number(walk.value, &value))
        out[count++] = (float)value;
    return count;
}

static void read_stretching(struct json_view rotation, const struct configuration *c, struct settings *s)
{
    static const struct {
        const char *name;
        enum rope_kind kind;
    } kinds[] = {{"default", ROPE_PLAIN}, {"linear", ROPE_LINEAR}, {"dynamic", ROPE_DYNAMIC}, {"llama3", ROPE_LLAMA3},
                 {"yarn", ROPE_YARN},     {"longrope", ROPE_LONG}, {"su", ROPE_LONG}};
    struct json_view kind = json_view_find(rotation, "rope_type");
    kind = kind.mapping ? kind : json_view_find(rotation, "type");
    s->stretched = kind.mapping && !json_view_is(kind, "default");
    s->unknown_rope = s->stretched;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (json_view_is(kind, kinds[i].name)) {
            s->rope.kind = kinds[i].kind;
            s->unknown_rope = false;
        }
    double original = configuration_number(c, "original_max_position_embeddings"), longest = (double)s->max_context;
    original = number_in(rotation, "original_max_position_embeddings", isnan(original) ? longest : original);
    s->rope.original_context = (float)original;
    s->rope.factor = (float)number_in(rotation, "factor", original > 0 ? longest / original : 1);
    s->rope.low = (float)number_in(rotation, "low_freq_factor", 1);
    s->rope.high = (float)number_in(rotation, "high_freq_factor", 4);
    s->rope.beta_fast = (float)number_in(rotation, "beta_fast", 0);
    s->rope.beta_slow = (float)number_in(rotation, "beta_slow", 0);
    s->rope.attention_factor = (float)number_in(rotation, "attention_factor", 0);
    if (json_view_find(rotation, "mscale").mapping) /* DeepSeek's, which scales by two */
        s->unknown_rope = true;
    if (s->rope.kind == ROPE_LONG) {
        size_t least = read_factors(json_view_find(rotation, "short_factor"), s->rope_factors[0]);
        s->unknown_rope = least != read_factors(json_view_find(rotation, "long_factor"), s->rope_factors[1]) ||
                          !least || least != (size_t)rope_rotated(&s->rope, (int64_t)s->head_dim) / 2;
    }
}

/* Older configurations have the base of rotary positions beside their scaling, newer ones within it; and those of
 * Gemma 3 have two of them, one of them for the windowed layers. */
static void read_rotation(const struct configuration *c, struct settings *s)
{
    double share = configuration_number(c, "partial_rotary_factor|rotary_pct");
    s->local_theta = configuration_number(c, "rope_local_base_freq");
    struct json_view rotation = configuration_find(c, "rope_parameters|rope_scaling"),
                     local = json_view_find(rotation, "sliding_attention"),
                     global = json_view_find(rotation, "full_attention");
    rotation = json_view_kind(global) == JSON_OBJECT_VIEW ? global : rotation;
    share = number_in(rotation, "partial_rotary_factor", share);
    if (share > 0 && share < 1)
        s->rope.share = (float)share;
    s->local_theta = number_in(local, "rope_theta", s->local_theta);
    if (json_view_kind(rotation) != JSON_OBJECT_VIEW)
        return;
    s->rope_theta = isnan(s->rope_theta) ? number_in(rotation, "rope_theta", NAN) : s->rope_theta;
    read_stretching(rotation, c, s);
}

/* In `layer_types`, every so manieth layer attends to all positions, or all do. */
static void read_windows(const struct configuration *c, struct settings *s)
{
    struct json_walk walk = {0};
    struct json_view types = configuration_find(c, "layer_types");
    uint64_t layer = 0, every = 0;
    s->global_every = configuration_count(c, "sliding_window_pattern|_sliding_window_pattern", 0);
    bool regular = true, windowed = false;
    for (; json_walk_next(types, &walk); layer++) {
        bool global = json_view_is(walk.value, "full_attention");
        windowed |= !global;
        every = global && !every ? layer + 1 : every;
        regular &= json_view_is(walk.value, "sliding_attention") ? !every || (layer + 1) % every != 0
                                                                 : global && (layer + 1) % every == 0;
    }
    if (every == 1 && !windowed)
        s->sliding_window = 0;
    else if (every && regular)
        s->global_every = every;
    else if (layer && !every && (!s->global_every || s->global_every <= layer))
        s->global_every = layer + 1;
    if (!regular)
        s->unusual = "layer_types";
}

/* What is computed otherwise than the family's graph has it, whose shapes don't tell. */
static void read_unusual(const struct configuration *c, struct settings *s)
{
    static const char *const flags[] = {"scale_attn_by_inverse_layer_idx",
                                        "reorder_and_upcast_attn",
                                        "use_sliding_window",
                                        "use_bidirectional_attention",
                                        "is_decoder",
                                        "alibi"};
    bool parallel;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (configuration_flag(c, flags[i]))
            s->unusual = flags[i];
    if (!isnan(configuration_number(c, "clip_qkv")))
        s->unusual = "clip_qkv";
    if (json_view_boolean(configuration_find(c, "use_parallel_residual"), &parallel) && !parallel)
        s->unusual = "use_parallel_residual";
}

static void read_details(const struct configuration *c, struct settings *s)
{
    bool renormalised;
    s->attention_softcap = configuration_number(c, "attn_logit_softcapping");
    s->logits_softcap = configuration_number(c, "final_logit_softcapping");
    s->query_width = configuration_number(c, "query_pre_attn_scalar");
    if (!json_view_text(configuration_find(c, "hidden_activation|hidden_act|activation_function|activation"),
                        s->activation, sizeof s->activation))
        s->activation[0] = '\0';
    if (json_view_boolean(configuration_find(c, "norm_topk_prob"), &renormalised))
        s->renormalised = renormalised ? STATED_YES : STATED_NO;
}

static void read_experts(const struct configuration *c, struct settings *s)
{
    s->experts = configuration_count(c, "num_local_experts|num_experts|n_routed_experts|moe_num_experts", 0);
    if (!s->experts)
        return;
    s->experts_used = configuration_count(c, "num_experts_per_tok|num_experts_per_token|moe_k", 0);
    s->expert_feed_forward = configuration_count(c, "moe_intermediate_size", s->feed_forward);
    s->shared_feed_forward = configuration_count(c, "shared_expert_intermediate_size", 0);
    uint64_t shared = configuration_count(c, "n_shared_experts|moe_num_shared_experts", 0);
    if (!s->shared_feed_forward && __builtin_mul_overflow(shared, s->expert_feed_forward, &s->shared_feed_forward))
        s->shared_feed_forward = 0;
}

void configuration_settings(const struct configuration *configuration, struct settings *settings)
{
    read_counts(configuration, settings);
    read_rotation(configuration, settings);
    read_windows(configuration, settings);
    read_details(configuration, settings);
    read_unusual(configuration, settings);
    read_experts(configuration, settings);
}
