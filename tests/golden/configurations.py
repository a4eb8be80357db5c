"""Configurations of every model_type that is read, at small sizes with every
option turned, and the parameters that Hugging Face's transformers counts in the
model each describes (pip install transformers): one line each, `count config`.
"""
import json
import random

import torch
import transformers

SIZES = dict(vocab_size=[96, 211], hidden_size=[32, 64], num_hidden_layers=[1, 3], num_attention_heads=[4, 8],
             intermediate_size=[48, 80], max_position_embeddings=[40, 64])
GROUPED = dict(SIZES, num_key_value_heads=[1, 2, 4])
WIDE = dict(GROUPED, head_dim=[8, 24])
TIED = dict(tie_word_embeddings=[True, False])
BIAS = dict(attention_bias=[True, False])
EXPERTS = dict(num_experts_per_tok=[2])
CAUSAL = ["ForCausalLM", "ForCausalLM", "Model", "ForSequenceClassification", None]
ENCODER = ["Model", "ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering",
           "ForMultipleChoice", None]
LATENT = dict(SIZES, **BIAS, q_lora_rank=[16, None], kv_lora_rank=[16], qk_nope_head_dim=[8], qk_rope_head_dim=[4],
              v_head_dim=[8, 12], n_routed_experts=[4], n_shared_experts=[1, 2], moe_intermediate_size=[24],
              first_k_dense_replace=[0, 1], n_group=[1], topk_group=[1], num_experts_per_tok=[2])

# model_type: the classes' common name, endings of the class, options
TYPES = {
    "llama": ("Llama", CAUSAL, dict(WIDE, **TIED, **BIAS, mlp_bias=[True, False])),
    "mistral": ("Mistral", CAUSAL, dict(WIDE, **TIED)),
    "qwen2": ("Qwen2", CAUSAL, dict(GROUPED, **TIED)),
    "qwen3": ("Qwen3", CAUSAL, dict(WIDE, **TIED, **BIAS)),
    "gemma": ("Gemma", CAUSAL, dict(WIDE, **BIAS)),
    "gemma2": ("Gemma2", CAUSAL, dict(WIDE, **BIAS)),
    "gemma3_text": ("Gemma3", ["ForCausalLM", "TextModel"], dict(WIDE, **BIAS)),
    "phi3": ("Phi3", CAUSAL, dict(GROUPED, **TIED, pad_token_id=[0])),
    "phi": ("Phi", CAUSAL, dict(GROUPED, qk_layernorm=[True, False])),
    "mixtral": ("Mixtral", CAUSAL, dict(WIDE, **TIED, **EXPERTS, num_local_experts=[4, 8])),
    "olmo": ("Olmo", CAUSAL, dict(GROUPED, **TIED, **BIAS)),
    "olmo2": ("Olmo2", CAUSAL, dict(GROUPED, **TIED, **BIAS)),
    "olmo3": ("Olmo3", CAUSAL, dict(GROUPED, **TIED, **BIAS)),
    "olmoe": ("Olmoe", CAUSAL[:3], dict(GROUPED, **TIED, **BIAS, **EXPERTS, num_experts=[4, 8])),
    "qwen2_moe": ("Qwen2Moe", CAUSAL, dict(GROUPED, **TIED, **EXPERTS, num_experts=[4], moe_intermediate_size=[24],
                                           shared_expert_intermediate_size=[40], decoder_sparse_step=[1, 2],
                                           mlp_only_layers=[[], [0]], qkv_bias=[True, False])),
    "qwen3_moe": ("Qwen3Moe", CAUSAL, dict(WIDE, **TIED, **BIAS, **EXPERTS, num_experts=[4],
                                           moe_intermediate_size=[24], decoder_sparse_step=[1, 2],
                                           mlp_only_layers=[[], [0]])),
    "deepseek_v2": ("DeepseekV2", CAUSAL[:3], LATENT),
    "deepseek_v3": ("DeepseekV3", CAUSAL[:3], LATENT),
    "gpt_oss": ("GptOss", CAUSAL[:3], dict(WIDE, **BIAS, **EXPERTS, num_local_experts=[4])),
    "smollm3": ("SmolLM3", CAUSAL, dict(GROUPED, **TIED, **BIAS, mlp_bias=[True, False], pad_token_id=[0])),
    "granite": ("Granite", CAUSAL[:3], dict(GROUPED, **TIED, **BIAS, mlp_bias=[True, False])),
    "granitemoe": ("GraniteMoe", CAUSAL[:3], dict(GROUPED, **TIED, **BIAS, **EXPERTS, num_local_experts=[4])),
    "starcoder2": ("Starcoder2", CAUSAL, dict(GROUPED, use_bias=[True, False])),
    "stablelm": ("StableLm", CAUSAL, dict(GROUPED, **TIED, use_qkv_bias=[True, False], qk_layernorm=[True, False],
                                          use_parallel_residual=[True, False])),
    "cohere": ("Cohere", CAUSAL[:3], dict(GROUPED, **BIAS, use_qk_norm=[True, False])),
    "cohere2": ("Cohere2", CAUSAL[:3], dict(WIDE, **BIAS)),
    "phimoe": ("Phimoe", CAUSAL[:3], dict(GROUPED, **TIED, **BIAS, **EXPERTS, num_local_experts=[4],
                                          lm_head_bias=[True, False])),
    "exaone4": ("Exaone4", CAUSAL, dict(WIDE, **TIED)),
    "seed_oss": ("SeedOss", CAUSAL, dict(WIDE, **TIED, **BIAS, attention_out_bias=[True, False],
                                         mlp_bias=[True, False])),
    "ernie4_5": ("Ernie4_5", CAUSAL[:3], dict(WIDE, **TIED, use_bias=[True, False])),
    "arcee": ("Arcee", CAUSAL, dict(WIDE, **TIED, **BIAS, mlp_bias=[True, False])),
    "gpt2": ("GPT2", ["LMHeadModel", "Model", None], dict(vocab_size=[96], n_embd=[32, 64], n_layer=[1, 3], n_head=[4],
                                                          n_inner=[None, 40], n_positions=[48])),
    "gpt_neox": ("GPTNeoX", CAUSAL[:3], dict(SIZES, **TIED, **BIAS)),
    "opt": ("OPT", CAUSAL[:3], dict(vocab_size=[96], hidden_size=[32], num_hidden_layers=[2], num_attention_heads=[4],
                                    ffn_dim=[48], max_position_embeddings=[40], word_embed_proj_dim=[16, 32],
                                    do_layer_norm_before=[True, False])),
    "bloom": ("Bloom", CAUSAL[:4], dict(vocab_size=[96], hidden_size=[32, 64], n_layer=[2], n_head=[4])),
    "falcon": ("Falcon", CAUSAL[:3], dict(vocab_size=[96], hidden_size=[32], num_hidden_layers=[2],
                                          num_attention_heads=[4], num_kv_heads=[2],
                                          new_decoder_architecture=[True, False], multi_query=[True, False],
                                          parallel_attn=[True, False], bias=[True, False])),
    "bert": ("Bert", ENCODER + ["ForPreTraining"], dict(SIZES, type_vocab_size=[2])),
    "roberta": ("Roberta", ENCODER, dict(SIZES, type_vocab_size=[1], pad_token_id=[1])),
    "xlm-roberta": ("XLMRoberta", ENCODER, dict(SIZES, type_vocab_size=[1], pad_token_id=[1])),
    "camembert": ("Camembert", ENCODER, dict(SIZES, type_vocab_size=[1], pad_token_id=[1])),
    "distilbert": ("DistilBert", ENCODER, dict(vocab_size=[96], dim=[32], n_layers=[2], n_heads=[4], hidden_dim=[48],
                                               max_position_embeddings=[40])),
    "electra": ("Electra", ["Model", "ForPreTraining", "ForMaskedLM", "ForSequenceClassification",
                            "ForTokenClassification", "ForQuestionAnswering"], dict(SIZES, embedding_size=[16, 32])),
    "mpnet": ("MPNet", ENCODER, dict(SIZES, pad_token_id=[1])),
    "vit": ("ViT", ["Model", "ForImageClassification", None],
            dict(hidden_size=[32], num_hidden_layers=[2], num_attention_heads=[4], intermediate_size=[48],
                 image_size=[32, 48], patch_size=[8, 16], num_channels=[1, 3], qkv_bias=[True, False],
                 num_labels=[2, 7])),
    "deit": ("DeiT", ["Model", "ForImageClassification", "ForImageClassificationWithTeacher"],
             dict(hidden_size=[32], num_hidden_layers=[2], num_attention_heads=[4], intermediate_size=[48],
                  image_size=[32, 48], patch_size=[8], qkv_bias=[True, False])),
    "whisper": ("Whisper", ["ForConditionalGeneration", "Model", "ForAudioClassification"],
                dict(vocab_size=[96], num_mel_bins=[80, 128], encoder_layers=[1, 2], decoder_layers=[1, 3],
                     d_model=[32], encoder_attention_heads=[4], decoder_attention_heads=[4], encoder_ffn_dim=[48],
                     decoder_ffn_dim=[40], max_source_positions=[50], max_target_positions=[30], pad_token_id=[0],
                     decoder_start_token_id=[1], use_weighted_layer_sum=[True, False])),
    "t5": ("T5", ["ForConditionalGeneration", "Model", "EncoderModel"],
           dict(vocab_size=[96], d_model=[32], d_kv=[8], d_ff=[48], num_layers=[2], num_decoder_layers=[1, 3],
                num_heads=[4], feed_forward_proj=["relu", "gated-gelu"])),
}
EACH = 8


def automatic(model_type, config):
    """Without `architectures`: a decoder's language model, an encoder alone."""
    kind = transformers.AutoModel if TYPES[model_type][1] is ENCODER or model_type == "vit" else transformers.AutoModelForCausalLM
    return kind.from_config(config)


def draw(model_type, rng):
    stem, endings, options = TYPES[model_type]
    values = {key: rng.choice(choices) for key, choices in options.items()}
    ending = rng.choice(endings)
    config = transformers.AutoConfig.for_model(model_type, **values)
    with torch.device("meta"):
        model = automatic(model_type, config) if ending is None else getattr(transformers, stem + ending)(config)
    values["model_type"] = model_type
    if ending:
        values["architectures"] = [stem + ending]
    return model.num_parameters(), values


def write(path):
    rng = random.Random(1)
    seen, lines = set(), []
    for model_type in TYPES:
        for _ in range(EACH):
            try:
                count, values = draw(model_type, rng)
            except Exception as fault:
                print(model_type, str(fault)[:150])
                continue
            line = f"{count} {json.dumps(values)}\n"
            if line not in seen:
                seen.add(line)
                lines.append(line)
    path.write_text("".join(lines))
