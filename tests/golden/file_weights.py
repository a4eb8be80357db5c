"""Small models with random weights as their files (safetensors beside a
config.json, and GGUF as its converter writes Llama), and what transformers
computes with them: one line each, `path | tokens | outputs`.

The files go to tests/unit/data/models; write(path) puts the lines at `path`.
"""
import pathlib

import gguf
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


def write(path):
    lines = []
    tokens = torch.tensor([TOKENS])

    def add(name, output):
        values = " ".join(f"{value:.7g}" for value in output.detach().flatten().tolist())
        lines.append(f"{name}|{' '.join(map(str, TOKENS))}|{values}\n")

    bert = randomise(transformers.BertModel(transformers.BertConfig(**SIZES)))
    bert.save_pretrained(MODELS / "bert")
    add("bert", bert(tokens).pooler_output)
    for kind, config in (("qwen2", transformers.Qwen2Config(**SIZES, num_key_value_heads=2)),
                         ("llama", transformers.LlamaConfig(**SIZES, num_key_value_heads=2))):
        model = randomise(transformers.AutoModelForCausalLM.from_config(config))
        output = model(tokens).logits
        if kind == "qwen2":
            model.save_pretrained(MODELS / kind)
            add(kind, output)
        else:
            gguf_llama(MODELS / "turned.gguf", model)
            add("turned.gguf", output)
    path.write_text("".join(lines))
