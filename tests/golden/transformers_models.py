"""Whole models of the `transformers` package, with the program's generated weights: data/transformers.txt for
test_models.c.

    python3 -m venv venv && venv/bin/pip install torch numpy transformers
    venv/bin/python tests/golden/generate.py transformers_models

Each case: the logits, the loss and the gradient of every weight, in double precision. A weight of ours may be several
of theirs on top of one another (q, k and v), or a part of one (Phi-3's gate_up), or be laid out another way.
"""
import numpy as np
import torch
import torch.nn.functional as F
import transformers

import generator
from format import GoldenFile

COMMENT = """\
Whole models: made by tests/golden/transformers_models.py with the transformers package, in double precision.
output; loss; d.NAME: the gradient of weight NAME."""

SEED, BATCH, CONTEXT = 1, 2, 19
SMALL = {"layers": 2, "hidden": 48, "heads": 6, "kv_heads": 2, "head_dim": 12, "feed_forward": 80, "vocabulary": 500}
SHORT, LONG = [1, 1.1, 1.3, 1.5, 1.8, 2], [1, 2, 3, 5, 8, 12]
ORIGINAL = "original_max_position_embeddings"
ROPES = {  # test_models.c has the same
    "linear": dict(rope_type="linear", factor=4.0),
    "dynamic": dict(rope_type="dynamic", factor=3.0),
    "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, ORIGINAL: 64},
    "yarn": {"rope_type": "yarn", "factor": 4.0, "beta_fast": 8.0, "beta_slow": 1.0, ORIGINAL: 64},
    "long": {"rope_type": "longrope", "factor": 4.0, "short_factor": SHORT, "long_factor": LONG, ORIGINAL: 8},
    "short": {"rope_type": "longrope", "factor": 4.0, "short_factor": SHORT, "long_factor": LONG, ORIGINAL: 32},
}


def stack(*parts):
    return lambda get: torch.cat([get(part) for part in parts])


class Decoder:
    """Llama and its relatives: `kind` is the name of their classes, `extra` what their configuration has besides."""

    def __init__(self, size, kind, theta=1e4, epsilon=1e-5, untied=False, headed=False, gemma=False, sandwich=False,
                 fused=False, bias=False, bare=False, rope=None, longest=64, layers=2, extra=None, **changes):
        self.size, self.changes = size, dict(SMALL, layers=layers, **changes)
        self.layers, self.untied, self.headed = layers, untied, headed
        self.gemma, self.sandwich, self.fused, self.bias = gemma, sandwich, fused, bias
        self.bare = bare  # norms have no weights
        if rope:
            self.changes["rope"] = rope
        c = self.changes
        parameters = dict(ROPES[rope] if rope else {"rope_type": "default"}, rope_theta=theta)
        settings = dict(vocab_size=c["vocabulary"], hidden_size=c["hidden"], intermediate_size=c["feed_forward"],
                        num_hidden_layers=layers, num_attention_heads=c["heads"], num_key_value_heads=c["kv_heads"],
                        head_dim=c["head_dim"], max_position_embeddings=longest, rms_norm_eps=epsilon,
                        tie_word_embeddings=not untied, rope_parameters=parameters, pad_token_id=None,
                        bos_token_id=None, eos_token_id=None, attn_implementation="eager")
        if rope in ("long", "short"):
            settings[ORIGINAL] = ROPES[rope][ORIGINAL]
        settings.update(extra or {})
        config = getattr(transformers, kind + ("TextConfig" if kind == "Gemma3" else "Config"))(**settings)
        self.model = getattr(transformers, kind + "ForCausalLM")(config).double()
        self.family = "llama"

    def names(self):
        """Ours to a function of theirs."""
        return ((ours, place) for ours, place in self.all_names() if not (self.bare and "norm" in ours))

    def all_names(self):
        yield "embedding.weight", stack("model.embed_tokens.weight")
        for i in range(self.layers):
            theirs, ours = f"model.layers.{i}.", f"layers.{i}."
            yield ours + "input_norm.weight", stack(theirs + "input_layernorm.weight")
            attn = theirs + "self_attn."
            for kind in ("weight", "bias")[:1 + self.bias]:
                if self.fused:
                    yield ours + f"attn.qkv.{kind}", stack(attn + f"qkv_proj.{kind}")
                elif self.headed:
                    for part in "qkv":
                        yield ours + f"attn.{part}.{kind}", stack(attn + f"{part}_proj.{kind}")
                else:
                    yield ours + f"attn.qkv.{kind}", stack(*(attn + f"{part}_proj.{kind}" for part in "qkv"))
            for part in "qk" if self.headed else "":
                yield ours + f"attn.{part}_norm.weight", stack(attn + f"{part}_norm.weight")
            yield ours + "attn.output.weight", stack(attn + "o_proj.weight")
            after = theirs + "post_attention_layernorm.weight"
            if self.sandwich:
                yield ours + "attn.after_norm.weight", stack(after)
                yield ours + "mlp.after_norm.weight", stack(theirs + "post_feedforward_layernorm.weight")
                after = theirs + "pre_feedforward_layernorm.weight"
            yield ours + "post_norm.weight", stack(after)
            for half, part in enumerate(("gate", "up")):
                whole = theirs + "mlp.gate_up_proj.weight"
                yield ours + f"mlp.{part}.weight", (lambda get, half=half, whole=whole: get(whole).chunk(2)[half]
                                                   ) if self.fused else stack(theirs + f"mlp.{part}_proj.weight")
            yield ours + "mlp.down.weight", stack(theirs + "mlp.down_proj.weight")
        yield "norm.weight", stack("model.norm.weight")
        if self.untied:
            yield "head.weight", stack("lm_head.weight")

    def values(self, name, count):
        if name.endswith("bias"):
            return np.zeros(count, np.float32)
        if "norm" in name and not self.gemma:
            return np.ones(count, np.float32)
        ends = name.endswith("attn.output.weight") or name.endswith("mlp.down.weight")
        scale = np.float32(0.02) / np.sqrt(np.float32(2 * self.layers)) if ends else np.float32(0.02)
        return generator.normal(SEED, name, count) * scale

    def run(self):
        """Logits and loss."""
        classes = self.changes["vocabulary"]
        tokens, targets = (torch.from_numpy(generator.below(SEED, name, BATCH * CONTEXT, classes)).reshape(BATCH, CONTEXT)
                           for name in ("tokens", "targets"))
        logits = self.model(input_ids=tokens, use_cache=False).logits
        return logits, F.cross_entropy(logits.flatten(0, -2), targets.flatten())


GEMMA_2 = dict(kind="Gemma2", epsilon=1e-6, gemma=True, sandwich=True, window=5, attention_softcap=0.01,
               logits_softcap=0.05, query_width=20,
               extra=dict(sliding_window=5, attn_logit_softcapping=0.01, final_logit_softcapping=0.05,
                          query_pre_attn_scalar=20))


def gemma_3():
    local, whole = "sliding_attention", "full_attention"
    return Decoder("gemma-3-270m", "Gemma3", epsilon=1e-6, gemma=True, sandwich=True, headed=True, layers=4, rope="linear",
                   window=5, global_every=2, extra=dict(
                       sliding_window=5, query_pre_attn_scalar=256, layer_types=[local, whole] * 2,
                       rope_parameters={local: dict(rope_type="default", rope_theta=1e4),
                                        whole: dict(rope_type="linear", factor=4.0, rope_theta=1e6)}))


class Plain:
    """A model that is one of ours as it is: the names' rules say how theirs are called."""

    def __init__(self, family, size, model, context=CONTEXT, **changes):
        self.family, self.size, self.changes, self.context = family, size, changes, context
        self.model = model.double()

    def values(self, name, count):
        if name.endswith("bias"):
            return np.zeros(count, np.float32)
        if "norm" in name or ".ln_" in name or name.startswith("ln_"):
            return np.ones(count, np.float32)
        return generator.normal(SEED, name, count) * np.float32(self.deviation(name))

    def deviation(self, name):
        return 0.02

    def draw(self, name, limit, *shape):
        return torch.from_numpy(generator.below(SEED, name, int(np.prod(shape)), limit)).reshape(shape)


class Gpt2(Plain):
    def __init__(self):
        super().__init__("gpt2", "gpt2-tiny", transformers.GPT2LMHeadModel(transformers.GPT2Config(
            vocab_size=2048, n_positions=256, n_embd=128, n_layer=4, n_head=4, attn_implementation="eager")))

    def names(self):
        for name in dict(self.model.named_parameters()):
            turned = ".c_" in name and name.endswith("weight")  # theirs are [inputs, outputs]
            yield name.removeprefix("transformer."), (lambda get, name=name: get(name).T) if turned else stack(name)

    def deviation(self, name):
        if name == "wpe.weight":
            return 0.01
        return np.float32(0.02) / np.sqrt(np.float32(8)) if name.endswith("c_proj.weight") else 0.02

    def run(self):
        logits = self.model(input_ids=self.draw("tokens", 2048, BATCH, CONTEXT), use_cache=False).logits
        return logits, F.cross_entropy(logits.flatten(0, -2), self.draw("targets", 2048, BATCH, CONTEXT).flatten())


class Opt(Plain):
    """Of family gpt2, with a table of positions of which the first two have no use."""

    def __init__(self):
        super().__init__("gpt2", "opt-125m", transformers.OPTForCausalLM(transformers.OPTConfig(
            vocab_size=500, hidden_size=48, word_embed_proj_dim=48, num_hidden_layers=2, num_attention_heads=4,
            ffn_dim=192, max_position_embeddings=2048, pad_token_id=None, dropout=0.0, tie_word_embeddings=True, attn_implementation="eager")),
                         layers=2, hidden=48, heads=4, vocabulary=500)

    def names(self):
        base = "model.decoder."
        yield "wte.weight", stack(base + "embed_tokens.weight")
        yield "wpe.weight", stack(base + "embed_positions.weight")
        for kind in ("weight", "bias"):
            yield f"ln_f.{kind}", stack(base + f"final_layer_norm.{kind}")
            for i in range(2):
                theirs, ours = base + f"layers.{i}.", f"h.{i}."
                yield ours + f"attn.c_attn.{kind}", stack(*(theirs + f"self_attn.{p}_proj.{kind}" for p in "qkv"))
                for a, b in (("attn.c_proj", "self_attn.out_proj"), ("ln_1", "self_attn_layer_norm"),
                             ("ln_2", "final_layer_norm"), ("mlp.c_fc", "fc1"), ("mlp.c_proj", "fc2")):
                    yield ours + f"{a}.{kind}", stack(theirs + f"{b}.{kind}")

    def deviation(self, name):
        if name == "wpe.weight":
            return 0.01
        return np.float32(0.02) / np.sqrt(np.float32(4)) if name.endswith("c_proj.weight") else 0.02

    def run(self):
        logits = self.model(input_ids=self.draw("tokens", 500, BATCH, CONTEXT), use_cache=False).logits
        return logits, F.cross_entropy(logits.flatten(0, -2), self.draw("targets", 500, BATCH, CONTEXT).flatten())


class Bloom(Plain):
    """Of family gpt2, with biases by distance instead of positions; q, k and v lie side by side head by head."""

    def __init__(self):
        super().__init__("gpt2", "bloom-1b1", transformers.BloomForCausalLM(transformers.BloomConfig(
            vocab_size=500, hidden_size=48, n_layer=2, n_head=6, attn_implementation="eager", bos_token_id=None,
            eos_token_id=None, pad_token_id=None)), layers=2, hidden=48, heads=6, vocabulary=500)

    def names(self):
        base = "transformer."
        yield "wte.weight", stack(base + "word_embeddings.weight")
        for kind in ("weight", "bias"):
            yield f"wte.norm.{kind}", stack(base + f"word_embeddings_layernorm.{kind}")
            yield f"ln_f.{kind}", stack(base + f"ln_f.{kind}")
            for i in range(2):
                theirs, ours = base + f"h.{i}.", f"h.{i}."
                whole = theirs + f"self_attention.query_key_value.{kind}"
                yield ours + f"attn.c_attn.{kind}", lambda get, whole=whole: get(whole).unflatten(
                    0, (6, 3, -1)).transpose(0, 1)
                for a, b in (("attn.c_proj", "self_attention.dense"), ("ln_1", "input_layernorm"),
                             ("ln_2", "post_attention_layernorm"), ("mlp.c_fc", "mlp.dense_h_to_4h"),
                             ("mlp.c_proj", "mlp.dense_4h_to_h")):
                    yield ours + f"{a}.{kind}", stack(theirs + f"{b}.{kind}")

    def deviation(self, name):
        return np.float32(0.02) / np.sqrt(np.float32(4)) if name.endswith("c_proj.weight") else 0.02

    run = Opt.run


class Beside(Plain):
    """Of family neox. `parts`: what their block calls ours; `turned`: q, k and v lie side by side head by head."""

    def __init__(self, size, model, base, parts, ends, turned=False, **changes):
        super().__init__("neox", size, model, layers=2, vocabulary=500, **changes)
        self.base, self.parts, self.ends, self.turned = base, parts, ends, turned
        self.theirs = dict(self.model.named_parameters())

    def side_by_side(self, name):
        heads = self.changes["heads"]
        return lambda get: get(name).unflatten(0, (heads, 3, -1)).transpose(0, 1)

    def names(self):
        for ours, name in self.ends.items():
            for kind in ("weight", "bias"):
                if f"{name}.{kind}" in self.theirs:
                    yield f"{ours}.{kind}", stack(f"{name}.{kind}")
        for i in range(2):
            for ours, names in self.parts.items():
                for kind in ("weight", "bias"):
                    whole = [f"{self.base}.{i}.{name}.{kind}" for name in names.split()]
                    if whole[0] in self.theirs:
                        turned = self.turned and ours == "attn.qkv"
                        yield f"layers.{i}.{ours}.{kind}", self.side_by_side(whole[0]) if turned else stack(*whole)

    def deviation(self, name):
        ends = name.endswith("attn.output.weight") or name.endswith("mlp.down.weight")
        return np.float32(0.02) / np.sqrt(np.float32(4)) if ends else 0.02

    def run(self):
        logits = self.model(input_ids=self.draw("tokens", 500, BATCH, CONTEXT), use_cache=False).logits
        return logits, F.cross_entropy(logits.flatten(0, -2), self.draw("targets", 500, BATCH, CONTEXT).flatten())


def pythia():
    model = transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(
        vocab_size=500, hidden_size=48, num_hidden_layers=2, num_attention_heads=3, intermediate_size=80,
        max_position_embeddings=64, hidden_act="gelu", tie_word_embeddings=False, attn_implementation="eager",
        rope_parameters=dict(rope_type="default", rope_theta=1e4, partial_rotary_factor=0.25)))
    return Beside("pythia-14m", model, "gpt_neox.layers",
                  {"input_norm": "input_layernorm", "post_norm": "post_attention_layernorm",
                   "attn.qkv": "attention.query_key_value", "attn.output": "attention.dense",
                   "mlp.up": "mlp.dense_h_to_4h", "mlp.down": "mlp.dense_4h_to_h"},
                  {"embedding": "gpt_neox.embed_in", "norm": "gpt_neox.final_layer_norm",
                   "head": "lm_head" if hasattr(model, "lm_head") else "embed_out"},
                  turned=True, hidden=48, heads=3, kv_heads=3, head_dim=16, feed_forward=80)


def phi():
    model = transformers.PhiForCausalLM(transformers.PhiConfig(
        vocab_size=500, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=80,
        max_position_embeddings=64, hidden_act="gelu_new", attn_implementation="eager", bos_token_id=None,
        eos_token_id=None, rope_parameters=dict(rope_type="default", rope_theta=1e4, partial_rotary_factor=0.5)))
    return Beside("phi-1.5", model, "model.layers",
                  {"input_norm": "input_layernorm", "attn.qkv": "self_attn.q_proj self_attn.k_proj self_attn.v_proj",
                   "attn.output": "self_attn.dense", "mlp.up": "mlp.fc1", "mlp.down": "mlp.fc2"},
                  {"embedding": "model.embed_tokens", "norm": "model.final_layernorm", "head": "lm_head"},
                  hidden=48, heads=4, kv_heads=4, head_dim=12, feed_forward=80)


def falcon():
    model = transformers.FalconForCausalLM(transformers.FalconConfig(
        vocab_size=500, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, ffn_hidden_size=80,
        multi_query=True, parallel_attn=True, new_decoder_architecture=False, bias=False, alibi=False, tie_word_embeddings=True,
        attn_implementation="eager", bos_token_id=None, eos_token_id=None))
    return Beside("falcon-7b", model, "transformer.h",
                  {"input_norm": "input_layernorm", "attn.qkv": "self_attention.query_key_value",
                   "attn.output": "self_attention.dense", "mlp.up": "mlp.dense_h_to_4h",
                   "mlp.down": "mlp.dense_4h_to_h"},
                  {"embedding": "transformer.word_embeddings", "norm": "transformer.ln_f"},
                  hidden=48, heads=4, kv_heads=1, head_dim=12, feed_forward=80)


class Latent(Plain):
    """DeepSeek's decoders: of family moe. Theirs turns neighbouring elements with positions, ours those half a head apart."""

    HEADS, KEY, ROPE, VALUE, RANK, WIDE, NARROW = 4, 8, 4, 6, 16, 80, 24

    def __init__(self, size, kind, queries=None, **extra):
        config = getattr(transformers, kind + "Config")(
            vocab_size=500, hidden_size=48, intermediate_size=self.WIDE, moe_intermediate_size=self.NARROW,
            num_hidden_layers=2, num_attention_heads=self.HEADS, num_key_value_heads=self.HEADS,
            n_shared_experts=2, n_routed_experts=6, num_experts_per_tok=2, kv_lora_rank=self.RANK, q_lora_rank=queries,
            qk_nope_head_dim=self.KEY, qk_rope_head_dim=self.ROPE, v_head_dim=self.VALUE, first_k_dense_replace=1,
            n_group=1, topk_group=1, max_position_embeddings=64, rms_norm_eps=1e-6, tie_word_embeddings=False,
            rope_parameters=dict(ROPES["yarn"], rope_theta=1e4), attn_implementation="eager",
            experts_implementation="eager", bos_token_id=None,
            eos_token_id=None, **extra)
        self.queries = queries
        super().__init__("moe", size, getattr(transformers, kind + "ForCausalLM")(config), layers=2, hidden=48,
                         heads=self.HEADS, kv_heads=self.HEADS, head_dim=self.KEY, rope_dim=self.ROPE,
                         value_dim=self.VALUE, key_rank=self.RANK, feed_forward=self.NARROW, experts=6, chosen=2,
                         shared_feed_forward=2 * self.NARROW, dense_layers=1, dense_feed_forward=self.WIDE,
                         query_width=self.KEY + self.ROPE, vocabulary=500, rope="yarn",
                         **({"query_rank": queries} if queries else {}))

    def attention(self, theirs, ours):
        key, whole = self.KEY, theirs + ("q_b_proj.weight" if self.queries else "q_proj.weight")
        apart = lambda x, axis: x.unflatten(axis, (self.ROPE // 2, 2)).transpose(axis, axis + 1)
        heads = lambda get, name: get(name).unflatten(0, (self.HEADS, -1))
        down, up = theirs + "kv_a_proj_with_mqa.weight", theirs + "kv_b_proj.weight"
        if self.queries:
            yield ours + "q_down.weight", stack(theirs + "q_a_proj.weight")
            yield ours + "q_norm.weight", stack(theirs + "q_a_layernorm.weight")
        yield ours + "q_nope.weight", lambda get: heads(get, whole)[:, :key]
        yield ours + "q_rope.weight", lambda get: apart(heads(get, whole)[:, key:], 1)
        yield ours + "kv_down.weight", lambda get: get(down)[:self.RANK]
        yield ours + "k_rope.weight", lambda get: apart(get(down)[self.RANK:], 0)
        yield ours + "kv_norm.weight", stack(theirs + "kv_a_layernorm.weight")
        yield ours + "k_up.weight", lambda get: heads(get, up)[:, :key].transpose(1, 2)
        yield ours + "v_up.weight", lambda get: heads(get, up)[:, key:]
        yield ours + "output.weight", stack(theirs + "o_proj.weight")

    def names(self):
        yield "embedding.weight", stack("model.embed_tokens.weight")
        yield "norm.weight", stack("model.norm.weight")
        yield "head.weight", stack("lm_head.weight")
        for i in range(2):
            theirs, ours = f"model.layers.{i}.", f"layers.{i}."
            yield ours + "input_norm.weight", stack(theirs + "input_layernorm.weight")
            yield ours + "post_norm.weight", stack(theirs + "post_attention_layernorm.weight")
            yield from self.attention(theirs + "self_attn.", ours + "attn.")
            for part in ("gate", "up", "down"):
                if i == 0:
                    yield ours + f"mlp.{part}.weight", stack(theirs + f"mlp.{part}_proj.weight")
                else:
                    yield ours + f"mlp.shared.{part}.weight", stack(theirs + f"mlp.shared_experts.{part}_proj.weight")
        whole, n = "model.layers.1.mlp.experts.gate_up_proj", self.NARROW
        yield "layers.1.mlp.router.weight", stack("model.layers.1.mlp.gate.weight")
        yield "layers.1.mlp.experts.gate.weight", lambda get: get(whole)[:, :n]
        yield "layers.1.mlp.experts.up.weight", lambda get: get(whole)[:, n:]
        yield "layers.1.mlp.experts.down.weight", stack("model.layers.1.mlp.experts.down_proj")

    def deviation(self, name):
        if name == "embedding.weight":
            return 1
        ends = name.endswith("attn.output.weight") or name.endswith("down.weight") and "kv_" not in name and "q_" not in name
        return np.float32(0.02) / np.sqrt(np.float32(4)) if ends else 0.02

    def run(self):
        logits = self.model(input_ids=self.draw("tokens", 500, BATCH, CONTEXT), use_cache=False).logits
        return logits, F.cross_entropy(logits.flatten(0, -2), self.draw("targets", 500, BATCH, CONTEXT).flatten())


def encoder_layers(layers, theirs, ours, attention, rest):
    for i in range(layers):
        for kind in ("weight", "bias"):
            yield f"{ours}.{i}.attention.qkv.{kind}", stack(*(f"{theirs}.{i}.{part}.{kind}" for part in attention))
            for a, b in rest.items():
                yield f"{ours}.{i}.{a}.{kind}", stack(f"{theirs}.{i}.{b}.{kind}")


class Bert(Plain):
    def __init__(self):
        super().__init__("bert", "bert-tiny", transformers.BertForSequenceClassification(transformers.BertConfig(
            vocab_size=1000, hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512,
            attn_implementation="eager")), vocabulary=1000)

    def names(self):
        for part in ("word", "position", "token_type"):
            yield f"embeddings.{part}.weight", stack(f"bert.embeddings.{part}_embeddings.weight")
        yield from encoder_layers(2, "bert.encoder.layer", "layer",
                                  [f"attention.self.{part}" for part in ("query", "key", "value")],
                                  {"attention.output": "attention.output.dense", "norm1": "attention.output.LayerNorm",
                                   "mlp.fc1": "intermediate.dense", "mlp.fc2": "output.dense", "norm2": "output.LayerNorm"})
        for kind in ("weight", "bias"):
            yield f"embeddings.norm.{kind}", stack(f"bert.embeddings.LayerNorm.{kind}")
            yield f"pooler.{kind}", stack(f"bert.pooler.dense.{kind}")
            yield f"classifier.{kind}", stack(f"classifier.{kind}")

    def run(self):
        pooled = self.model.bert(input_ids=self.draw("tokens", 1000, BATCH, CONTEXT),
                                 token_type_ids=self.draw("types", 2, BATCH, CONTEXT)).pooler_output
        return pooled, F.cross_entropy(self.model.classifier(pooled), self.draw("targets", 2, BATCH))


class Roberta(Plain):
    """Of family bert, with a pooler and a classifier as BERT has them; two rows of its positions have no use."""

    def __init__(self):
        model = torch.nn.Module()
        model.bert = transformers.RobertaModel(transformers.RobertaConfig(
            vocab_size=1000, hidden_size=96, num_hidden_layers=2, num_attention_heads=4, intermediate_size=384,
            max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5, attn_implementation="eager"))
        model.classifier = torch.nn.Linear(96, 2)
        for table in (model.bert.embeddings.word_embeddings, model.bert.embeddings.position_embeddings):
            table.padding_idx = None
        super().__init__("bert", "roberta-base", model, layers=2, hidden=96, heads=4, feed_forward=384, vocabulary=1000)

    names = Bert.names

    def run(self):
        places = torch.arange(2, 2 + CONTEXT).expand(BATCH, -1)
        pooled = self.model.bert(input_ids=self.draw("tokens", 1000, BATCH, CONTEXT), position_ids=places).pooler_output
        return pooled, F.cross_entropy(self.model.classifier(pooled), self.draw("targets", 2, BATCH))


class Vit(Plain):
    def __init__(self):
        super().__init__("vit", "vit-tiny", transformers.ViTForImageClassification(transformers.ViTConfig(
            hidden_size=192, num_hidden_layers=2, num_attention_heads=3, intermediate_size=768, image_size=48,
            num_labels=50, layer_norm_eps=1e-6, attn_implementation="eager")), None, layers=2, side=48, classes=50)

    def names(self):
        parts = dict(self.model.named_parameters())
        yield "patches.weight", lambda get: get("vit.embeddings.patch_embeddings.projection.weight").permute(0, 2, 3, 1)
        yield "patches.bias", stack("vit.embeddings.patch_embeddings.projection.bias")
        yield "class_token", lambda get: get("vit.embeddings.cls_token").view(-1)
        yield "positions.weight", lambda get: get("vit.embeddings.position_embeddings")[0]
        if "vit.encoder.layer.0.attention.attention.query.weight" in parts:
            theirs, attention = "vit.encoder.layer", [f"attention.attention.{p}" for p in ("query", "key", "value")]
            rest = {"attention.output": "attention.output.dense", "mlp.fc1": "intermediate.dense", "mlp.fc2": "output.dense"}
        else:  # as releases since 5 call them
            theirs, attention = "vit.layers", [f"attention.{p}_proj" for p in "qkv"]
            rest = {"attention.output": "attention.o_proj", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
        yield from encoder_layers(2, theirs, "layer", attention,
                                  dict(rest, norm1="layernorm_before", norm2="layernorm_after"))
        for kind in ("weight", "bias"):
            yield f"norm.{kind}", stack(f"vit.layernorm.{kind}")
            yield f"head.{kind}", stack(f"classifier.{kind}")

    def deviation(self, name):
        return np.sqrt(np.float32(2) / np.float32(3 * 16 * 16)) if name == "patches.weight" else 0.02

    def run(self):
        images = torch.from_numpy(generator.normal(SEED, "images", BATCH * 48 * 48 * 3)).double()
        logits = self.model(pixel_values=images.reshape(BATCH, 48, 48, 3).permute(0, 3, 1, 2)).logits
        return logits, F.cross_entropy(logits, self.draw("targets", 50, BATCH))


class Whisper(Plain):
    def __init__(self):
        super().__init__("whisper", "whisper-tiny", transformers.WhisperForConditionalGeneration(
            transformers.WhisperConfig(vocab_size=500, num_mel_bins=80, encoder_layers=2, encoder_attention_heads=4,
                                       decoder_layers=2, decoder_attention_heads=4, encoder_ffn_dim=256,
                                       decoder_ffn_dim=256, d_model=64, max_source_positions=50, pad_token_id=0,
                                       bos_token_id=0, eos_token_id=0, decoder_start_token_id=0,
                                       suppress_tokens=None, begin_suppress_tokens=None,
                                       attn_implementation="eager")),
                         layers=2, hidden=64, heads=4, feed_forward=256, frames=100, vocabulary=500)
        self.fixed = {"model.encoder.embed_positions.weight"}

    def names(self):
        for name, parameter in self.model.named_parameters():
            if name in self.fixed:
                continue
            ours = name.removeprefix("model.").replace("layers.", "layer.")
            for theirs, mine in (("encoder_attn_layer_norm", "cross.norm"), ("self_attn_layer_norm", "attention.norm"),
                                 ("encoder_attn", "cross"), ("self_attn", "attention"), ("final_layer_norm", "mlp.norm"),
                                 (".fc", ".mlp.fc"), ("out_proj", "output"), ("_proj", ""), ("layer_norm", "norm"),
                                 ("embed_tokens", "tokens"), ("embed_positions", "positions")):
                ours = ours.replace(theirs, mine)
            if parameter.dim() == 3:
                yield ours, lambda get, name=name: get(name).permute(0, 2, 1)
            else:
                yield ours, stack(name)

    def deviation(self, name):
        inputs = {"encoder.conv1.weight": 240, "encoder.conv2.weight": 192}.get(name)
        return np.sqrt(np.float32(2) / np.float32(inputs)) if inputs else 0.02

    def run(self):
        audio = torch.from_numpy(generator.normal(SEED, "log_mel", BATCH * 100 * 80)).double().reshape(BATCH, 100, 80)
        logits = self.model(input_features=audio.transpose(1, 2), use_cache=False,
                            decoder_input_ids=self.draw("tokens", 500, BATCH, CONTEXT)).logits
        return logits, F.cross_entropy(logits.flatten(0, -2), self.draw("targets", 500, BATCH, CONTEXT).flatten())


class T5(Plain):
    """T5, T5 1.1 (gated, with a head of its own) and UMT5 (a table of biases in each layer)."""

    def __init__(self, size, kind="T5", gated=False, own_tables=False):
        self.gated, self.own_tables = gated, own_tables
        config = getattr(transformers, kind + "Config")(
            vocab_size=500, d_model=48, d_kv=12, d_ff=80, num_layers=2, num_decoder_layers=2, num_heads=6,
            feed_forward_proj="gated-gelu" if gated else "relu", tie_word_embeddings=not gated, dropout_rate=0.0,
            pad_token_id=0, eos_token_id=None, decoder_start_token_id=0, attn_implementation="eager")
        model = getattr(transformers, kind + "ForConditionalGeneration")(config)
        if gated:  # newer releases tie it in any case
            model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
        super().__init__("t5", size, model, layers=2, hidden=48, heads=6, head_dim=12, feed_forward=80, vocabulary=500,
                         **({"own_tables": 1} if own_tables else {}))

    def part(self, theirs, ours, name):
        for p in "qkvo":
            yield f"{ours}.{'output' if p == 'o' else p}.weight", stack(f"{theirs}.{name}.{p}.weight")
        yield ours + ".norm.weight", stack(theirs + ".layer_norm.weight")

    def names(self):
        yield "words.weight", stack("shared.weight")
        if self.gated:
            yield "head.weight", stack("lm_head.weight")
        for half in ("encoder", "decoder"):
            yield half + ".norm.weight", stack(half + ".final_layer_norm.weight")
            for i in range(2):
                theirs, ours = f"{half}.block.{i}.layer", f"{half}.layer.{i}"
                table = theirs + ".0.SelfAttention.relative_attention_bias.weight"
                if self.own_tables:
                    yield ours + ".attention.relative.weight", stack(table)
                elif i == 0:
                    yield half + ".relative.weight", stack(table)
                yield from self.part(theirs + ".0", ours + ".attention", "SelfAttention")
                last = 1
                if half == "decoder":
                    yield from self.part(theirs + ".1", ours + ".cross", "EncDecAttention")
                    last = 2
                yield ours + ".mlp.norm.weight", stack(f"{theirs}.{last}.layer_norm.weight")
                matrices = {"gate": "wi_0", "up": "wi_1", "down": "wo"} if self.gated else {"up": "wi", "down": "wo"}
                for a, b in matrices.items():
                    yield f"{ours}.mlp.{a}.weight", stack(f"{theirs}.{last}.DenseReluDense.{b}.weight")

    def deviation(self, name):
        inputs = {"words": 1, "q": 48 * 12, "output": 72, "down": 80}.get(name.split(".")[-2], 48)
        return np.float32(1) / np.sqrt(np.float32(inputs))

    def run(self):
        logits = self.model(input_ids=self.draw("source", 500, BATCH, CONTEXT), use_cache=False,
                            decoder_input_ids=self.draw("tokens", 500, BATCH, CONTEXT)).logits
        return logits, F.cross_entropy(logits.flatten(0, -2), self.draw("targets", 500, BATCH, CONTEXT).flatten())


class Clip(Plain):
    """Texts end at their last word, which transformers would look for."""

    WORDS = 11

    def __init__(self):
        size = dict(num_hidden_layers=2, hidden_act="quick_gelu", attention_dropout=0.0)
        model = transformers.CLIPModel(transformers.CLIPConfig(
            text_config=dict(size, hidden_size=32, num_attention_heads=4, intermediate_size=128, vocab_size=500,
                             max_position_embeddings=self.WORDS, eos_token_id=500),
            vision_config=dict(size, hidden_size=48, num_attention_heads=3, intermediate_size=80, image_size=32,
                               patch_size=8),
            projection_dim=40, attn_implementation="eager"))
        super().__init__("clip", "clip-vit-base-patch32", model, context=0, side=32, patch=8, layers=2, hidden=48,
                         heads=3, feed_forward=80, text_layers=2, text_hidden=32, text_heads=4, vocabulary=500,
                         max_context=self.WORDS, projection=40)

    def names(self):
        yield "temperature", lambda get: get("logit_scale")
        yield "image.patches.weight", lambda get: get("vision_model.embeddings.patch_embedding.weight").permute(0, 2, 3, 1)
        yield "image.class_token", stack("vision_model.embeddings.class_embedding")
        yield "image.positions.weight", stack("vision_model.embeddings.position_embedding.weight")
        yield "text.words.weight", stack("text_model.embeddings.token_embedding.weight")
        yield "text.positions.weight", stack("text_model.embeddings.position_embedding.weight")
        yield "image.projection.weight", stack("visual_projection.weight")
        yield "text.projection.weight", stack("text_projection.weight")
        for kind in ("weight", "bias"):
            yield f"image.embeddings.norm.{kind}", stack(f"vision_model.pre_layrnorm.{kind}")
            yield f"image.norm.{kind}", stack(f"vision_model.post_layernorm.{kind}")
            yield f"text.norm.{kind}", stack(f"text_model.final_layer_norm.{kind}")
            for half, base in (("image", "vision_model"), ("text", "text_model")):
                for i in range(2):
                    theirs, ours = f"{base}.encoder.layers.{i}.", f"{half}.layer.{i}."
                    yield ours + f"attention.qkv.{kind}", stack(*(theirs + f"self_attn.{p}_proj.{kind}" for p in "qkv"))
                    for a, b in (("attention.output", "self_attn.out_proj"), ("norm1", "layer_norm1"),
                                 ("norm2", "layer_norm2"), ("mlp.fc1", "mlp.fc1"), ("mlp.fc2", "mlp.fc2")):
                        yield ours + f"{a}.{kind}", stack(theirs + f"{b}.{kind}")

    def values(self, name, count):
        return np.full(count, np.float32(2.6592)) if name == "temperature" else super().values(name, count)

    def deviation(self, name):
        return np.sqrt(np.float32(2) / np.float32(8 * 8 * 3)) if name == "image.patches.weight" else 0.02

    def run(self):
        images = torch.from_numpy(generator.normal(SEED, "images", BATCH * 32 * 32 * 3)).double()
        image = self.model.vision_model(pixel_values=images.reshape(BATCH, 32, 32, 3).permute(0, 3, 1, 2)).pooler_output
        text = self.model.text_model(input_ids=self.draw("tokens", 500, BATCH, self.WORDS)).last_hidden_state[:, -1]
        image = F.normalize(self.model.visual_projection(image), dim=-1)
        text = F.normalize(self.model.text_projection(text), dim=-1)
        logits = self.model.logit_scale.exp() * image @ text.T
        pairs = torch.arange(BATCH)
        return logits, (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)) / 2


CASES = [
    ("llama3", lambda: Decoder("llama-3.2-1b", "Llama", 5e5, rope="llama3")),
    ("linear", lambda: Decoder("tinyllama-1.1b", "Llama", untied=True, rope="linear")),
    ("dynamic", lambda: Decoder("tinyllama-1.1b", "Llama", untied=True, rope="dynamic", longest=8)),
    ("yarn", lambda: Decoder("tinyllama-1.1b", "Llama", untied=True, rope="yarn")),
    ("qwen2", lambda: Decoder("qwen2.5-0.5b", "Qwen2", 1e6, 1e-6, bias=True)),
    ("qwen3", lambda: Decoder("qwen3-0.6b", "Qwen3", 1e6, 1e-6, headed=True)),
    ("mistral", lambda: Decoder("mistral-7b", "Mistral", untied=True, window=5, extra=dict(sliding_window=5))),
    ("gemma2", lambda: Decoder("gemma-2-2b", **GEMMA_2)),
    ("gemma3", gemma_3),
    ("phi3-long", lambda: Decoder("phi-3-mini-128k", "Phi3", untied=True, fused=True, rope="long", longest=32,
                                  extra=dict(hidden_size=72, head_dim=12), hidden=72)),
    ("phi3-short", lambda: Decoder("phi-3-mini-128k", "Phi3", untied=True, fused=True, rope="short", longest=128,
                                   extra=dict(hidden_size=72, head_dim=12), hidden=72)),
    ("olmo", lambda: Decoder("olmo-1b", "Olmo", bare=True)),
    ("gpt2", Gpt2),
    ("opt", Opt),
    ("bloom", Bloom),
    ("pythia", pythia),
    ("phi", phi),
    ("falcon", falcon),
    ("deepseek2", lambda: Latent("deepseek-v2-lite", "DeepseekV2", topk_method="greedy", norm_topk_prob=False,
                                 routed_scaling_factor=1.0)),
    ("deepseek3", lambda: Latent("deepseek-v3", "DeepseekV3", queries=12, norm_topk_prob=True,
                                 routed_scaling_factor=2.5)),
    ("bert", Bert),
    ("roberta", Roberta),
    ("vit", Vit),
    ("whisper", Whisper),
    ("t5", lambda: T5("t5-small")),
    ("t5-gated", lambda: T5("t5-v1_1-small", gated=True)),
    ("umt5", lambda: T5("t5-v1_1-small", kind="UMT5", gated=True, own_tables=True)),
    ("clip", Clip),
]


def write_case(out, name, subject):
    context = f"/s{CONTEXT}" if getattr(subject, "context", CONTEXT) else ""
    id = f"{subject.family}/{subject.size}/train/f32/b{getattr(subject, 'batch', BATCH)}{context}/adamw"
    out.case(name, id=id, what="gradients", **subject.changes)
    theirs = dict(subject.model.named_parameters())
    filled = set()

    def get(name):
        filled.add(name)
        return theirs[name].detach()

    with torch.no_grad():
        for ours, place in subject.names():
            used = []

            def slot(name):
                used.append(name)
                return get(name)

            made = place(slot)
            values = torch.from_numpy(subject.values(ours, made.numel())).double().reshape(made.shape)
            if len(used) == 1:
                place(get).copy_(values)  # a view of theirs
                if made.data_ptr() != theirs[used[0]].data_ptr() and made.shape == theirs[used[0]].shape:
                    theirs[used[0]].copy_(values)
            else:
                for part, value in zip(used, values.split([len(theirs[part]) for part in used])):
                    theirs[part].copy_(value)
    left = set(theirs) - filled - getattr(subject, "fixed", set())
    assert not left, (name, left)
    output, loss = subject.model.eval() and subject.run()
    out.tensor("output", output.detach())
    out.tensor("loss", loss.detach())
    loss.backward()
    for ours, place in subject.names():
        out.tensor("d." + ours, place(lambda name: theirs[name].grad))


def write(path):
    out = GoldenFile(path.with_name("transformers.txt"), COMMENT)
    for name, make in CASES:
        write_case(out, "transformers-" + name, make())
    out.write()
