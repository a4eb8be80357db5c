"""Small models with random weights as their files (safetensors beside a
config.json, and GGUF as its converter writes Llama), and what transformers
computes with them: one line each, `path | tokens | outputs`. A model without
tokens is given a picture.

The files go to tests/unit/data/models; write(path) puts the lines at `path`.
"""
import pathlib

import gguf
import safetensors.torch
import torch
import transformers

MODELS = pathlib.Path(__file__).parent.parent / "unit" / "data" / "models"
SIZES = dict(vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
             max_position_embeddings=64)
TOKENS = [5, 17, 3, 90, 41, 8, 8, 60]
NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
         "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
         "model.layers": "blk"}


def randomise(model):
    torch.manual_seed(7)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(torch.randn_like(weight) * 0.2 + (1 if "norm" in name.lower() and "weight" in name else 0))
    return model.eval()


def gguf_llama(path, model):
    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(0)
    for name, weight in model.state_dict().items():
        for long, short in NAMES.items():
            name = name.replace(long, short)
        for part, heads in (("attn_q", config.num_attention_heads), ("attn_k", config.num_key_value_heads)):
            if f"{part}.weight" in name: # neighbours are turned, not halves
                rows, columns = weight.shape
                weight = weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
        writer.add_tensor(name, weight.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# ---- other architectures: transformers' files, and GGUF ones by the names of the package's own map ----

SMALL = dict(vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
             max_position_embeddings=32)
GROUPED = dict(SMALL, num_key_value_heads=2)
NO_WORDS = dict(bos_token_id=None, eos_token_id=None, pad_token_id=None)
ROPE_3 = dict(rope_type="llama3", rope_theta=1e4, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)
YARN = dict(rope_type="yarn", rope_theta=1e4, factor=2.0, original_max_position_embeddings=16)
LONG = dict(rope_type="longrope", rope_theta=1e4, short_factor=[1.0, 1.5], long_factor=[2.0, 4.0])


def causal(config):
    return transformers.AutoModelForCausalLM.from_config(config)


def kinds():
    """name, model, architecture of its GGUF file or None"""
    t = transformers
    yield "gpt2", causal(t.GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=4, n_positions=32, **NO_WORDS)), "gpt2"
    yield "gemma", causal(t.GemmaConfig(**GROUPED, head_dim=4)), "gemma"
    yield "gemma2", causal(t.Gemma2Config(**GROUPED, head_dim=4, query_pre_attn_scalar=4, sliding_window=4,
                                          attn_logit_softcapping=2.0, final_logit_softcapping=3.0)), "gemma2"
    yield "gemma3", causal(t.Gemma3TextConfig(**GROUPED, head_dim=4, query_pre_attn_scalar=4, sliding_window=4,
                                              layer_types=["sliding_attention", "full_attention"])), None
    yield "gemma3-six", causal(t.Gemma3TextConfig(**dict(GROUPED, num_hidden_layers=6), head_dim=4,
                                                  query_pre_attn_scalar=4, sliding_window=4)), "gemma3"
    yield "phi3", causal(t.Phi3Config(**GROUPED, **NO_WORDS)), "phi3"
    yield "phi3-long", causal(t.Phi3Config(**GROUPED, original_max_position_embeddings=16, rope_parameters=LONG,
                                           **NO_WORDS)), None
    yield "olmo", causal(t.OlmoConfig(**GROUPED, **NO_WORDS)), "olmo"
    yield "olmo2", causal(t.Olmo2Config(**GROUPED, **NO_WORDS)), "olmo2"
    yield "opt", causal(t.OPTConfig(vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, ffn_dim=64,
                                    max_position_embeddings=32, word_embed_proj_dim=16)), None
    yield "gpt_neox", causal(t.GPTNeoXConfig(**SMALL, rotary_pct=0.5, **NO_WORDS)), "gptneox"
    yield "llama3", causal(t.LlamaConfig(**GROUPED, rope_parameters=ROPE_3)), "llama"
    yield "yarn", causal(t.LlamaConfig(**GROUPED, rope_parameters=YARN)), None
    yield "mixtral", causal(t.MixtralConfig(**GROUPED, num_local_experts=4, num_experts_per_tok=2)), "llama"
    yield "qwen3_moe", causal(t.Qwen3MoeConfig(**GROUPED, head_dim=4, num_experts=4, num_experts_per_tok=2,
                                               moe_intermediate_size=12, norm_topk_prob=True)), "qwen3moe"
    yield "qwen2_moe", causal(t.Qwen2MoeConfig(**GROUPED, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=12,
                                               shared_expert_intermediate_size=20)), "qwen2moe"
    yield "olmoe", causal(t.OlmoeConfig(**GROUPED, num_experts=4, num_experts_per_tok=2, **NO_WORDS)), None
    yield "roberta", t.RobertaModel(t.RobertaConfig(**SMALL, type_vocab_size=1)), None
    yield "distilbert", t.DistilBertModel(t.DistilBertConfig(vocab_size=40, dim=16, n_layers=2, n_heads=4, hidden_dim=24,
                                                             max_position_embeddings=32)), None
    yield "bert", t.BertModel(t.BertConfig(**SMALL), add_pooling_layer=False), "bert"
    yield "vit", t.ViTForImageClassification(t.ViTConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
                                                         intermediate_size=24, image_size=12, patch_size=4,
                                                         num_labels=7)), None


def reorder(weight, heads):
    """From the halves of a head turned to neighbours, as the converter does it."""
    rows = weight.shape[0]
    return weight.reshape(heads, 2, rows // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def gguf_tensors(architecture, model, state):
    config = model.config
    names = gguf.get_tensor_name_map(gguf.constants.MODEL_ARCH[architecture.upper()], config.num_hidden_layers)
    experts = {}
    for name, weight in state.items():
        if architecture == "gpt2" and weight.dim() == 2 and ".h." in name:
            weight = weight.T
        if "query_key_value" in name: # head by head
            heads = config.num_attention_heads
            parts = weight.reshape(heads, 3, config.hidden_size // heads, -1)
            weight = torch.cat([parts[:, i].reshape(config.hidden_size, *weight.shape[1:]) for i in range(3)])
        if architecture in ("llama", "olmo"):
            for part, heads in (("q_proj.weight", config.num_attention_heads),
                                ("k_proj.weight", config.num_key_value_heads)):
                weight = reorder(weight, heads) if name.endswith(part) else weight
        if architecture.startswith("gemma") and name.endswith("norm.weight"):
            weight = weight + 1
        before, expert, after = name.partition(".experts.")
        if expert:
            number, _, part = after.partition(".")
            experts.setdefault(f"{before}.experts.{part}", {})[int(number)] = weight
            continue
        found = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert found, name
        yield found, weight
    for name, weights in experts.items():
        found = names.get_name(name, try_suffixes=(".weight",))
        assert found, name
        yield found, torch.stack([weights[i] for i in range(len(weights))])
    if getattr(config, "rope_parameters", None) and config.rope_parameters.get("rope_type") == "llama3":
        yield "rope_freqs.weight", llama_3_factors(config)


def llama_3_factors(config):
    rope, size = config.rope_parameters, config.hidden_size // config.num_attention_heads
    plain = rope["rope_theta"] ** -(torch.arange(0, size, 2, dtype=torch.float64) / size)
    turned = transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")[0]
    return (plain / turned).float()


def write_gguf(path, architecture, model, state):
    config = model.config
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(getattr(config, "intermediate_size", None) or 4 * config.hidden_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(getattr(config, "num_key_value_heads", config.num_attention_heads))
    writer.add_context_length(config.max_position_embeddings)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(0)
    if hasattr(config, "rms_norm_eps"):
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    else:
        writer.add_layer_norm_eps(getattr(config, "layer_norm_eps", 1e-5))
    rope = getattr(config, "rope_parameters", None) or {}
    rope = rope.get("full_attention", rope)
    if rope:
        writer.add_rope_freq_base(rope["rope_theta"])
        head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        writer.add_rope_dimension_count(int(head * rope.get("partial_rotary_factor", 1)))
        if getattr(config, "head_dim", None):
            writer.add_key_length(head)
            writer.add_value_length(head)
    if getattr(config, "sliding_window", None) and architecture.startswith("gemma"):
        writer.add_sliding_window(config.sliding_window)
    if getattr(config, "attn_logit_softcapping", None):
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if hasattr(config, "num_experts_per_tok"):
        writer.add_expert_count(getattr(config, "num_local_experts", None) or config.num_experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
        if hasattr(config, "moe_intermediate_size"):
            writer.add_expert_feed_forward_length(config.moe_intermediate_size)
        if hasattr(config, "shared_expert_intermediate_size"):
            writer.add_expert_shared_feed_forward_length(config.shared_expert_intermediate_size)
    if architecture == "bert":
        writer.add_token_type_count(config.type_vocab_size)
    for name, weight in gguf_tensors(architecture, model, state):
        writer.add_tensor(name, weight.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def compute(model):
    if model.config.model_type == "vit":
        side = model.config.image_size
        image = torch.tensor([(i * 7919 % 1000) / 500 - 1 for i in range(3 * side * side)])
        return "", model(image.reshape(1, side, side, 3).permute(0, 3, 1, 2)).logits
    tokens = [token % 37 + 2 for token in TOKENS]  # past those that RoBERTa pads with
    output = model(torch.tensor([tokens]))
    values = getattr(output, "logits", None)
    if values is None:
        values = getattr(output, "pooler_output", None)
    return tokens, output.last_hidden_state if values is None else values


def write_kinds(add):
    folder = MODELS / "weights"
    folder.mkdir(exist_ok=True)
    for name, model, architecture in kinds():
        model = randomise(model)
        model.save_pretrained(folder / name)
        for extra in ("generation_config.json",):
            (folder / name / extra).unlink(missing_ok=True)
        tokens, output = compute(model)
        add(f"weights/{name}", output, tokens)
        if architecture:
            state = safetensors.torch.load_file(folder / name / "model.safetensors")
            write_gguf(folder / f"{name}.gguf", architecture, model, state)
            add(f"weights/{name}.gguf", output, tokens)


def write(path):
    lines = []
    tokens = torch.tensor([TOKENS])

    def add(name, output, tokens=TOKENS):
        values = " ".join(f"{value:.7g}" for value in output.detach().flatten().tolist())
        lines.append(f"{name}|{' '.join(map(str, tokens))}|{values}\n")

    bert = randomise(transformers.BertModel(transformers.BertConfig(**SIZES)))
    bert.save_pretrained(MODELS / "bert")
    add("bert", bert(tokens).pooler_output)
    for kind, config in (("qwen2", transformers.Qwen2Config(**SIZES, num_key_value_heads=2)),
                         ("llama", transformers.LlamaConfig(**SIZES, num_key_value_heads=2))):
        model = randomise(transformers.AutoModelForCausalLM.from_config(config))
        output = model(tokens).logits
        if kind == "qwen2":
            model.save_pretrained(MODELS / kind)
            (MODELS / kind / "generation_config.json").unlink(missing_ok=True)
            add(kind, output)
        else:
            gguf_llama(MODELS / "turned.gguf", model)
            add("turned.gguf", output)
    write_kinds(add)
    path.write_text("".join(lines))
