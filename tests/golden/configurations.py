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

GPT = dict(vocab_size=[96], n_embd=[32, 64], n_layer=[1, 3], n_head=[4], n_inner=[None, 40], n_positions=[48])
T5 = dict(vocab_size=[96], d_model=[32], d_kv=[8], d_ff=[48], num_layers=[2], num_decoder_layers=[1, 3], num_heads=[4],
          feed_forward_proj=["relu", "gated-gelu"])
STATES = dict(vocab_size=[96], hidden_size=[32, 48], num_hidden_layers=[2], state_size=[8, 16], conv_kernel=[3, 4],
              use_bias=[True, False], use_conv_bias=[True, False], expand=[2])
DEBERTA = dict(SIZES, relative_attention=[True, False], position_biased_input=[True, False], type_vocab_size=[0, 2],
               pos_att_type=[["c2p"], ["c2p", "p2c"], "p2c|c2p"], max_relative_positions=[-1, 24])
HALVES = dict(vocab_size=[96], d_model=[32], encoder_layers=[1, 2], decoder_layers=[1, 3], encoder_attention_heads=[4],
              decoder_attention_heads=[4], encoder_ffn_dim=[48], decoder_ffn_dim=[40], max_position_embeddings=[40],
              pad_token_id=[1])
STAGES = dict(image_size=[32], patch_size=[4], embed_dim=[16], depths=[[1, 2]], num_heads=[[2, 4]], window_size=[4],
              mlp_ratio=[2.0, 4.0], qkv_bias=[True, False], num_labels=[2, 7])
PATCHES = dict(hidden_size=[32], num_hidden_layers=[2], num_attention_heads=[4], intermediate_size=[48],
               image_size=[32, 48], patch_size=[8, 16], num_channels=[1, 3])
SOUND = dict(vocab_size=[32], hidden_size=[32], num_hidden_layers=[2], num_attention_heads=[4], intermediate_size=[48],
             conv_dim=[[16, 16], [16, 24]], conv_stride=[[5, 2]], conv_kernel=[[10, 3]], conv_bias=[True, False],
             num_conv_pos_embeddings=[8, 16], num_conv_pos_embedding_groups=[2], feat_extract_norm=["group", "layer"],
             use_weighted_layer_sum=[True, False])
PAIR = dict(text_config=[dict(vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                              intermediate_size=48, max_position_embeddings=40)],
            vision_config=[dict(hidden_size=48, num_hidden_layers=1, num_attention_heads=4, intermediate_size=56,
                                image_size=32, patch_size=8)])

# Models that see: their text model's configuration, their encoder's
SEEING = ["ForConditionalGeneration"]
BARE = [dict(hidden_size=width, num_hidden_layers=2, num_attention_heads=4, intermediate_size=56, image_size=56,
             patch_size=14) for width in (32, 48)]
CLIPS = [dict(part, model_type="clip_vision_model") for part in BARE]
SIGLIPS = [dict(part, model_type="siglip_vision_model", vision_use_head=False) for part in BARE]


def texts(*model_types, **more):
    return [dict(vocab_size=96, hidden_size=32, num_hidden_layers=layers, num_attention_heads=4, num_key_value_heads=2,
                 intermediate_size=48, model_type=model_type, **more) for model_type in model_types for layers in (1, 3)]


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
    "mt5": ("MT5", ["ForConditionalGeneration", "Model", "EncoderModel"], T5),
    "umt5": ("UMT5", ["ForConditionalGeneration", "Model", "EncoderModel"], T5),
    "longt5": ("LongT5", ["ForConditionalGeneration", "Model", "EncoderModel"], T5),
    "gpt_neo": ("GPTNeo", CAUSAL[:4], dict(vocab_size=[96], hidden_size=[32, 64], num_layers=[2], num_heads=[4],
                                           attention_types=[[[["global", "local"], 1]]], intermediate_size=[None, 40],
                                           max_position_embeddings=[40])),
    "gptj": ("GPTJ", CAUSAL[:4], dict(GPT, rotary_dim=[4])),
    "codegen": ("CodeGen", CAUSAL[:3], dict(GPT, rotary_dim=[4])),
    "gpt_bigcode": ("GPTBigCode", CAUSAL, dict(GPT, multi_query=[True, False])),
    "openai-gpt": ("OpenAIGPT", ["LMHeadModel", "Model", None], dict(vocab_size=[96], n_embd=[32], n_layer=[2],
                                                                     n_head=[4], n_positions=[40])),
    "mpt": ("Mpt", CAUSAL, dict(vocab_size=[96], d_model=[32, 64], n_layers=[1, 3], n_heads=[4])),
    "nemotron": ("Nemotron", CAUSAL, dict(WIDE, **TIED, **BIAS, mlp_bias=[True, False])),
    "persimmon": ("Persimmon", CAUSAL, dict(SIZES, qk_layernorm=[True, False])),
    "xglm": ("XGLM", CAUSAL[:3], dict(vocab_size=[96], d_model=[32], num_layers=[2], attention_heads=[4], ffn_dim=[48],
                                      max_position_embeddings=[40])),
    "biogpt": ("BioGpt", CAUSAL[:3], SIZES),
    "glm": ("Glm", CAUSAL, dict(WIDE, **TIED, **BIAS, pad_token_id=[0])),
    "glm4": ("Glm4", CAUSAL, dict(WIDE, **TIED, **BIAS, pad_token_id=[0])),
    "glm4_moe": ("Glm4Moe", CAUSAL[:3], dict(WIDE, **TIED, **BIAS, **EXPERTS, n_routed_experts=[4],
                                             n_shared_experts=[1, 2], moe_intermediate_size=[24],
                                             first_k_dense_replace=[0, 1], use_qk_norm=[True, False])),
    "dots1": ("Dots1", CAUSAL[:3], dict(GROUPED, **TIED, **BIAS, **EXPERTS, n_routed_experts=[4],
                                        n_shared_experts=[1, 2], moe_intermediate_size=[24],
                                        first_k_dense_replace=[0, 1])),
    "ernie4_5_moe": ("Ernie4_5_Moe", CAUSAL[:3], dict(GROUPED, **TIED, use_bias=[True, False], moe_num_experts=[4],
                                                      moe_k=[2], moe_intermediate_size=[16],
                                                      moe_num_shared_experts=[1, 2],
                                                      moe_layer_start_index=[0, 1])),
    "llama4_text": ("Llama4", ["ForCausalLM", "TextModel", None], dict(GROUPED, **TIED, **BIAS, num_local_experts=[4],
                                                                 head_dim=[8], intermediate_size_mlp=[40],
                                                                 interleave_moe_layer_step=[1, 2])),
    "hunyuan_v1_dense": ("HunYuanDenseV1", CAUSAL[:3], dict(WIDE, **TIED, **BIAS)),
    "helium": ("Helium", CAUSAL[:3], dict(WIDE, **TIED, **BIAS, mlp_bias=[True, False])),
    "bitnet": ("BitNet", CAUSAL[:3], dict(GROUPED, **TIED, **BIAS)),
    "apertus": ("Apertus", CAUSAL[:3], dict(GROUPED, **TIED, **BIAS)),
    "ministral3": ("Ministral3", CAUSAL[:3], dict(WIDE, **TIED)),
    "lfm2": ("Lfm2", CAUSAL[:3], dict(GROUPED, **TIED, conv_bias=[True, False], block_multiple_of=[8, 16],
                                      block_auto_adjust_ff_dim=[True, False],
                                      num_hidden_layers=[3], layer_types=[["conv", "full_attention", "conv"]])),
    "mamba": ("Mamba", ["ForCausalLM", "Model", None], dict(STATES, time_step_rank=["auto", 3])),
    "falcon_mamba": ("FalconMamba", ["ForCausalLM", "Model", None], STATES),
    "mamba2": ("Mamba2", ["ForCausalLM", "Model", None], dict(STATES, expand=[2], num_heads=[8], head_dim=[8],
                                                              n_groups=[2], hidden_size=[32], **TIED)),
    "albert": ("Albert", ENCODER + ["ForPreTraining"], dict(SIZES, embedding_size=[16, 32], num_hidden_groups=[1],
                                                            inner_group_num=[1, 2])),
    "deberta": ("Deberta", ["Model", "ForMaskedLM", "ForSequenceClassification", "ForTokenClassification",
                            "ForQuestionAnswering", None], DEBERTA),
    "deberta-v2": ("DebertaV2", ENCODER, dict(DEBERTA, position_buckets=[16, -1], norm_rel_ebd=["layer_norm", "none"],
                                              share_att_key=[True, False], conv_kernel_size=[0, 3])),
    "modernbert": ("ModernBert", ENCODER, dict(SIZES, **BIAS, mlp_bias=[True, False], norm_bias=[True, False],
                                               classifier_bias=[True, False], decoder_bias=[True, False],
                                               pad_token_id=[0])),
    "ernie": ("Ernie", ENCODER + ["ForPreTraining"], dict(SIZES, use_task_id=[True, False])),
    "layoutlm": ("LayoutLM", ["Model", "ForMaskedLM", "ForSequenceClassification", "ForTokenClassification"],
                 dict(SIZES, max_2d_position_embeddings=[64])),
    "big_bird": ("BigBird", ENCODER + ["ForPreTraining"], SIZES),
    "longformer": ("Longformer", ENCODER, dict(SIZES, attention_window=[8])),
    "data2vec-text": ("Data2VecText", ENCODER, dict(SIZES, type_vocab_size=[1])),
    "roberta-prelayernorm": ("RobertaPreLayerNorm", ENCODER, SIZES),
    "xlm-roberta-xl": ("XLMRobertaXL", ENCODER, SIZES),
    "megatron-bert": ("MegatronBert", ENCODER + ["ForPreTraining"], SIZES),
    "bart": ("Bart", ["ForConditionalGeneration", "Model", "ForSequenceClassification", "ForQuestionAnswering"], HALVES),
    "mbart": ("MBart", ["ForConditionalGeneration", "Model", "ForSequenceClassification", "ForQuestionAnswering"],
              HALVES),
    "marian": ("Marian", ["MTModel", "Model"], dict(HALVES, **TIED)),
    "pegasus": ("Pegasus", ["ForConditionalGeneration", "Model"], HALVES),
    "blenderbot": ("Blenderbot", ["ForConditionalGeneration", "Model"], HALVES),
    "blenderbot-small": ("BlenderbotSmall", ["ForConditionalGeneration", "Model"], HALVES),
    "m2m_100": ("M2M100", ["ForConditionalGeneration", "Model"], HALVES),
    "led": ("LED", ["ForConditionalGeneration", "Model"], dict(HALVES, max_encoder_position_embeddings=[40],
                                                               max_decoder_position_embeddings=[30],
                                                               attention_window=[8])),
    "swin": ("Swin", ["Model", "ForImageClassification", None], dict(STAGES, use_absolute_embeddings=[True, False])),
    "swinv2": ("Swinv2", ["Model", "ForImageClassification", None], STAGES),
    "convnext": ("ConvNext", ["Model", "ForImageClassification", None],
                 dict(hidden_sizes=[[16, 24, 32, 40]], depths=[[1, 2, 3, 1]], num_channels=[1, 3], patch_size=[4, 2],
                      layer_scale_init_value=[0.0, 1e-6])),
    "convnextv2": ("ConvNextV2", ["Model", "ForImageClassification", None],
                   dict(hidden_sizes=[[16, 24, 32, 40]], depths=[[1, 2, 3, 1]], num_channels=[1, 3])),
    "resnet": ("ResNet", ["Model", "ForImageClassification", None],
               dict(embedding_size=[16], hidden_sizes=[[32, 48], [16, 64]], depths=[[1, 2]], num_labels=[2, 9],
                    layer_type=["basic", "bottleneck"], downsample_in_first_stage=[True, False])),
    "regnet": ("RegNet", ["Model", "ForImageClassification", None],
               dict(embedding_size=[16], hidden_sizes=[[32, 48], [16, 40]], depths=[[1, 2]], groups_width=[8],
                    layer_type=["x", "y"], downsample_in_first_stage=[True, False])),
    "beit": ("Beit", ["Model", "ForImageClassification", None],
             dict(PATCHES, use_mask_token=[True, False], use_absolute_position_embeddings=[True, False],
                  use_relative_position_bias=[True, False], layer_scale_init_value=[0.0, 0.1])),
    "dinov2": ("Dinov2", ["Model", "ForImageClassification", None],
               dict(PATCHES, mlp_ratio=[2, 4], use_swiglu_ffn=[True, False], use_mask_token=[True, False])),
    "dinov2_with_registers": ("Dinov2WithRegisters", ["Model", "ForImageClassification", None],
                              dict(PATCHES, use_swiglu_ffn=[True, False], num_register_tokens=[2, 4])),
    "vit_mae": ("ViTMAE", ["Model", None], dict(PATCHES, qkv_bias=[True, False])),
    "vit_msn": ("ViTMSN", ["Model", "ForImageClassification", None], PATCHES),
    "audio-spectrogram-transformer": ("AST", ["Model", "ForAudioClassification", None],
                                      dict(PATCHES, max_length=[64, 100], num_mel_bins=[32], qkv_bias=[True, False])),
    "wav2vec2": ("Wav2Vec2", ["Model", "ForCTC", "ForSequenceClassification", "ForAudioFrameClassification",
                              "ForPreTraining", None], dict(SOUND, do_stable_layer_norm=[True, False])),
    "hubert": ("Hubert", ["Model", "ForCTC", "ForSequenceClassification", None],
               dict(SOUND, do_stable_layer_norm=[True, False], feat_proj_layer_norm=[True, False])),
    "wavlm": ("WavLM", ["Model", "ForCTC", "ForSequenceClassification", None], dict(SOUND, num_buckets=[320, 64])),
    "data2vec-audio": ("Data2VecAudio", ["Model", "ForCTC", "ForSequenceClassification", None],
                       dict(SOUND, num_conv_pos_embeddings=[2, 5])),
    "clip": ("CLIP", ["Model", "ForImageClassification", None], dict(PAIR, projection_dim=[24, 512])),
    "siglip": ("Siglip", ["Model", "ForImageClassification", None], PAIR),
    "clip_text_model": ("CLIPText", ["Model", "ModelWithProjection"], SIZES),
    "clip_vision_model": ("CLIPVision", ["Model", "ModelWithProjection"], PATCHES),
    "siglip_text_model": ("SiglipText", ["Model"], SIZES),
    "siglip_vision_model": ("SiglipVision", ["Model"], PATCHES),
    "llava": ("Llava", SEEING, dict(text_config=texts("llama", "qwen2"), vision_config=CLIPS + SIGLIPS,
                                    multimodal_projector_bias=[True, False])),
    "llava_next": ("LlavaNext", SEEING, dict(text_config=texts("mistral"), vision_config=CLIPS)),
    "paligemma": ("PaliGemma", SEEING, dict(text_config=texts("gemma", head_dim=8), vision_config=SIGLIPS,
                                            projection_dim=[32])),
    "gemma3": ("Gemma3", SEEING, dict(text_config=texts("gemma3_text", head_dim=8), vision_config=SIGLIPS)),
    "idefics3": ("Idefics3", SEEING, dict(text_config=texts("llama"), vision_config=BARE, scale_factor=[2, 4])),
    "smolvlm": ("SmolVLM", SEEING, dict(text_config=texts("llama"), vision_config=BARE, scale_factor=[2, 4])),
    "qwen2_vl": ("Qwen2VL", SEEING, dict(text_config=texts("qwen2_vl_text"), vision_config=[
        dict(embed_dim=48, depth=2, num_heads=4, mlp_ratio=ratio, hidden_size=32) for ratio in (2, 4)])),
    "qwen2_5_vl": ("Qwen2_5_VL", SEEING, dict(text_config=texts("qwen2_5_vl_text"), vision_config=[
        dict(hidden_size=48, depth=depth, num_heads=4, intermediate_size=56, out_hidden_size=32) for depth in (1, 2)])),
    "qwen3_vl": ("Qwen3VL", SEEING, dict(text_config=texts("qwen3_vl_text", head_dim=8), vision_config=[
        dict(hidden_size=48, depth=depth, num_heads=4, intermediate_size=56, out_hidden_size=32, patch_size=8,
             num_position_embeddings=64, deepstack_visual_indexes=[0, 1][:depth]) for depth in (1, 2)])),
    "mistral3": ("Mistral3", SEEING, dict(text_config=texts("mistral", head_dim=8), spatial_merge_size=[2, 3],
                                          tie_word_embeddings=[False],
                                          multimodal_projector_bias=[True, False], vision_config=[
        dict(part, model_type="pixtral", head_dim=8) for part in BARE])),
}
EACH = 6
KEPT = 0.85  # of the options that have a default: the others are left to it


def automatic(model_type, config):
    """Without `architectures`: a decoder's language model, else an encoder alone."""
    try:
        if "ForMaskedLM" not in TYPES[model_type][1]:
            return transformers.AutoModelForCausalLM.from_config(config)
    except (ValueError, TypeError):
        pass
    return transformers.AutoModel.from_config(config)


def draw(model_type, rng):
    stem, endings, options = TYPES[model_type]
    values = {key: rng.choice(choices) for key, choices in options.items()
              if len(choices) == 1 or key.endswith("_config") or rng.random() < KEPT}
    ending = rng.choice(endings)
    if model_type in transformers.CONFIG_MAPPING:
        config = transformers.AutoConfig.for_model(model_type, **values)
    else:
        config = getattr(transformers, stem + "Config")(**values)
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
