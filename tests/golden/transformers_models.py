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
                 fused=False, bias=False, rope=None, longest=64, layers=2, extra=None, **changes):
        self.size, self.changes = size, dict(SMALL, layers=layers, **changes)
        self.layers, self.untied, self.headed = layers, untied, headed
        self.gemma, self.sandwich, self.fused, self.bias = gemma, sandwich, fused, bias
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
]


def write_case(out, name, subject):
    id = f"{subject.family}/{subject.size}/train/f32/b{BATCH}/s{CONTEXT}/adamw"
    out.case("transformers-" + name, id=id, what="gradients", **subject.changes)
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
    assert filled == set(theirs), set(theirs) - filled
    output, loss = subject.model.eval() and subject.run()
    out.tensor("output", output.detach())
    out.tensor("loss", loss.detach())
    loss.backward()
    for ours, place in subject.names():
        out.tensor("d." + ours, place(lambda name: theirs[name].grad))


def write(path):
    out = GoldenFile(path.with_name("transformers.txt"), COMMENT)
    for name, make in CASES:
        write_case(out, name, make())
    out.write()
