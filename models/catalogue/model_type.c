#include "models/catalogue/model_type.h"

#include <math.h>
#include <string.h>

/* Defaults are those of the publishers' configuration classes, as far as a tensor's shape depends on them. */
/* clang-format off */
static const struct model_type types[] = {
    {"llama", "llama", BIAS_BY_CONFIG, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":4096,\"num_attention_heads\":32,\"intermediate_size\":11008,\"vocab_size\":32000,\"max_position_embeddings\":2048,\"rms_norm_eps\":1e-06}"},
    {"mistral", "llama", 0, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":4096,\"num_attention_heads\":32,\"num_key_value_heads\":8,\"intermediate_size\":14336,\"vocab_size\":32000,\"max_position_embeddings\":131072,\"sliding_window\":4096,\"rms_norm_eps\":1e-06}"},
    {"ministral", "llama", 0, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":4096,\"num_attention_heads\":32,\"num_key_value_heads\":8,\"intermediate_size\":14336,\"vocab_size\":32000,\"max_position_embeddings\":131072,\"sliding_window\":4096,\"rms_norm_eps\":1e-06}"},
    {"qwen2", "qwen2", QKV_BIAS, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":4096,\"num_attention_heads\":32,\"num_key_value_heads\":32,\"intermediate_size\":22016,\"vocab_size\":151936,\"max_position_embeddings\":32768,\"sliding_window\":4096,\"rms_norm_eps\":1e-06}"},
    {"qwen3", "qwen3", BIAS_BY_CONFIG | HEAD_NORMS, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":4096,\"num_attention_heads\":32,\"num_key_value_heads\":32,\"head_dim\":128,\"intermediate_size\":22016,\"vocab_size\":151936,\"max_position_embeddings\":32768,\"sliding_window\":4096,\"rms_norm_eps\":1e-06}"},
    {"gemma", "gemma", BIAS_BY_CONFIG, outline_decoder,
     "{\"num_hidden_layers\":28,\"hidden_size\":3072,\"num_attention_heads\":16,\"num_key_value_heads\":16,\"head_dim\":256,\"intermediate_size\":24576,\"vocab_size\":256000,\"max_position_embeddings\":8192,\"tie_word_embeddings\":true,\"rms_norm_eps\":1e-06}"},
    {"gemma2", "gemma2", BIAS_BY_CONFIG | FOUR_NORMS, outline_decoder,
     "{\"num_hidden_layers\":26,\"hidden_size\":2304,\"num_attention_heads\":8,\"num_key_value_heads\":4,\"head_dim\":256,\"intermediate_size\":9216,\"vocab_size\":256000,\"max_position_embeddings\":8192,\"tie_word_embeddings\":true,\"sliding_window\":4096,\"rms_norm_eps\":1e-06}"},
    {"gemma3_text", "gemma3", BIAS_BY_CONFIG | FOUR_NORMS | HEAD_NORMS, outline_decoder,
     "{\"num_hidden_layers\":26,\"hidden_size\":2304,\"num_attention_heads\":8,\"num_key_value_heads\":4,\"head_dim\":256,\"intermediate_size\":9216,\"vocab_size\":262208,\"max_position_embeddings\":131072,\"tie_word_embeddings\":true,\"sliding_window\":4096,\"rms_norm_eps\":1e-06}"},
    {"phi3", "phi3", FUSED_QKV | FUSED_GATE, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":3072,\"num_attention_heads\":32,\"intermediate_size\":8192,\"vocab_size\":32064,\"max_position_embeddings\":4096,\"rms_norm_eps\":1e-05}"},
    {"phi", "phi2", ALL_BIAS | NORM_BIAS | ONE_NORM | NOT_GATED | HEAD_BIAS, outline_decoder,
     "{\"num_hidden_layers\":24,\"hidden_size\":2048,\"num_attention_heads\":32,\"intermediate_size\":8192,\"vocab_size\":51200,\"max_position_embeddings\":2048,\"layer_norm_eps\":1e-05}"},
    {"mixtral", "llama", 0, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":4096,\"num_attention_heads\":32,\"num_key_value_heads\":8,\"intermediate_size\":14336,\"vocab_size\":32000,\"max_position_embeddings\":131072,\"num_local_experts\":8,\"num_experts_per_tok\":2,\"rms_norm_eps\":1e-05}"},
    {"olmo", "olmo", BIAS_BY_CONFIG | NO_NORMS, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":4096,\"num_attention_heads\":32,\"intermediate_size\":11008,\"vocab_size\":50304,\"max_position_embeddings\":2048}"},
    {"olmo2", "olmo2", BIAS_BY_CONFIG | WHOLE_NORMS, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":4096,\"num_attention_heads\":32,\"intermediate_size\":11008,\"vocab_size\":50304,\"max_position_embeddings\":2048,\"rms_norm_eps\":1e-05}"},
    {"olmo3", "olmo2", BIAS_BY_CONFIG | WHOLE_NORMS, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":4096,\"num_attention_heads\":32,\"intermediate_size\":11008,\"vocab_size\":50304,\"max_position_embeddings\":2048,\"sliding_window\":4096,\"rms_norm_eps\":1e-05}"},
    {"olmoe", "olmoe", BIAS_BY_CONFIG | WHOLE_NORMS, outline_decoder,
     "{\"num_hidden_layers\":16,\"hidden_size\":2048,\"num_attention_heads\":16,\"intermediate_size\":2048,\"vocab_size\":50304,\"max_position_embeddings\":4096,\"num_experts\":64,\"num_experts_per_tok\":8,\"rms_norm_eps\":1e-05}"},
    {"qwen2_moe", "qwen2moe", QKV_BIAS | SHARED_GATE, outline_decoder,
     "{\"num_hidden_layers\":24,\"hidden_size\":2048,\"num_attention_heads\":16,\"num_key_value_heads\":16,\"intermediate_size\":5632,\"vocab_size\":151936,\"max_position_embeddings\":32768,\"num_experts\":60,\"num_experts_per_tok\":4,\"moe_intermediate_size\":1408,\"shared_expert_intermediate_size\":5632,\"decoder_sparse_step\":1,\"qkv_bias\":true,\"sliding_window\":4096,\"rms_norm_eps\":1e-06}"},
    {"qwen3_moe", "qwen3moe", BIAS_BY_CONFIG | HEAD_NORMS, outline_decoder,
     "{\"num_hidden_layers\":24,\"hidden_size\":2048,\"num_attention_heads\":32,\"num_key_value_heads\":4,\"intermediate_size\":6144,\"vocab_size\":151936,\"max_position_embeddings\":32768,\"num_experts\":128,\"num_experts_per_tok\":8,\"moe_intermediate_size\":768,\"decoder_sparse_step\":1,\"sliding_window\":4096,\"rms_norm_eps\":1e-06}"},
    {"deepseek_v2", "deepseek2", BIAS_BY_CONFIG | LATENT_ATTENTION, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":4096,\"num_attention_heads\":32,\"intermediate_size\":11008,\"vocab_size\":102400,\"max_position_embeddings\":2048,\"n_routed_experts\":64,\"moe_intermediate_size\":1407,\"n_shared_experts\":2,\"first_k_dense_replace\":0,\"kv_lora_rank\":512,\"q_lora_rank\":1536,\"qk_nope_head_dim\":128,\"qk_rope_head_dim\":64,\"v_head_dim\":128,\"rms_norm_eps\":1e-06}"},
    {"deepseek_v3", "deepseek2", BIAS_BY_CONFIG | LATENT_ATTENTION, outline_decoder,
     "{\"num_hidden_layers\":61,\"hidden_size\":7168,\"num_attention_heads\":128,\"num_key_value_heads\":128,\"intermediate_size\":18432,\"vocab_size\":129280,\"max_position_embeddings\":4096,\"n_routed_experts\":256,\"num_experts_per_tok\":8,\"moe_intermediate_size\":2048,\"n_shared_experts\":1,\"first_k_dense_replace\":3,\"kv_lora_rank\":512,\"q_lora_rank\":1536,\"qk_nope_head_dim\":128,\"qk_rope_head_dim\":64,\"v_head_dim\":128,\"rms_norm_eps\":1e-06}"},
    {"gpt_oss", "gpt-oss", BIAS_BY_CONFIG | ROUTER_BIAS, outline_decoder,
     "{\"num_hidden_layers\":36,\"hidden_size\":2880,\"num_attention_heads\":64,\"num_key_value_heads\":8,\"head_dim\":64,\"intermediate_size\":2880,\"vocab_size\":201088,\"max_position_embeddings\":131072,\"num_local_experts\":128,\"num_experts_per_tok\":4,\"attention_bias\":true,\"sliding_window\":128,\"rms_norm_eps\":1e-05}"},
    {"smollm3", "smollm3", BIAS_BY_CONFIG, outline_decoder,
     "{\"num_hidden_layers\":36,\"hidden_size\":2048,\"num_attention_heads\":16,\"num_key_value_heads\":4,\"intermediate_size\":11008,\"vocab_size\":128256,\"max_position_embeddings\":32768,\"tie_word_embeddings\":true,\"rms_norm_eps\":1e-06}"},
    {"granite", "granite", BIAS_BY_CONFIG, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":4096,\"num_attention_heads\":32,\"intermediate_size\":11008,\"vocab_size\":32000,\"max_position_embeddings\":2048,\"rms_norm_eps\":1e-06}"},
    {"granitemoe", "granitemoe", BIAS_BY_CONFIG, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":4096,\"num_attention_heads\":32,\"intermediate_size\":11008,\"vocab_size\":32000,\"max_position_embeddings\":2048,\"num_local_experts\":8,\"num_experts_per_tok\":2,\"rms_norm_eps\":1e-06}"},
    {"starcoder2", "starcoder2", BIAS_BY_CONFIG | NORM_BIAS | NOT_GATED, outline_decoder,
     "{\"num_hidden_layers\":30,\"hidden_size\":3072,\"num_attention_heads\":24,\"num_key_value_heads\":2,\"intermediate_size\":12288,\"vocab_size\":49152,\"max_position_embeddings\":4096,\"tie_word_embeddings\":true,\"use_bias\":true,\"norm_epsilon\":1e-05}"},
    {"stablelm", "stablelm", NORM_BIAS, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":2560,\"num_attention_heads\":32,\"num_key_value_heads\":32,\"intermediate_size\":6912,\"vocab_size\":50304,\"max_position_embeddings\":4096,\"layer_norm_eps\":1e-05}"},
    {"cohere", "command-r", BIAS_BY_CONFIG | ONE_NORM, outline_decoder,
     "{\"num_hidden_layers\":40,\"hidden_size\":8192,\"num_attention_heads\":64,\"intermediate_size\":22528,\"vocab_size\":256000,\"max_position_embeddings\":8192,\"tie_word_embeddings\":true,\"layer_norm_eps\":1e-05}"},
    {"cohere2", "cohere2", BIAS_BY_CONFIG | ONE_NORM, outline_decoder,
     "{\"num_hidden_layers\":40,\"hidden_size\":8192,\"num_attention_heads\":64,\"intermediate_size\":22528,\"vocab_size\":256000,\"max_position_embeddings\":8192,\"tie_word_embeddings\":true,\"sliding_window\":4096,\"layer_norm_eps\":1e-05}"},
    {"phimoe", "phimoe", BIAS_BY_CONFIG | NORM_BIAS, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":4096,\"num_attention_heads\":32,\"num_key_value_heads\":8,\"intermediate_size\":6400,\"vocab_size\":32064,\"max_position_embeddings\":131072,\"num_local_experts\":16,\"num_experts_per_tok\":2,\"rms_norm_eps\":1e-05}"},
    {"exaone4", "exaone4", HEAD_NORMS, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":4096,\"num_attention_heads\":32,\"num_key_value_heads\":32,\"intermediate_size\":16384,\"vocab_size\":102400,\"max_position_embeddings\":2048,\"sliding_window\":4096,\"rms_norm_eps\":1e-05}"},
    {"seed_oss", "seed_oss", BIAS_BY_CONFIG, outline_decoder,
     "{\"num_hidden_layers\":64,\"hidden_size\":4096,\"num_attention_heads\":80,\"num_key_value_heads\":8,\"head_dim\":128,\"intermediate_size\":27648,\"vocab_size\":155136,\"max_position_embeddings\":524288,\"attention_bias\":true,\"rms_norm_eps\":1e-06}"},
    {"ernie4_5", "ernie4_5", BIAS_BY_CONFIG, outline_decoder,
     "{\"num_hidden_layers\":18,\"hidden_size\":1024,\"num_attention_heads\":16,\"num_key_value_heads\":2,\"head_dim\":128,\"intermediate_size\":3072,\"vocab_size\":103424,\"max_position_embeddings\":131072,\"tie_word_embeddings\":true,\"rms_norm_eps\":1e-05}"},
    {"arcee", "arcee", BIAS_BY_CONFIG | NOT_GATED, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":2560,\"num_attention_heads\":32,\"intermediate_size\":18432,\"vocab_size\":32000,\"max_position_embeddings\":4096,\"rms_norm_eps\":1e-05}"},
    {"gpt2", "gpt2", ALL_BIAS | NORM_BIAS | NOT_GATED | FUSED_QKV | POSITIONS, outline_decoder,
     "{\"n_layer\":12,\"n_embd\":768,\"n_head\":12,\"vocab_size\":50257,\"n_positions\":1024,\"tie_word_embeddings\":true,\"layer_norm_epsilon\":1e-05}"},
    {"gpt_neox", "gptneox", ALL_BIAS | NORM_BIAS | NOT_GATED | FUSED_QKV, outline_decoder,
     "{\"num_hidden_layers\":44,\"hidden_size\":6144,\"num_attention_heads\":64,\"intermediate_size\":24576,\"vocab_size\":50432,\"max_position_embeddings\":2048,\"attention_bias\":true,\"layer_norm_eps\":1e-05}"},
    {"opt", "opt", ALL_BIAS | NORM_BIAS | NOT_GATED | POSITIONS, outline_decoder,
     "{\"num_hidden_layers\":12,\"hidden_size\":768,\"num_attention_heads\":12,\"ffn_dim\":3072,\"vocab_size\":50272,\"max_position_embeddings\":2048,\"tie_word_embeddings\":true,\"do_layer_norm_before\":true}"},
    {"bloom", "bloom", ALL_BIAS | NORM_BIAS | NOT_GATED | FUSED_QKV | EMBEDDING_NORM, outline_decoder,
     "{\"n_layer\":2,\"hidden_size\":64,\"n_head\":8,\"vocab_size\":250880,\"tie_word_embeddings\":true,\"layer_norm_epsilon\":1e-05}"},
    {"falcon", "falcon", NORM_BIAS | NOT_GATED | FUSED_QKV, outline_falcon,
     "{\"num_hidden_layers\":32,\"hidden_size\":4544,\"num_attention_heads\":71,\"vocab_size\":65024,\"max_position_embeddings\":2048,\"tie_word_embeddings\":true,\"multi_query\":true,\"parallel_attn\":true,\"layer_norm_epsilon\":1e-05}"},
    {"bert", "bert", 0, outline_encoder,
     "{\"num_hidden_layers\":12,\"hidden_size\":768,\"num_attention_heads\":12,\"intermediate_size\":3072,\"vocab_size\":30522,\"max_position_embeddings\":512,\"tie_word_embeddings\":true,\"type_vocab_size\":2,\"layer_norm_eps\":1e-12}"},
    {"roberta", "bert", 0, outline_encoder,
     "{\"num_hidden_layers\":12,\"hidden_size\":768,\"num_attention_heads\":12,\"intermediate_size\":3072,\"vocab_size\":50265,\"max_position_embeddings\":512,\"tie_word_embeddings\":true,\"type_vocab_size\":2,\"layer_norm_eps\":1e-12}"},
    {"xlm-roberta", "bert", 0, outline_encoder,
     "{\"num_hidden_layers\":12,\"hidden_size\":768,\"num_attention_heads\":12,\"intermediate_size\":3072,\"vocab_size\":30522,\"max_position_embeddings\":512,\"tie_word_embeddings\":true,\"type_vocab_size\":2,\"layer_norm_eps\":1e-12}"},
    {"camembert", "bert", 0, outline_encoder,
     "{\"num_hidden_layers\":12,\"hidden_size\":768,\"num_attention_heads\":12,\"intermediate_size\":3072,\"vocab_size\":30522,\"max_position_embeddings\":512,\"tie_word_embeddings\":true,\"type_vocab_size\":2,\"layer_norm_eps\":1e-12}"},
    {"distilbert", "bert", 0, outline_encoder,
     "{\"n_layers\":6,\"dim\":768,\"n_heads\":12,\"hidden_dim\":3072,\"vocab_size\":30522,\"max_position_embeddings\":512,\"tie_word_embeddings\":true}"},
    {"electra", NULL, 0, outline_encoder,
     "{\"num_hidden_layers\":12,\"hidden_size\":256,\"num_attention_heads\":4,\"intermediate_size\":1024,\"vocab_size\":30522,\"max_position_embeddings\":512,\"tie_word_embeddings\":true,\"type_vocab_size\":2,\"embedding_size\":128,\"layer_norm_eps\":1e-12}"},
    {"mpnet", NULL, 0, outline_encoder,
     "{\"num_hidden_layers\":12,\"hidden_size\":768,\"num_attention_heads\":12,\"intermediate_size\":3072,\"vocab_size\":30527,\"max_position_embeddings\":512,\"tie_word_embeddings\":true,\"relative_attention_num_buckets\":32,\"layer_norm_eps\":1e-12}"},
    {"vit", NULL, 0, outline_vit,
     "{\"num_hidden_layers\":12,\"hidden_size\":768,\"num_attention_heads\":12,\"intermediate_size\":3072,\"qkv_bias\":true,\"image_size\":224,\"patch_size\":16,\"num_channels\":3,\"layer_norm_eps\":1e-12}"},
    {"deit", NULL, 0, outline_vit,
     "{\"num_hidden_layers\":12,\"hidden_size\":768,\"num_attention_heads\":12,\"intermediate_size\":3072,\"qkv_bias\":true,\"image_size\":224,\"patch_size\":16,\"num_channels\":3,\"layer_norm_eps\":1e-12}"},
    {"whisper", "whisper", 0, outline_whisper,
     "{\"d_model\":384,\"vocab_size\":51865,\"max_target_positions\":448,\"max_source_positions\":1500,\"tie_word_embeddings\":true,\"encoder_layers\":4,\"decoder_layers\":4,\"encoder_attention_heads\":6,\"decoder_attention_heads\":6,\"encoder_ffn_dim\":1536,\"decoder_ffn_dim\":1536,\"num_mel_bins\":80,\"classifier_proj_size\":256}"},
    {"t5", "t5", 0, outline_t5,
     "{\"tie_word_embeddings\":true,\"num_layers\":6,\"d_model\":512,\"num_heads\":8,\"d_kv\":64,\"d_ff\":2048,\"vocab_size\":32128,\"relative_attention_num_buckets\":32,\"feed_forward_proj\":\"relu\",\"layer_norm_epsilon\":1e-06}"},
    {"qwen2_vl_text", "qwen2vl", QKV_BIAS, outline_decoder,
     "{\"num_hidden_layers\":80,\"hidden_size\":8192,\"num_attention_heads\":64,\"num_key_value_heads\":8,\"intermediate_size\":29568,\"vocab_size\":152064,\"max_position_embeddings\":32768,\"sliding_window\":4096,\"rms_norm_eps\":1e-05}"},
    {"qwen2_5_vl_text", "qwen2vl", QKV_BIAS, outline_decoder,
     "{\"num_hidden_layers\":80,\"hidden_size\":8192,\"num_attention_heads\":64,\"num_key_value_heads\":8,\"intermediate_size\":29568,\"vocab_size\":152064,\"max_position_embeddings\":32768,\"sliding_window\":4096,\"rms_norm_eps\":1e-05}"},
    {"qwen3_vl_text", "qwen3vl", BIAS_BY_CONFIG | HEAD_NORMS, outline_decoder,
     "{\"num_hidden_layers\":32,\"hidden_size\":4096,\"num_attention_heads\":32,\"num_key_value_heads\":32,\"head_dim\":128,\"intermediate_size\":22016,\"vocab_size\":151936,\"max_position_embeddings\":128000,\"rms_norm_eps\":1e-06}"},
};
/* clang-format on */

const struct model_type *model_type_find(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

static struct json_view find_any(struct json_view object, const char *names)
{
    for (const char *at = names; at;) {
        char name[64];
        size_t length = strcspn(at, "|");
        memcpy(name, at, length);
        name[length] = '\0';
        struct json_view found = json_view_find(object, name);
        if (found.mapping)
            return found;
        at = at[length] ? at + length + 1 : NULL;
    }
    return (struct json_view){0};
}

struct json_view configuration_find(const struct configuration *configuration, const char *names)
{
    struct json_view found = find_any(configuration->given, names);
    return found.mapping ? found : find_any(configuration->defaults, names);
}

uint64_t configuration_count(const struct configuration *configuration, const char *names, uint64_t otherwise)
{
    uint64_t value;
    return json_view_count(configuration_find(configuration, names), &value) ? value : otherwise;
}

bool configuration_flag(const struct configuration *configuration, const char *name)
{
    bool value;
    return json_view_boolean(configuration_find(configuration, name), &value) && value;
}

double configuration_number(const struct configuration *configuration, const char *names)
{
    double value;
    return json_view_number(configuration_find(configuration, names), &value) ? value : NAN;
}

bool configuration_class_is(const struct configuration *configuration, const char *tail)
{
    size_t length = strlen(configuration->class_name), wanted = strlen(tail);
    return length >= wanted && strcmp(configuration->class_name + length - wanted, tail) == 0;
}
