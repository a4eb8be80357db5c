"""Differentially private training against a loop over samples in PyTorch: data/private.txt, for test_models.c.

Each sample's gradient is computed by itself in double precision, clipped to a norm of 1 over all parameters, and summed;
the noise is the program's own, Box and Muller's transform of its counter-based uniform numbers.
"""
import numpy as np
import torch

import families
import generator
from format import GoldenFile

COMMENT = """\
Private training: made by tests/golden/generate.py with PyTorch, in double precision. See format.py.
output; losses: the mean over the samples, of each of 21 training steps."""

STEPS, NORM, NOISE = 21, 1.0, 1.1

# family, size, batch, context, optimizer
CASES = [
    ("mlp", "mlp-1m", 5, 0, "adam"),
    ("mlp", "mlp-1m", 5, 0, "sgd"),
    ("cnn", "seed-cnn", 3, 0, "adam"),
    ("gpt2", "gpt2-tiny", 3, 16, "adamw"),
]


def normal_noise(name, count, step):
    key = generator.mix((generator.key_of(families.SEED, name + " noise") + step) & generator.MASK)
    uniform = generator.uniform_of_key(key, count + count % 2)
    length = np.sqrt(np.float32(-2) * np.log(np.float32(1) - uniform[0::2]))
    angle = np.float32(6.283185307) * uniform[1::2]
    return np.stack([length * np.cos(angle), length * np.sin(angle)], 1).reshape(-1)[:count].astype(np.float64)


def clipped_gradients(model, x, targets):
    """Their sum over the samples, and the mean loss."""
    names = dict(model.named_parameters())
    sums = {name: torch.zeros_like(p) for name, p in names.items()}
    total = 0
    for i in range(len(targets)):
        model.zero_grad()
        loss = families.loss_of(model(x[i:i + 1]), targets[i:i + 1])
        loss.backward()
        norm = torch.sqrt(sum(p.grad.square().sum() for p in names.values()))
        for name, p in names.items():
            sums[name] += p.grad * min(1, NORM / norm)
        total += loss.item()
    return sums, total / len(targets)


def train(model, x, targets, kind):
    optimizer, losses = families.make_optimizer(model, kind), []
    for step in range(1, STEPS + 1):
        sums, loss = clipped_gradients(model, x, targets)
        for name, p in model.named_parameters():
            laid_out = model.ours(name, sums[name])
            noise = torch.from_numpy(normal_noise(name, p.numel(), step)).reshape(laid_out.shape)
            noisy = (laid_out + NOISE * NORM * noise) / len(targets)
            p.grad = noisy.permute(0, 3, 1, 2).contiguous() if noisy.dim() == 4 else noisy
        optimizer.step()
        losses.append(loss)
    return losses


def write(path):
    out = GoldenFile(path, COMMENT)
    for family, size, batch, context, kind in CASES:
        shape = f"b{batch}" + (f"/s{context}" if context else "")
        out.case(f"{size}-{kind}", id=f"{family}/{size}/train/f32/{shape}/{kind}/dp-sgd", what="losses")
        model = families.build(family, size).double().generate()
        x, targets = families.make_inputs(model, batch, context)
        x = x.double() if x.is_floating_point() else x
        out.tensor("output", model.eval()(x).detach())
        out.tensor("losses", train(model.train(), x, targets, kind))
    out.write()
