"""Every optimizer over several steps, against torch.optim in double precision: data/optimizers.txt.

The model is one linear layer under mean((y - target)^2); its weight decays, its bias doesn't. l2 is torch.optim's
weight_decay, except for AdamW, where weight_decay is the decoupled one and l2 is added to the gradient; l1 always is.
"""
import torch
import torch.nn.functional as F

import generator
from format import GoldenFile

COMMENT = """\
Optimizers: made by tests/golden/generate.py with torch.optim, in double precision. See format.py.
weight.N, bias.N: after N steps."""

SEED = 1
BATCH, INPUTS, OUTPUTS = 8, 20, 15
STEPS = (1, 2, 20)


def values(name, shape, scale=1.0, dtype="f32"):
    count = torch.Size(shape).numel()
    made = generator.normal(SEED, name, count) * generator.np.float32(scale)
    made = generator.round_bf16(made) if dtype == "bf16" else made
    return torch.from_numpy(made.astype(generator.np.float64)).reshape(shape)


def rounded(tensor):
    """To bf16 and back, the gradient passing straight through: how a bf16 weight follows its f32 master."""
    half = torch.from_numpy(generator.round_bf16(tensor.detach().numpy().astype(generator.np.float32))).double()
    return tensor + (half - tensor).detach()


def make(kind, weight, bias, rate, l2):
    groups = [{"params": [weight], "weight_decay": l2}, {"params": [bias], "weight_decay": 0.0}]
    if kind == "adamw":
        groups[0]["weight_decay"] = 0.01
        return torch.optim.AdamW(groups, lr=rate)
    if kind in ("sgd", "momentum"):
        return torch.optim.SGD(groups, lr=rate, momentum=0.9 if kind == "momentum" else 0.0)
    return {"rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam}[kind](groups, lr=rate)


def cases():
    for kind in ("sgd", "momentum", "rmsprop", "adam", "adamw"):
        for l1, l2 in ((0, 0), (0.01, 0), (0, 0.05), (0.01, 0.05)):
            yield f"{kind}-l1-{l1}-l2-{l2}", dict(optimizer=kind, l1=l1, l2=l2, dtype="f32", rate=0.02)
        yield f"{kind}-bf16", dict(optimizer=kind, l1=0, l2=0, dtype="bf16", rate=0.001)


def write(path):
    out = GoldenFile(path, COMMENT)
    for name, one in cases():
        out.case(name, batch=BATCH, inputs=INPUTS, outputs=OUTPUTS, steps=max(STEPS), **one)
        x, target = values("x", (BATCH, INPUTS), dtype=one["dtype"]), values("target", (BATCH, OUTPUTS))
        weight = values("weight", (OUTPUTS, INPUTS), 0.3).requires_grad_()
        bias = values("bias", (OUTPUTS,), 0.3).requires_grad_()
        optimizer = make(one["optimizer"], weight, bias, one["rate"], one["l2"])
        for step in range(1, max(STEPS) + 1):
            optimizer.zero_grad()
            used = rounded(weight) if one["dtype"] == "bf16" else weight
            (F.linear(x, used, bias) - target).square().mean().backward()
            with torch.no_grad():
                weight.grad += one["l1"] * weight.sign()
                if one["optimizer"] == "adamw":
                    weight.grad += one["l2"] * weight
            optimizer.step()
            if step in STEPS:
                out.tensor(f"weight.{step}", weight.detach())
                out.tensor(f"bias.{step}", bias.detach())
    out.write()
