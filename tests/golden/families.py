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
    "lstm-1x128": dict(layers=1, hidden=128),
    "lstm-2x512": dict(layers=2, hidden=512),
    "lstm-2x1500": dict(layers=2, hidden=1500),
    "gru-1x128": dict(layers=1, hidden=128),
    "gru-2x512": dict(layers=2, hidden=512),
    "gru-2x1500": dict(layers=2, hidden=1500),
    "dlrm-small": dict(bottom=(13, 512, 256, 64, 16), top=(512, 256, 1), tables=(100000,) * 26, lookups=10),
    "gpt2-tiny": dict(layers=4, hidden=128, heads=4, vocabulary=2048, positions=256),
    "gpt2-124m": dict(layers=12, hidden=768, heads=12, vocabulary=50257, positions=1024),
    "distilgpt2": dict(layers=6, hidden=768, heads=12, vocabulary=50257, positions=1024),
    "gpt2-355m": dict(layers=24, hidden=1024, heads=16, vocabulary=50257, positions=1024),
    "llama-15m": dict(layers=6, hidden=288, heads=6, kv_heads=6, head_dim=48, feed_forward=768, vocabulary=32000),
    "smollm-135m": dict(layers=30, hidden=576, heads=9, kv_heads=3, head_dim=64, feed_forward=1536, vocabulary=49152),
    "smollm-360m": dict(layers=32, hidden=960, heads=15, kv_heads=5, head_dim=64, feed_forward=2560, vocabulary=49152),
    "tinyllama-1.1b": dict(layers=22, hidden=2048, heads=32, kv_heads=4, head_dim=64, feed_forward=5632,
                           vocabulary=32000, untied_head=True),
    "moe-small": dict(layers=8, hidden=512, heads=8, kv_heads=8, head_dim=64, feed_forward=768, vocabulary=16000,
                      experts=8, chosen=2, renormalise=True),
    "olmoe-1b-7b": dict(layers=16, hidden=2048, heads=16, kv_heads=16, head_dim=128, feed_forward=1024,
                        vocabulary=50304, experts=64, chosen=8, head_norm="all"),
    "qwen1.5-moe-a2.7b": dict(layers=24, hidden=2048, heads=16, kv_heads=16, head_dim=128, feed_forward=1408,
                              vocabulary=151936, experts=60, chosen=4, shared_feed_forward=5632, bias=True, theta=1e6,
                              epsilon=1e-6),
    "qwen3-30b-a3b": dict(layers=48, hidden=2048, heads=32, kv_heads=4, head_dim=128, feed_forward=768,
                          vocabulary=151936, experts=128, chosen=8, renormalise=True, head_norm="each", theta=1e6,
                          epsilon=1e-6),
    "bert-tiny": dict(layers=2, hidden=128, heads=2),
    "distilbert": dict(layers=6, hidden=768, heads=12, types=0),
    "bert-base": dict(layers=12, hidden=768, heads=12),
    "bert-large": dict(layers=24, hidden=1024, heads=16),
    "vit-tiny": dict(hidden=192, heads=3),
    "vit-small": dict(hidden=384, heads=6),
    "vit-base": dict(hidden=768, heads=12),
    "whisper-tiny": dict(layers=4, hidden=384, heads=6),
    "whisper-base": dict(layers=6, hidden=512, heads=8),
    "whisper-small": dict(layers=12, hidden=768, heads=12),
    "whisper-tiny-encoder": dict(layers=4, hidden=384, heads=6),
    "whisper-base-encoder": dict(layers=6, hidden=512, heads=8),
    "mobilenet-v2": dict(),
    "resnet-18": dict(blocks=(2, 2, 2, 2), expansion=1),
    "resnet-50": dict(blocks=(3, 4, 6, 3), expansion=4),
}


class Family(nn.Module):
    """What the families share: generated weights, and which of them decay."""

    def deviation(self, name, shape):
        raise NotImplementedError

    def ours(self, name, tensor):
        """A parameter, or its gradient, laid out as the program does."""
        return tensor.permute(0, 2, 3, 1) if tensor.dim() == 4 else tensor

    def decays(self, name):
        return not (name.endswith("bias") or self.is_norm(name) or name == "class_token")

    def is_norm(self, name):
        """A scale, which starts at 1: of ln_1, ln_f, norm, norm1, input_norm, ..."""
        module = name.split(".")[-2] if "." in name else ""
        return module.startswith("ln_") or "norm" in module

    def generate(self, dtype="f32", prefix=""):
        """Fills every parameter as the program's generator does, which calls it prefix + name; bf16 rounds the matrices as its weights are."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                values = np.zeros(parameter.numel(), np.float32)
            elif self.is_norm(name):
                values = np.ones(parameter.numel(), np.float32)
            else:
                scale = np.float32(self.deviation(name, parameter.shape))
                values = generator.normal(SEED, prefix + name, parameter.numel()) * scale
                if dtype == "bf16" and self.decays(name):
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


class Gated(Family):
    """A language model of torch.nn.LSTM or GRU layers. Their biases that are only added to others are zeros."""

    gates = 4

    def __init__(self, layers, hidden, vocabulary=10000):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.layers = nn.ModuleList(nn.Module() for _ in range(layers))
        for layer in self.layers:
            layer.input = nn.Linear(hidden, self.gates * hidden)
            layer.recurrent = nn.Linear(hidden, self.gates * hidden, bias=False)
        self.head = nn.Linear(hidden, vocabulary)
        self.hidden, self.classes = hidden, vocabulary

    def deviation(self, name, shape):
        return 1 if name == "embedding.weight" else 1 / np.sqrt(np.float32(self.hidden))

    def inputs(self, batch, context):
        return "tokens", (batch, context)

    def weights(self, layer):
        return [layer.input.weight, layer.recurrent.weight, layer.input.bias, torch.zeros_like(layer.input.bias)]

    def recur(self, x):
        start = x.new_zeros(len(self.layers), x.shape[0], self.hidden)
        weights = [weight for layer in self.layers for weight in self.weights(layer)]
        return torch._VF.lstm(x, (start, start), weights, True, len(self.layers), 0.0, self.training, False, True)[0]

    def forward(self, tokens):
        return self.head(self.recur(self.embedding(tokens)))


class Lstm(Gated):
    pass


class Gru(Gated):
    gates = 3

    def __init__(self, layers, hidden, vocabulary=10000):
        super().__init__(layers, hidden, vocabulary)
        for layer in self.layers:
            layer.recurrent.bias = nn.Parameter(torch.zeros(hidden))  # inside the reset gate's product

    def weights(self, layer):
        bias = layer.recurrent.bias
        return super().weights(layer)[:3] + [torch.cat([bias.new_zeros(2 * self.hidden), bias])]

    def recur(self, x):
        start = x.new_zeros(len(self.layers), x.shape[0], self.hidden)
        weights = [weight for layer in self.layers for weight in self.weights(layer)]
        return torch._VF.gru(x, start, weights, True, len(self.layers), 0.0, self.training, False, True)[0]


class Dlrm(Family):
    """A recommender. Its look-ups, which make_inputs draws, are kept beside the dense features that are its input."""

    def __init__(self, bottom, top, tables, lookups):
        super().__init__()
        vectors = len(tables) + 1
        after = (bottom[-1] + vectors * (vectors - 1) // 2,) + tuple(top)
        self.bottom = nn.ModuleList(nn.Linear(a, b) for a, b in zip(bottom, bottom[1:]))
        self.top = nn.ModuleList(nn.Linear(a, b) for a, b in zip(after, after[1:]))
        self.tables = nn.ModuleList(nn.EmbeddingBag(rows, bottom[-1], mode="sum") for rows in tables)
        self.pairs = torch.tril_indices(vectors, vectors, -1)
        self.lookups, self.indices, self.classes = lookups, None, 2

    def deviation(self, name, shape):
        if name.startswith("tables"):
            return 1 / np.sqrt(np.float32(self.lookups * shape[1]))
        return np.sqrt(np.float32(2) / np.float32(shape[1]))

    def inputs(self, batch, context):
        return "features", (batch, self.bottom[0].in_features)

    def draw_lookups(self, batch):
        self.indices = [torch.from_numpy(generator.zipf(SEED, f"tables.{t}.indices", batch * self.lookups,
                                                        table.num_embeddings, 1.05)).reshape(batch, self.lookups)
                        for t, table in enumerate(self.tables)]

    def use_sparse_gradients(self):
        for table in self.tables:
            table.sparse = True

    def forward(self, x):
        for layer in self.bottom:
            x = F.relu(layer(x))
        vectors = torch.stack([x] + [table(indices) for table, indices in zip(self.tables, self.indices)], 1)
        products = torch.bmm(vectors, vectors.transpose(1, 2))
        x = torch.cat([x, products[:, self.pairs[0], self.pairs[1]]], 1)
        for layer in self.top[:-1]:
            x = F.relu(layer(x))
        return self.top[-1](x)


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


def attend(qkv, heads, kv_heads, head_dim, causal, turn=None):
    """Projections side by side [B,T,(heads + 2 kv_heads) head_dim] to what the heads gather [B,T,heads head_dim]."""
    batch, length, _ = qkv.shape
    q, k, v = qkv.split((heads * head_dim, kv_heads * head_dim, kv_heads * head_dim), -1)
    q = q.reshape(batch, length, heads, head_dim).transpose(1, 2)
    k = k.reshape(batch, length, kv_heads, head_dim).transpose(1, 2)
    v = v.reshape(batch, length, kv_heads, head_dim).transpose(1, 2)
    if turn:
        q, k = turn(q), turn(k)
    # Each key head serves heads / kv_heads query heads that follow one another.
    k, v = (part.repeat_interleave(heads // kv_heads, 1) for part in (k, v))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return y.transpose(1, 2).reshape(batch, length, heads * head_dim)


class RmsNorm(nn.Module):
    def __init__(self, width, epsilon):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon))


class LlamaBlock(nn.Module):
    def __init__(self, hidden, heads, kv_heads, head_dim, feed_forward, theta):
        super().__init__()
        self.heads, self.kv_heads, self.head_dim, self.theta = heads, kv_heads, head_dim, theta
        self.input_norm = RmsNorm(hidden, 1e-5)
        self.attn = nn.Module()
        self.attn.qkv = nn.Linear(hidden, (heads + 2 * kv_heads) * head_dim, bias=False)
        self.attn.output = nn.Linear(heads * head_dim, hidden, bias=False)
        self.post_norm = RmsNorm(hidden, 1e-5)
        self.mlp = nn.Module()
        self.mlp.gate = nn.Linear(hidden, feed_forward, bias=False)
        self.mlp.up = nn.Linear(hidden, feed_forward, bias=False)
        self.mlp.down = nn.Linear(feed_forward, hidden, bias=False)

    def turn(self, x):
        """x [B,heads,T,D]; the halves of a head are turned against each other."""
        place = torch.arange(x.shape[2], dtype=torch.float64, device=x.device)
        pair = torch.arange(0, self.head_dim, 2, dtype=torch.float64, device=x.device)
        angle = torch.outer(place, self.theta ** (-pair / self.head_dim))
        angle = torch.cat([angle, angle], -1)
        first, second = x.chunk(2, -1)
        return x * angle.cos().to(x.dtype) + torch.cat([-second, first], -1) * angle.sin().to(x.dtype)

    def forward(self, x):
        qkv = self.attn.qkv(self.input_norm(x))
        x = x + self.attn.output(attend(qkv, self.heads, self.kv_heads, self.head_dim, True, self.turn))
        n = self.post_norm(x)
        return x + self.mlp.down(F.silu(self.mlp.gate(n)) * self.mlp.up(n))


class Llama(Family):
    def __init__(self, layers, hidden, heads, kv_heads, head_dim, feed_forward, vocabulary, untied_head=False,
                 theta=1e4):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.layers = nn.ModuleList(LlamaBlock(hidden, heads, kv_heads, head_dim, feed_forward, theta)
                                    for _ in range(layers))
        self.norm = RmsNorm(hidden, 1e-5)
        if untied_head:
            self.head = nn.Linear(hidden, vocabulary, bias=False)
        self.untied_head, self.classes = untied_head, vocabulary

    def deviation(self, name, shape):
        ends = name.endswith("attn.output.weight") or name.endswith("mlp.down.weight")
        return np.float32(0.02) / np.sqrt(np.float32(2 * len(self.layers))) if ends else 0.02

    def inputs(self, batch, context):
        return "tokens", (batch, context)

    def forward(self, tokens):
        x = self.embedding(tokens)
        for block in self.layers:
            x = block(x)
        return F.linear(self.norm(x), self.head.weight if self.untied_head else self.embedding.weight)


class Router(nn.Module):
    """models/kernels/routing.h: the experts of largest probability, or such as a skewed routing draws."""

    def __init__(self, experts, hidden, chosen, renormalise, skew, key):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(experts, hidden))
        self.chosen, self.renormalise, self.skew, self.key = chosen, renormalise, skew, key
        self.margin = math.inf  # between what was chosen and what wasn't, the smallest so far

    def draw(self, batch, length):
        experts = self.weight.shape[0]
        rank = (np.arange(experts, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(self.key % experts)) % experts
        place = np.arange(batch, dtype=np.uint64)[:, None] * np.uint64(1 << 24) + np.arange(length, dtype=np.uint64)
        index = place[..., None] * np.uint64(experts) + np.arange(experts, dtype=np.uint64)
        u = (generator.bits_at(self.key, index) >> np.uint64(11)).astype(np.float64) + 0.5
        return torch.from_numpy(np.log(u * 2.0**-53) * (1 + rank.astype(np.float64)) ** self.skew)

    def forward(self, n):
        """n [B,T,H]; weights and experts [B,T,chosen]"""
        p = F.softmax(F.linear(n, self.weight), -1)
        scores = self.draw(*n.shape[:2]) if self.skew else p.detach()
        sorted_scores, order = scores.sort(-1, descending=True)
        gap = sorted_scores[..., self.chosen - 1] - sorted_scores[..., self.chosen]
        self.margin = min(self.margin, gap.min().item())
        experts = order[..., :self.chosen]
        weights = p.gather(-1, experts)
        return weights / weights.sum(-1, keepdim=True) if self.renormalise else weights, experts


class Experts(nn.Module):
    def __init__(self, experts, hidden, feed_forward):
        super().__init__()
        for name, shape in (("gate", (feed_forward, hidden)), ("up", (feed_forward, hidden)),
                            ("down", (hidden, feed_forward))):
            part = nn.Module()
            part.weight = nn.Parameter(torch.empty(experts, *shape))
            setattr(self, name, part)

    def forward(self, n, weights, experts):
        y = torch.zeros_like(n)
        for e in range(self.gate.weight.shape[0]):
            share = (weights * (experts == e)).sum(-1, keepdim=True)
            gate, up = F.linear(n, self.gate.weight[e]), F.linear(n, self.up.weight[e])
            y = y + share * F.linear(F.silu(gate) * up, self.down.weight[e])
        return y


class MoeBlock(nn.Module):
    """Llama's, with experts for its feed-forward part, and perhaps normalised queries and keys."""

    turn = LlamaBlock.turn

    def __init__(self, index, hidden, heads, kv_heads, head_dim, feed_forward, experts, chosen, renormalise, skew,
                 shared_feed_forward, head_norm, bias, theta, epsilon):
        super().__init__()
        self.heads, self.kv_heads, self.head_dim, self.theta = heads, kv_heads, head_dim, theta
        self.head_norm = head_norm
        self.input_norm = RmsNorm(hidden, epsilon)
        self.attn = nn.Module()
        if head_norm:
            self.attn.q = nn.Linear(hidden, heads * head_dim, bias=bias)
            self.attn.k = nn.Linear(hidden, kv_heads * head_dim, bias=bias)
            self.attn.v = nn.Linear(hidden, kv_heads * head_dim, bias=bias)
            self.attn.q_norm = RmsNorm(head_dim if head_norm == "each" else heads * head_dim, epsilon)
            self.attn.k_norm = RmsNorm(head_dim if head_norm == "each" else kv_heads * head_dim, epsilon)
        else:
            self.attn.qkv = nn.Linear(hidden, (heads + 2 * kv_heads) * head_dim, bias=bias)
        self.attn.output = nn.Linear(heads * head_dim, hidden, bias=False)
        self.post_norm = RmsNorm(hidden, epsilon)
        self.mlp = nn.Module()
        self.mlp.router = Router(experts, hidden, chosen, renormalise, skew,
                                 generator.key_of(SEED, f"layers.{index}.mlp.route"))
        self.mlp.experts = Experts(experts, hidden, feed_forward)
        if shared_feed_forward:
            self.mlp.shared = nn.Module()
            self.mlp.shared.gate = nn.Linear(hidden, shared_feed_forward, bias=False)
            self.mlp.shared.up = nn.Linear(hidden, shared_feed_forward, bias=False)
            self.mlp.shared.down = nn.Linear(shared_feed_forward, hidden, bias=False)
            self.mlp.shared_gate = nn.Linear(hidden, 1, bias=False)

    def normalise(self, x, norm):
        if self.head_norm == "all":
            return norm(x)
        return norm(x.unflatten(-1, (-1, self.head_dim))).flatten(-2)

    def project(self, x):
        if not self.head_norm:
            return self.attn.qkv(x)
        return torch.cat([self.normalise(self.attn.q(x), self.attn.q_norm),
                          self.normalise(self.attn.k(x), self.attn.k_norm), self.attn.v(x)], -1)

    def forward(self, x):
        qkv = self.project(self.input_norm(x))
        x = x + self.attn.output(attend(qkv, self.heads, self.kv_heads, self.head_dim, True, self.turn))
        n = self.post_norm(x)
        y = self.mlp.experts(n, *self.mlp.router(n))
        if hasattr(self.mlp, "shared"):
            shared = self.mlp.shared
            y = y + self.mlp.shared_gate(n).sigmoid() * shared.down(F.silu(shared.gate(n)) * shared.up(n))
        return x + y


class Moe(Llama):
    def __init__(self, layers, hidden, heads, kv_heads, head_dim, feed_forward, vocabulary, experts, chosen,
                 renormalise=False, skew=0, shared_feed_forward=0, head_norm=None, bias=False, theta=1e4, epsilon=1e-5):
        super().__init__(0, hidden, heads, kv_heads, head_dim, feed_forward, vocabulary, True)
        self.norm.epsilon = epsilon
        self.layers = nn.ModuleList(MoeBlock(i, hidden, heads, kv_heads, head_dim, feed_forward, experts, chosen,
                                             renormalise, skew, shared_feed_forward, head_norm, bias, theta, epsilon)
                                    for i in range(layers))

    def deviation(self, name, shape):
        if name == "embedding.weight":
            return 1
        ends = name.endswith("attn.output.weight") or name.endswith(".down.weight")
        return np.float32(0.02) / np.sqrt(np.float32(2 * len(self.layers))) if ends else 0.02

    def margin(self):
        return min(block.mlp.router.margin for block in self.layers)


class EncoderBlock(nn.Module):
    """norm_first as in ViT, else as in BERT."""

    def __init__(self, hidden, heads, feed_forward, epsilon, norm_first):
        super().__init__()
        self.heads, self.norm_first = heads, norm_first
        self.attention = nn.Module()
        self.attention.qkv = nn.Linear(hidden, 3 * hidden)
        self.attention.output = nn.Linear(hidden, hidden)
        self.norm1 = nn.LayerNorm(hidden, epsilon)
        self.mlp = nn.Module()
        self.mlp.fc1 = nn.Linear(hidden, feed_forward)
        self.mlp.fc2 = nn.Linear(feed_forward, hidden)
        self.norm2 = nn.LayerNorm(hidden, epsilon)

    def gather(self, x):
        y = attend(self.attention.qkv(x), self.heads, self.heads, x.shape[-1] // self.heads, False)
        return self.attention.output(y)

    def feed_forward(self, x):
        return self.mlp.fc2(F.gelu(self.mlp.fc1(x)))

    def forward(self, x):
        if self.norm_first:
            x = x + self.gather(self.norm1(x))
            return x + self.feed_forward(self.norm2(x))
        x = self.norm1(x + self.gather(x))
        return self.norm2(x + self.feed_forward(x))


class Bert(Family):
    """Ends with the pooler (DistilBERT: with the encoder); in training a classifier follows."""

    def __init__(self, layers, hidden, heads, feed_forward=None, types=2, vocabulary=30522, positions=512,
                 classes=2):
        super().__init__()
        self.embeddings = nn.Module()
        self.embeddings.word = nn.Embedding(vocabulary, hidden)
        self.embeddings.position = nn.Embedding(positions, hidden)
        if types:
            self.embeddings.token_type = nn.Embedding(types, hidden)
        self.embeddings.norm = nn.LayerNorm(hidden, 1e-12)
        self.layer = nn.ModuleList(EncoderBlock(hidden, heads, feed_forward or 4 * hidden, 1e-12, False)
                                   for _ in range(layers))
        self.pooler = nn.Linear(hidden, hidden)
        self.classifier = nn.Linear(hidden, classes)
        self.vocabulary, self.types, self.classes = vocabulary, types, classes

    def deviation(self, name, shape):
        return 0.02

    def inputs(self, batch, context):
        return "tokens", (batch, context)

    def forward(self, x):
        """x [B,T] tokens, or with types [2,B,T]: tokens and types"""
        tokens = x[0] if self.types else x
        y = self.embeddings.word(tokens) + self.embeddings.position.weight[: tokens.shape[1]]
        if self.types:
            y = y + self.embeddings.token_type(x[1])
        y = self.embeddings.norm(y)
        for block in self.layer:
            y = block(y)
        if not self.types and not self.training:
            return y
        y = self.pooler(y[:, 0])
        y = torch.tanh(y) if self.types else F.relu(y)
        return self.classifier(y) if self.training else y


class Vit(Family):
    def __init__(self, hidden, heads, layers=12, side=224, patch=16, classes=1000):
        super().__init__()
        self.patches = nn.Conv2d(3, hidden, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(hidden))
        self.positions = nn.Embedding((side // patch) ** 2 + 1, hidden)
        self.layer = nn.ModuleList(EncoderBlock(hidden, heads, 4 * hidden, 1e-6, True) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden, 1e-6)
        self.head = nn.Linear(hidden, classes)
        self.side, self.classes = side, classes

    def deviation(self, name, shape):
        return np.sqrt(np.float32(2) / np.float32(shape[1:].numel())) if name == "patches.weight" else 0.02

    def inputs(self, batch, context):
        return "images", (batch, self.side, self.side, 3)

    def forward(self, images):
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(len(x), 1, -1), x], 1) + self.positions.weight
        for block in self.layer:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


class Attention(nn.Module):
    """Of x to itself or to a memory; norm first, keys without bias."""

    def __init__(self, hidden, heads):
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.q = nn.Linear(hidden, hidden)
        self.k = nn.Linear(hidden, hidden, bias=False)
        self.v = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, hidden)
        self.heads = heads

    def forward(self, x, memory=None, causal=False):
        y = self.norm(x)
        memory = y if memory is None else memory
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
                   for part in (self.q(y), self.k(memory), self.v(memory)))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return x + self.output(y.transpose(1, 2).flatten(2))


class WhisperMlp(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.fc1 = nn.Linear(hidden, 4 * hidden)
        self.fc2 = nn.Linear(4 * hidden, hidden)

    def forward(self, x):
        return x + self.fc2(F.gelu(self.fc1(self.norm(x))))


def whisper_layers(layers, hidden, heads, parts):
    return nn.ModuleList(nn.ModuleDict({part: WhisperMlp(hidden) if part == "mlp" else Attention(hidden, heads)
                                        for part in parts}) for _ in range(layers))


class Whisper(Family):
    """Its input are the audio's features; the text's tokens, which make_inputs draws, are kept beside them."""

    def __init__(self, layers, hidden, heads, feed_forward=None, vocabulary=51865, positions=448, frames=3000, mels=80):
        super().__init__()
        self.encoder, self.decoder = nn.Module(), nn.Module()
        self.encoder.conv1 = nn.Conv2d(mels, hidden, (3, 1), padding=(1, 0))
        self.encoder.conv2 = nn.Conv2d(hidden, hidden, (3, 1), (2, 1), (1, 0))
        self.encoder.layer = whisper_layers(layers, hidden, heads, ("attention", "mlp"))
        self.encoder.norm = nn.LayerNorm(hidden)
        self.decoder.tokens = nn.Embedding(vocabulary, hidden)
        self.decoder.positions = nn.Embedding(positions, hidden)
        self.decoder.layer = whisper_layers(layers, hidden, heads, ("attention", "cross", "mlp"))
        self.decoder.norm = nn.LayerNorm(hidden)
        rates = torch.exp(-math.log(10000) / (hidden // 2 - 1) * torch.arange(hidden // 2).double())
        angles = torch.outer(torch.arange(frames // 2).double(), rates)
        self.waves = torch.cat([angles.sin(), angles.cos()], 1)
        self.frames, self.mels, self.classes, self.text = frames, mels, vocabulary, None

    def deviation(self, name, shape):
        return np.sqrt(np.float32(2) / np.float32(shape[1:].numel())) if "conv" in name else 0.02

    def inputs(self, batch, context):
        return "log_mel", (batch, self.frames, 1, self.mels)

    def draw_tokens(self, batch, context):
        self.text = torch.from_numpy(generator.below(SEED, "tokens", batch * context, self.classes)).reshape(batch, context)

    def encode(self, features):
        x = F.gelu(self.encoder.conv1(features.permute(0, 3, 1, 2)))
        x = F.gelu(self.encoder.conv2(x)).flatten(2).transpose(1, 2) + self.waves.to(features.dtype)
        for block in self.encoder.layer:
            x = block["mlp"](block["attention"](x))
        return self.encoder.norm(x)

    def forward(self, features):
        memory = self.encode(features)
        x = self.decoder.tokens(self.text) + self.decoder.positions.weight[: self.text.shape[1]]
        for block in self.decoder.layer:
            x = block["attention"](x, causal=True)
            x = block["mlp"](block["cross"](x, memory))
        return F.linear(self.decoder.norm(x), self.decoder.tokens.weight)


class WhisperEncoder(Whisper):
    """The encoder alone."""

    def __init__(self, **given):
        super().__init__(**given)
        del self.decoder

    def forward(self, features):
        return self.encode(features)


class ConvNorm(nn.Conv2d):
    """A convolution without bias, its batch norm, and perhaps ReLU or ReLU6."""

    def __init__(self, inputs, outputs, kernel, stride=1, groups=1, relu=F.relu):
        super().__init__(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = relu

    def forward(self, x):
        x = self.norm(super().forward(x))
        return self.relu(x) if self.relu else x


class ResidualBlock(nn.Module):
    def __init__(self, inputs, width, stride, expansion):
        super().__init__()
        outputs = width * expansion
        if expansion == 1:
            self.conv1 = ConvNorm(inputs, width, 3, stride)
            self.conv2 = ConvNorm(width, width, 3, relu=False)
            self.parts = 2
        else:
            self.conv1 = ConvNorm(inputs, width, 1)
            self.conv2 = ConvNorm(width, width, 3, stride)
            self.conv3 = ConvNorm(width, outputs, 1, relu=False)
            self.parts = 3
        if stride != 1 or inputs != outputs:
            self.shortcut = ConvNorm(inputs, outputs, 1, stride, relu=False)

    def forward(self, x):
        y = self.conv2(self.conv1(x))
        if self.parts == 3:
            y = self.conv3(y)
        return F.relu(y + (self.shortcut(x) if hasattr(self, "shortcut") else x))


class Published(Family):
    """What the published image networks share: the mean over the image, then a linear layer."""

    def deviation(self, name, shape):
        return np.sqrt(np.float32(2) / np.float32(shape[1:].numel()))

    def inputs(self, batch, context):
        return "images", (batch, self.side, self.side, 3)

    def forward(self, images):
        return self.fc(self.features(images).mean((2, 3)))


class Resnet(Published):
    def __init__(self, blocks, expansion, side=224, classes=1000):
        super().__init__()
        self.conv1 = ConvNorm(3, 64, 7, 2)
        inputs = 64
        for stage, count in enumerate(blocks):
            width, made = 64 << stage, []
            for i in range(count):
                made.append(ResidualBlock(inputs, width, 2 if stage and not i else 1, expansion))
                inputs = width * expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*made))
        self.fc = nn.Linear(inputs, classes)
        self.side, self.classes = side, classes

    def features(self, images):
        x = F.max_pool2d(self.conv1(images), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, expansion, stride):
        super().__init__()
        wide = inputs * expansion
        if expansion > 1:
            self.expand = ConvNorm(inputs, wide, 1, relu=F.relu6)
        self.depthwise = ConvNorm(wide, wide, 3, stride, groups=wide, relu=F.relu6)
        self.project = ConvNorm(wide, outputs, 1, relu=False)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        y = self.expand(x) if hasattr(self, "expand") else x
        y = self.project(self.depthwise(y))
        return x + y if self.residual else y


class Mobilenet(Published):
    """Version 2."""

    STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))

    def __init__(self, side=224, classes=1000):
        super().__init__()
        self.stem = ConvNorm(3, 32, 3, 2, relu=F.relu6)
        inputs = 32
        for s, (expansion, outputs, count, stride) in enumerate(self.STAGES):
            made = []
            for i in range(count):
                made.append(InvertedResidual(inputs, outputs, expansion, 1 if i else stride))
                inputs = outputs
            setattr(self, f"stage{s}", nn.Sequential(*made))
        self.head = ConvNorm(320, 1280, 1, relu=F.relu6)
        self.fc = nn.Linear(1280, classes)
        self.side, self.classes = side, classes

    def features(self, images):
        x = self.stem(images)
        for s in range(len(self.STAGES)):
            x = getattr(self, f"stage{s}")(x)
        return self.head(x)


CLASSES = {"mlp": Mlp, "cnn": Cnn, "rnn": Rnn, "lstm": Lstm, "gru": Gru, "dlrm": Dlrm, "gpt2": Gpt2, "llama": Llama, "moe": Moe, "bert": Bert, "vit": Vit,
           "whisper": Whisper, "whisper-encoder": WhisperEncoder}
OF_SIZE = {"mobilenet-v2": Mobilenet, "resnet-18": Resnet, "resnet-50": Resnet}


def build(family, size, **changes):
    return OF_SIZE.get(size, CLASSES[family])(**dict(SIZES[size], **changes))


def make_inputs(model, batch, context, dtype="f32"):
    """The program's generated input and targets; images in PyTorch's order of dimensions."""
    name, shape = model.inputs(batch, context)
    count = math.prod(shape)
    if name == "tokens":
        limit = getattr(model, "vocabulary", model.classes)
        x = torch.from_numpy(generator.below(SEED, name, count, limit)).reshape(shape)
        if getattr(model, "types", 0):
            types = torch.from_numpy(generator.below(SEED, "types", count, model.types)).reshape(shape)
            x = torch.stack([x, types])
    else:
        values = generator.normal(SEED, name, count)
        x = torch.from_numpy(generator.round_bf16(values) if dtype == "bf16" else values).reshape(shape)
        if name == "images":
            x = x.permute(0, 3, 1, 2).contiguous()
    rows = (batch, context) if context and not isinstance(model, Bert) else (batch,)
    targets = torch.from_numpy(generator.below(SEED, "targets", math.prod(rows), model.classes)).reshape(rows)
    if isinstance(model, Whisper):
        model.draw_tokens(batch, context)
    if isinstance(model, Dlrm):
        model.draw_lookups(batch)
        targets = targets.float()[:, None]
    return x, targets


def loss_of(output, targets):
    """The mean over all rows: of yes or no where targets aren't classes. Where a model ends in softmax, its output is taken as logits, as the program does."""
    if targets.is_floating_point():
        return F.binary_cross_entropy_with_logits(output, targets.to(output.dtype))
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
