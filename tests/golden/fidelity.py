"""What quantising loses, from PyTorch and the gguf package: data/fidelity.txt for test_fidelity.c.

    TYPE POSITIONS TOKENS COLUMNS  output_error kl kl_p99 loss_f32 loss_difference agreement

Logits are x · Wᵀ with x normal and W heavy-tailed, from the generator; the other ones' W went through the type and
back. Formulas are in models/engine/fidelity.h.
"""
import gguf
import numpy as np
import torch

import generator

POSITIONS, TOKENS, COLUMNS = 96, 200, 256
TYPES = {"q8_0": gguf.GGMLQuantizationType.Q8_0, "q4_0": gguf.GGMLQuantizationType.Q4_0}


def sharpened(logits):
    """The factor that gives the distributions a mean entropy of log 10."""
    low, high = 1e-3, 1e3
    for _ in range(200):
        middle = (low * high) ** 0.5
        entropy = torch.distributions.Categorical(logits=logits * middle).entropy().mean()
        low, high = (middle, high) if entropy > np.log(10) else (low, middle)
    return low


def compare(f32, other):
    factor = sharpened(f32)
    log_p, log_q = torch.log_softmax(f32 * factor, -1), torch.log_softmax(other * factor, -1)
    kl = torch.nn.functional.kl_div(log_q, log_p, log_target=True, reduction="none").sum(-1)
    u = torch.from_numpy(generator.uniform(1, "drawn", POSITIONS).astype(np.float64))
    drawn = torch.searchsorted(log_p.exp().cumsum(-1), u[:, None], right=True).clamp(max=TOKENS - 1)
    loss_p = torch.nn.functional.nll_loss(log_p, drawn[:, 0])
    loss_q = torch.nn.functional.nll_loss(log_q, drawn[:, 0])
    ordered = kl.sort().values
    agreement = (f32.argmax(-1) == other.argmax(-1)).double().mean()
    error = (other - f32).norm() / f32.norm()
    return [error, kl.mean(), ordered[-(-99 * POSITIONS // 100) - 1], loss_p, loss_q - loss_p, agreement]


def logits(x, weight):
    exact = torch.from_numpy(x.astype(np.float64)) @ torch.from_numpy(weight.astype(np.float64)).T
    return exact.float().double()


def write(path):
    x = generator.normal(1, "x", POSITIONS * COLUMNS).reshape(POSITIONS, COLUMNS)
    weight = generator.heavy_tailed(1, "weight", TOKENS * COLUMNS).reshape(TOKENS, COLUMNS) * np.float32(0.02)
    lines = ["# What types lose, as PyTorch and the gguf package have it: made by tests/golden/generate.py. See fidelity.py."]
    for name, kind in TYPES.items():
        back = gguf.quants.dequantize(gguf.quants.quantize(weight, kind), kind)
        figures = compare(logits(x, weight), logits(x, back))
        lines.append(f"{name} {POSITIONS} {TOKENS} {COLUMNS} " + " ".join(f"{float(v):.9g}" for v in figures))
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
