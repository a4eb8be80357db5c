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
}

/* Older configurations have the base of rotary positions beside their scaling, newer ones within it. */
static void read_rotation(const struct configuration *c, struct settings *s)
{
    struct json_view rotation = configuration_find(c, "rope_parameters|rope_scaling"), kind;
    if (json_view_kind(rotation) != JSON_OBJECT_VIEW)
        return;
    if (isnan(s->rope_theta) && !json_view_number(json_view_find(rotation, "rope_theta"), &s->rope_theta))
        s->rope_theta = NAN;
    kind = json_view_find(rotation, "rope_type");
    kind = kind.mapping ? kind : json_view_find(rotation, "type");
    s->stretched = !json_view_is(kind, "default");
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
    read_experts(configuration, settings);
}
