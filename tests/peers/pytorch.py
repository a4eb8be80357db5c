#!/usr/bin/env python3
"""Our steps beside PyTorch's: the same model, shapes, threads and machine, interleaved in one run (turns.py).

    venv/bin/python tests/peers/pytorch.py build/tests/peers/step [ROW]... [--seconds S] [--json FILE]

Without a row, all of ROWS. Its settings are eager or torch.compile (and, forward, with weights frozen into the compiled
code), memory format, and how bf16 is asked for. Attention is scaled_dot_product_attention, which picks its own kernel.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))

import turns

NAME = "PyTorch"
ROWS = [
    "gpt2/gpt2-124m/train/f32/b4/s64",
    "gpt2/gpt2-124m/forward/f32/b4/s64",
    "gpt2/gpt2-124m/forward/f32/b1/s64",
    "cnn/seed-cnn/train/f32/b64",
    "cnn/seed-cnn/forward/f32/b64",
    "rnn/seed-rnn/train/f32/b64/s50",
    "rnn/seed-rnn/forward/f32/b64/s50",
    "mlp/mlp-25m/train/f32/b128",
    "mlp/mlp-25m/forward/f32/b128",
    "mlp/mlp-1m/train/f32/b128",
    "mlp/mlp-1m/forward/f32/b128",
    "gpt2/gpt2-tiny/train/f32/b4/s64",
    "rnn/rnn-1k/train/f32/b64/s50",
    "lstm/lstm-2x512/train/f32/b20/s35",
    "gru/gru-2x512/train/f32/b20/s35",
    "dlrm/dlrm-small/train/f32/b2048",
    "gpt2/gpt2-355m/train/f32/b1/s64",
    "gpt2/gpt2-124m/train/bf16/b4/s64",
    "gpt2/gpt2-124m/forward/bf16/b4/s64",
    "cnn/seed-cnn/train/bf16/b64",
    "mlp/mlp-25m/train/bf16/b128",
    "mlp/mlp-25m/forward/bf16/b128",
    "gpt2/gpt2-124m/train/f32/b2/s512",
    "gpt2/gpt2-124m/train/bf16/b2/s512",
    "cnn/resnet-50/forward/f32/b1",
    "cnn/resnet-50/forward/f32/b8",
    "cnn/resnet-50/train/f32/b8",
    "cnn/mobilenet-v2/forward/f32/b1",
    "bert/bert-base/forward/f32/b8/s128",
    "bert/bert-base/forward/bf16/b8/s128",
    "bert/bert-base/train/f32/b8/s128",
    "vit/vit-base/forward/f32/b8",
    "whisper/whisper-base/forward/f32/b1/s64",
    "whisper-encoder/whisper-base-encoder/forward/f32/b1",
]


def load():
    import torch  # noqa: F401


def our_arguments(case):
    return []


def settings_of(case):
    """What is tried, by name: keyword arguments of make_step."""
    tried = {"eager": {}}
    if case.family == "cnn":
        tried["eager, channels_last"] = {"channels_last": True}
    if case.family == "dlrm":
        tried["eager, sparse"] = {"sparse": True}
    if case.dtype == "bf16":
        tried = {f"{name}, {how}": dict(given, bf16=how) for name, given in tried.items()
                 for how in ("autocast", "weights")}
    compiled = {f"{name}, compiled": dict(given, compiled=True) for name, given in tried.items()}
    if not case.train:
        compiled |= {f"{name}, frozen": dict(given, frozen=True) for name, given in compiled.items()}
    if case.family == "rnn":
        # The layer's own loop isn't compiled; one that is written out is.
        compiled = {f"{name}, loop": dict(given, loop=True) for name, given in compiled.items()}
    return {**tried, **compiled}


def make_optimizer(families, model, case, sparse):
    kind = {"mlp": "adam", "cnn": "adam", "rnn": "adam", "lstm": "adam", "gru": "adam", "dlrm": "sgd"}.get(case.family, "adamw")
    try:
        return families.make_optimizer(model, kind, **({"foreach": True} if sparse else {"fused": True}))
    except (RuntimeError, TypeError, ValueError):
        return families.make_optimizer(model, kind, foreach=True)


def make_teacher(case, bf16):
    """A function that returns the teacher's logits."""
    import torch

    import families

    model = families.build(case.family, {"distilgpt2": "gpt2-124m", "distilbert": "bert-base"}[case.size]).train()
    x = families.make_inputs(model, case.batch, case.context)[0]
    model = model.bfloat16() if bf16 == "weights" else model

    def teach():
        with torch.no_grad():
            return model(x)
    return teach


def parameters_of(model, case):
    """Those that the case has: BERT's classifier is for training."""
    unused = "classifier." if case.family == "bert" and not case.train else None
    return sum(p.numel() for name, p in model.named_parameters() if not unused or not name.startswith(unused))


def summary_of(output):
    """What step.c says of its output."""
    output = output.double()
    return {"output_elements": output.numel(), "output_mean": output.mean().item(),
            "output_mean_square": output.square().mean().item()}


def compute(case, threads):
    """What one step from the program's own weights and inputs gives: eager, in the case's dtype."""
    import torch

    import families

    torch.set_num_threads(threads)
    model = families.build(case.family, case.size).generate(case.dtype).train(case.train)
    x, targets = families.make_inputs(model, case.batch, case.context, case.dtype)
    if case.family == "cnn":
        model.flatten_channels_last = True
    with torch.no_grad():
        output = model(x)
        result = {"loss": families.loss_of(output, targets).item()} if case.train else summary_of(output)
    return {"parameters": parameters_of(model, case), **result}


def make_step(case, threads, compiled=False, channels_last=False, bf16=None, loop=False, sparse=False, frozen=False):
    """A function that runs one step."""
    import torch

    import distillation
    import families

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = families.build(case.family, case.size)
    x, targets = families.make_inputs(model, case.batch, case.context)
    if case.family == "cnn":
        model.flatten_channels_last = channels_last
        if channels_last:
            model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    if case.family == "rnn":
        model.loop = loop
    if sparse:
        model.use_sparse_gradients()
    if bf16 == "weights":
        model = model.bfloat16()
        x = x.bfloat16() if x.is_floating_point() else x
    model.train(case.train)

    teach = make_teacher(case, bf16) if case.mode == "distill" else None

    def forward():
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16 == "autocast"):
            output = model(x)
            if teach:
                return distillation.loss_of(output, teach(), targets)
            return families.loss_of(output, targets) if case.train else output

    if compiled:
        if frozen:
            import torch._inductor.config
            torch._inductor.config.freezing = True
        forward = torch.compile(forward)
    if not case.train:
        def step():
            # What freezes weights asks for gradients to be off, but not for tensors of inference mode.
            with torch.no_grad() if frozen else torch.inference_mode():
                forward()
        return step
    optimizer = make_optimizer(families, model, case, sparse)

    def step():
        optimizer.zero_grad(set_to_none=True)
        forward().backward()
        optimizer.step()
    return step


if __name__ == "__main__":
    turns.main(sys.modules[__name__])
