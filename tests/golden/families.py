"""The families of models/families as plain PyTorch modules, for golden files and for side-by-side speed.

Parameter names are the program's own. A weight's values come from generator.py under that name; `ours` says how the
program lays it out where that differs from PyTorch (channels-last filters).
"""
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import generator

SEED = 1

SIZES = {
    "mlp-1m": dict(widths=(784, 784, 512, 10)),
    "mlp-10m": dict(widths=(1024, 2048, 2560, 1000)),
    "mlp-25m": dict(widths=(1024, 4096, 4096, 1000)),
    "mlp-100m": dict(widths=(4096, 8192, 6144, 2048)),
    "seed-cnn": dict(side=28, channels=(1, 32, 64), hidden=100, classes=10),
    "seed-rnn": dict(inputs=32, units=64, classes=10),
    "rnn-1k": dict(inputs=256, units=1024, classes=10),
    "gpt2-tiny": dict(layers=4, hidden=128, heads=4, vocabulary=2048, positions=256),
    "gpt2-124m": dict(layers=12, hidden=768, heads=12, vocabulary=50257, positions=1024),
    "gpt2-355m": dict(layers=24, hidden=1024, heads=16, vocabulary=50257, positions=1024),
}


class Family(nn.Module):
    """What the families share: generated weights, and which of them decay."""

    def deviation(self, name, shape):
        raise NotImplementedError

    def ours(self, name, tensor):
        """A parameter, or its gradient, laid out as the program does."""
        return tensor.permute(0, 2, 3, 1) if tensor.dim() == 4 else tensor

    def decays(self, name):
        return not (name.endswith("bias") or ".ln_" in name or name.startswith("ln_"))

    def generate(self, dtype="f32"):
        """Fills every parameter as the program's generator does; bf16 rounds the matrices as its weights are."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                values = np.zeros(parameter.numel(), np.float32)
            elif not self.decays(name):
                values = np.ones(parameter.numel(), np.float32)
            else:
                scale = np.float32(self.deviation(name, parameter.shape))
                values = generator.normal(SEED, name, parameter.numel()) * scale
                if dtype == "bf16":
                    values = generator.round_bf16(values)
            shape = tuple(self.ours(name, parameter).shape)
            tensor = torch.from_numpy(values).reshape(shape)
            with torch.no_grad():
                parameter.copy_(tensor.permute(0, 3, 1, 2) if tensor.dim() == 4 else tensor)
        return self


class Mlp(Family):
    def __init__(self, widths):
        super().__init__()
        self.layer = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:]))
        self.classes = widths[-1]

    def deviation(self, name, shape):
        return np.sqrt(np.float32(2) / np.float32(shape[1]))

    def inputs(self, batch, context):
        return "features", (batch, self.layer[0].in_features)

    def forward(self, x):
        for layer in self.layer[:-1]:
            x = F.relu(layer(x))
        return self.layer[-1](x)


class Cnn(Family):
    """seed-cnn. fc1's columns are in the order (y, x, channel), so images are flattened channels-last."""

    def __init__(self, side, channels, hidden, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(channels[0], channels[1], 3, padding=1)
        self.conv2 = nn.Conv2d(channels[1], channels[2], 3, padding=1)
        self.fc1 = nn.Linear(channels[2] * side * side, hidden)
        self.fc2 = nn.Linear(hidden, classes)
        self.side, self.channels, self.classes = side, channels[0], classes
        self.flatten_channels_last = True

    def deviation(self, name, shape):
        return np.sqrt(np.float32(2) / np.float32(shape[1:].numel()))

    def inputs(self, batch, context):
        return "images", (batch, self.side, self.side, self.channels)

    def forward(self, x):
        """x [N,C,H,W]"""
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        if self.flatten_channels_last:
            x = x.permute(0, 2, 3, 1)
        return F.softmax(self.fc2(F.relu(self.fc1(x.flatten(1)))), -1)


class Rnn(Family):
    """The recurrence is torch.nn.RNN's, or a loop over time written out (`loop`): the same numbers."""

    def __init__(self, inputs, units, classes):
        super().__init__()
        self.rnn = nn.Module()
        self.rnn.input = nn.Linear(inputs, units)
        self.rnn.recurrent = nn.Linear(units, units, bias=False)
        self.dense = nn.Linear(units, classes)
        self.features, self.units, self.classes = inputs, units, classes
        self.loop = False

    def deviation(self, name, shape):
        return (np.float32(0.7) if "recurrent" in name else 1) / np.sqrt(np.float32(shape[1]))

    def inputs(self, batch, context):
        return "sequence", (batch, context, self.features)

    def forward(self, x):
        start = x.new_zeros(1, x.shape[0], self.units)
        if self.loop:
            projected, h, steps = self.rnn.input(x), start[0], []
            for t in range(x.shape[1]):
                h = F.relu(projected[:, t] + F.linear(h, self.rnn.recurrent.weight))
                steps.append(h)
            h = torch.stack(steps, 1)
        else:
            weights = [self.rnn.input.weight, self.rnn.recurrent.weight, self.rnn.input.bias,
                       torch.zeros_like(self.rnn.input.bias)]
            h = torch._VF.rnn_relu(x, start, weights, True, 1, 0.0, self.training, False, True)[0]
        return F.softmax(self.dense(h), -1)


class Block(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(hidden)
        self.attn = nn.Module()
        self.attn.c_attn = nn.Linear(hidden, 3 * hidden)
        self.attn.c_proj = nn.Linear(hidden, hidden)
        self.ln_2 = nn.LayerNorm(hidden)
        self.mlp = nn.Module()
        self.mlp.c_fc = nn.Linear(hidden, 4 * hidden)
        self.mlp.c_proj = nn.Linear(4 * hidden, hidden)

    def forward(self, x):
        batch, length, hidden = x.shape
        qkv = self.attn.c_attn(self.ln_1(x)).view(batch, length, 3, self.heads, hidden // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn.c_proj(y.transpose(1, 2).reshape(batch, length, hidden))
        return x + self.mlp.c_proj(F.gelu(self.mlp.c_fc(self.ln_2(x)), approximate="tanh"))


class Gpt2(Family):
    def __init__(self, layers, hidden, heads, vocabulary, positions):
        super().__init__()
        self.wte = nn.Embedding(vocabulary, hidden)
        self.wpe = nn.Embedding(positions, hidden)
        self.h = nn.ModuleList(Block(hidden, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(hidden)
        self.layers, self.classes = layers, vocabulary

    def deviation(self, name, shape):
        if name == "wpe.weight":
            return 0.01
        return np.float32(0.02) / np.sqrt(np.float32(2 * self.layers)) if name.endswith("c_proj.weight") else 0.02

    def inputs(self, batch, context):
        return "tokens", (batch, context)

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1], device=tokens.device))
        for block in self.h:
            x = block(x)
        return F.linear(self.ln_f(x), self.wte.weight)


CLASSES = {"mlp": Mlp, "cnn": Cnn, "rnn": Rnn, "gpt2": Gpt2}


def build(family, size, **changes):
    return CLASSES[family](**dict(SIZES[size], **changes))


def make_inputs(model, batch, context, dtype="f32"):
    """The program's generated input and targets; images in PyTorch's order of dimensions."""
    name, shape = model.inputs(batch, context)
    count = math.prod(shape)
    if name == "tokens":
        x = torch.from_numpy(generator.below(SEED, name, count, model.classes)).reshape(shape)
    else:
        values = generator.normal(SEED, name, count)
        x = torch.from_numpy(generator.round_bf16(values) if dtype == "bf16" else values).reshape(shape)
        if name == "images":
            x = x.permute(0, 3, 1, 2).contiguous()
    rows = (batch, context) if context else (batch,)
    targets = torch.from_numpy(generator.below(SEED, "targets", math.prod(rows), model.classes)).reshape(rows)
    return x, targets


def loss_of(output, targets):
    """The mean over all rows; where a model ends in softmax, its output is taken as logits, as the program does."""
    return F.cross_entropy(output.flatten(0, -2), targets.flatten())


def make_optimizer(model, kind, **settings):
    """torch.optim's with the program's defaults: only matrices decay."""
    names = dict(model.named_parameters())
    groups = [{"params": [p for n, p in names.items() if model.decays(n)]},
              {"params": [p for n, p in names.items() if not model.decays(n)], "weight_decay": 0.0}]
    makers = {
        "sgd": lambda **s: torch.optim.SGD(groups, lr=1e-3, **s),
        "momentum": lambda **s: torch.optim.SGD(groups, lr=1e-3, momentum=0.9, **s),
        "rmsprop": lambda **s: torch.optim.RMSprop(groups, lr=1e-3, **s),
        "adam": lambda **s: torch.optim.Adam(groups, lr=1e-3, **s),
        "adamw": lambda **s: torch.optim.AdamW(groups, lr=1e-3, **s),
    }
    return makers[kind](**settings)
