"""Whole models against PyTorch in double precision: data/models.txt for test_models.c.

Each case: the output, the loss, the gradient of every weight, and the loss of each step of a training on one batch.
"""
import torch

import families
from format import GoldenFile

COMMENT = """\
Whole models: made by tests/golden/generate.py with PyTorch, in double precision. See format.py.
output; loss; d.NAME: the gradient of weight NAME; losses: of each of 21 training steps on the same batch."""

STEPS = 21
LEAST_MARGIN = 1e-6  # of a router's choice

SMALL_LLAMA = {"layers": 2, "hidden": 48, "heads": 6, "kv_heads": 2, "head_dim": 10, "feed_forward": 80,
               "vocabulary": 500}

SMALL_MOE = {"layers": 2, "hidden": 48, "heads": 6, "kv_heads": 2, "head_dim": 10, "feed_forward": 40, "experts": 6,
             "chosen": 2, "vocabulary": 500}

SMALL_WHISPER = {"layers": 2, "hidden": 64, "heads": 4, "feed_forward": 256, "frames": 100, "vocabulary": 500}

# family, size, dtype, batch, context, optimizer, changed configuration, what is stored
CASES = [
    ("mlp", "mlp-1m", "f32", 16, 0, "adam", {}, "all"),
    ("mlp", "mlp-1m", "bf16", 16, 0, "adam", {}, "all"),
    ("mlp", "mlp-1m", "f32", 16, 0, "momentum", {}, "losses"),
    ("cnn", "seed-cnn", "f32", 4, 0, "adam", {}, "all"),
    ("cnn", "seed-cnn", "bf16", 4, 0, "adam", {}, "all"),
    ("rnn", "seed-rnn", "f32", 6, 20, "adam", {}, "all"),
    ("rnn", "seed-rnn", "bf16", 6, 20, "adam", {}, "all"),
    ("lstm", "lstm-1x128", "f32", 3, 11, "adam", {"vocabulary": 600}, "all"),
    ("lstm", "lstm-1x128", "bf16", 3, 11, "adam", {"vocabulary": 600}, "all"),
    ("lstm", "lstm-2x512", "f32", 2, 7, "adam", {"hidden": 90, "vocabulary": 300}, "all"),
    ("gru", "gru-1x128", "f32", 3, 11, "adam", {"vocabulary": 600}, "all"),
    ("gru", "gru-1x128", "bf16", 3, 11, "adam", {"vocabulary": 600}, "all"),
    ("gru", "gru-2x512", "f32", 2, 7, "adam", {"hidden": 90, "vocabulary": 300}, "all"),
    ("dlrm", "dlrm-small", "f32", 24, 0, "sgd", {"rows": 50}, "all"),
    ("dlrm", "dlrm-small", "f32", 24, 0, "adam", {"rows": 50}, "all"),
    # A vector's gradient is a sum over 26 pairs that cancel: in bf16 single elements are mostly rounding.
    ("dlrm", "dlrm-small", "bf16", 24, 0, "sgd", {"rows": 50}, "losses"),
    ("dlrm", "dlrm-small", "f32", 40, 0, "sgd", {}, "output"),
    ("gpt2", "gpt2-tiny", "f32", 2, 32, "adamw", {}, "all"),
    ("gpt2", "gpt2-tiny", "bf16", 2, 32, "adamw", {}, "all"),
    ("gpt2", "gpt2-tiny", "f32", 2, 32, "sgd", {}, "losses"),
    ("gpt2", "gpt2-124m", "f32", 2, 8, "adamw", {"layers": 1}, "gradients"),
    ("gpt2", "gpt2-124m", "f32", 1, 16, "adamw", {}, "output"),
    ("llama", "llama-15m", "f32", 2, 19, "adamw", SMALL_LLAMA, "all"),
    ("llama", "llama-15m", "bf16", 2, 19, "adamw", SMALL_LLAMA, "all"),
    ("llama", "tinyllama-1.1b", "f32", 2, 7, "adamw", SMALL_LLAMA, "all"),
    ("llama", "smollm-135m", "f32", 1, 16, "adamw", {"layers": 1, "vocabulary": 1000}, "output"),
    ("moe", "moe-small", "f32", 2, 19, "adamw", SMALL_MOE, "all"),
    # By the router's own choice, which bf16's rounding would turn where two experts are about as good.
    ("moe", "moe-small", "bf16", 2, 19, "adamw", dict(SMALL_MOE, skew=1), "all"),
    ("moe", "moe-small", "f32", 3, 7, "sgd", dict(SMALL_MOE, experts=12, chosen=5, skew=1.5), "all"),
    ("moe", "olmoe-1b-7b", "f32", 2, 19, "adamw", dict(SMALL_MOE, chosen=3), "all"),
    ("moe", "qwen1.5-moe-a2.7b", "f32", 2, 19, "adamw", dict(SMALL_MOE, shared_feed_forward=70), "all"),
    ("moe", "qwen3-30b-a3b", "f32", 2, 19, "adamw", SMALL_MOE, "all"),
    ("moe", "moe-small", "f32", 1, 16, "adamw", {"layers": 1, "vocabulary": 1000}, "output"),
    ("bert", "bert-tiny", "f32", 3, 17, "adamw", {"vocabulary": 1000}, "all"),
    ("bert", "bert-tiny", "bf16", 3, 17, "adamw", {"vocabulary": 1000}, "all"),
    ("bert", "distilbert", "f32", 2, 9, "adamw", {"layers": 2, "hidden": 96, "heads": 4, "feed_forward": 384, "vocabulary": 500}, "all"),
    ("vit", "vit-tiny", "f32", 2, 0, "adamw", {"layers": 2, "side": 48, "classes": 50}, "all"),
    ("vit", "vit-tiny", "bf16", 2, 0, "adamw", {"layers": 2, "side": 48, "classes": 50}, "all"),
    ("whisper", "whisper-tiny", "f32", 2, 13, "adamw", SMALL_WHISPER, "all"),
    ("whisper", "whisper-tiny", "bf16", 2, 13, "adamw", SMALL_WHISPER, "all"),
    ("cnn", "resnet-18", "f32", 2, 0, "sgd", {"side": 64, "classes": 50, "blocks": 1}, "gradients"),
    ("cnn", "resnet-50", "f32", 2, 0, "sgd", {"side": 64, "classes": 50, "blocks": 1}, "gradients"),
    ("cnn", "mobilenet-v2", "f32", 2, 0, "sgd", {"side": 64, "classes": 50}, "gradients"),
]


def train(model, x, targets, kind, steps):
    optimizer = families.make_optimizer(model, kind)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = families.loss_of(model(x), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def write_case(out, family, size, dtype, batch, context, kind, changes, what):
    shape = f"b{batch}" + (f"/s{context}" if context else "")
    skew = f"/skew-{changes['skew']}" if "skew" in changes else ""
    out.case("-".join([size, dtype, kind, what]), id=f"{family}/{size}/train/{dtype}/{shape}{skew}/{kind}", what=what,
             **changes)
    if "blocks" in changes:
        changes = dict(changes, blocks=(changes["blocks"],) * 4)  # in each stage
    if "rows" in changes:
        changes = {"tables": (changes["rows"],) * 26}
    model = families.build(family, size, **changes).double().generate(dtype)
    x, targets = families.make_inputs(model, batch, context, dtype)
    x = x.double() if x.is_floating_point() else x
    out.tensor("output", model.eval()(x).detach())
    if isinstance(model, families.Moe) and model.margin() < LEAST_MARGIN:
        raise SystemExit(f"{size}: an expert is chosen by {model.margin():g}, which rounding could turn")
    loss = families.loss_of(model.train()(x), targets)
    out.tensor("loss", loss.detach())
    if what in ("all", "gradients"):
        loss.backward()
        for name, parameter in model.named_parameters():
            out.tensor("d." + name, model.ours(name, parameter.grad))
    if what in ("all", "losses"):
        if dtype == "bf16":
            model.generate("f32")  # the optimizer updates f32 masters; rounding them is the tested program's own error
        out.tensor("losses", train(model, x, targets, kind, STEPS))


def write(path):
    out = GoldenFile(path, COMMENT)
    for case in CASES:
        write_case(out, *case)
    out.write()
