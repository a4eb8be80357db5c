"""Every op forward and backward, from PyTorch in double precision: data/ops.txt for test_ops.c.

Inputs are generated values (generator.py) as f32, or rounded to bf16 where the case says so; what is stored is the
exact result of those inputs, so a difference is the tested program's rounding. The loss that is differentiated is
mean((y - target)^2) with a generated target, unless the op is a loss itself.
"""
import gguf
import torch
import torch.nn.functional as F

import generator
from format import GoldenFile

SEED = 1

COMMENT = """\
Every op, forward and backward: made by tests/golden/generate.py with PyTorch, in double precision. See format.py.
y: the op's output; d.NAME: the gradient of the loss with respect to input NAME."""

ACTIVATIONS = {
    "none": lambda z: z,
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu6": F.relu6,
    "hard_sigmoid": F.hardsigmoid,
    "hard_swish": F.hardswish,
    "quick_gelu": lambda z: z * torch.sigmoid(1.702 * z),
}


# Types of weights only; gguf doesn't quantise to q4_K and q6_K (tests/unit/test_packed.c has those).
PACKED = {
    "f16": gguf.GGMLQuantizationType.F16,
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
    "q4_0": gguf.GGMLQuantizationType.Q4_0,
}


class Inputs:
    """Makes a case's inputs and remembers those that are differentiated."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.differentiated = {}
        self.loss = None  # where the op is one
        self.running = {}  # buffers that the op moves

    def __getattr__(self, name):
        return self.parameters[name]

    def make(self, name, shape, scale=1.0, dtype=None, kind="normal", gradient=True):
        count = 1
        for size in shape:
            count *= size
        fill = {"normal": generator.normal, "uniform": generator.uniform, "heavy_tailed": generator.heavy_tailed}
        values = fill[kind](SEED, name, count) * generator.np.float32(scale)
        dtype = dtype or self.dtype
        if dtype == "bf16":
            values = generator.round_bf16(values)
        elif dtype in PACKED:
            rows = values.reshape(-1, shape[-1])
            values = gguf.quants.dequantize(gguf.quants.quantize(rows, PACKED[dtype]), PACKED[dtype]).reshape(-1)
        tensor = torch.from_numpy(values.astype(generator.np.float64)).reshape(shape)
        if gradient:
            tensor.requires_grad_()
            self.differentiated[name] = tensor
        return tensor

    def indices(self, name, shape, limit, first=0):
        count = 1
        for size in shape:
            count *= size
        return torch.from_numpy(generator.below(SEED, name, count, limit - first) + first).reshape(shape)


def linear(i):
    x = i.make("x", (i.batch, i.inputs))
    weight = i.make("weight", (i.outputs, i.inputs), 0.3)
    bias = i.make("bias", (i.outputs,), dtype="f32") if i.bias else None
    return ACTIVATIONS[i.activation](F.linear(x, weight, bias))


def packed_linear(i):
    """A packed weight, drawn with outliers, and x in f32."""
    x = i.make("x", (i.batch, i.inputs), dtype="f32", gradient=False)
    weight = i.make("weight", (i.outputs, i.inputs), 0.3, kind="heavy_tailed", gradient=False)
    bias = i.make("bias", (i.outputs,), dtype="f32", gradient=False) if i.bias else None
    return ACTIVATIONS[i.activation](F.linear(x, weight, bias))


def packed_embedding(i):
    tokens = i.indices("tokens", (i.batch, i.length), i.vocabulary)
    table = i.make("table", (i.vocabulary, i.width), gradient=False)
    y = F.embedding(tokens, table)
    return F.linear(y, table) if i.tied else y


def experts(i, packed=False):
    """A whole routed layer, from a router's scores on: softmax, top_k, dispatch, expert_linear, combine."""
    dtype = "f32" if packed else i.dtype
    kind = "heavy_tailed" if packed else "normal"
    x = i.make("x", (i.batch, i.length, i.inputs), dtype=dtype, gradient=not packed)
    scores = i.make("scores", (i.batch, i.length, i.experts), dtype="f32", gradient=not packed)
    gate = i.make("gate", (i.experts, i.width, i.inputs), 0.3, kind=kind, gradient=not packed)
    up = i.make("up", (i.experts, i.width, i.inputs), 0.3, kind=kind, gradient=not packed)
    down = i.make("down", (i.experts, i.inputs, i.width), 0.3, kind=kind, gradient=not packed)
    weights, chosen = F.softmax(scores, -1).topk(i.chosen, -1)
    if i.renormalise:
        weights = weights / weights.sum(-1, keepdim=True)
    y = torch.zeros_like(x)
    for e in range(i.experts):
        made = F.linear(F.silu(F.linear(x, gate[e])) * F.linear(x, up[e]), down[e])
        y = y + (weights * (chosen == e)).sum(-1, keepdim=True) * made
    return y


def packed_experts(i):
    return experts(i, packed=True)


def gated_rows(i):
    """A weight for each row: what a shared expert's gate gives."""
    x = i.make("x", (i.batch, i.inputs))
    gate = i.make("gate", (1, i.inputs), 0.3)
    return x * F.linear(x, gate).sigmoid()


def residual_linear(i):
    """y = x + x W^T: the residual's gradient is both added to and multiplied."""
    x = i.make("x", (i.batch, i.inputs))
    weight = i.make("weight", (i.inputs, i.inputs), 0.3)
    return x + F.linear(x, weight)


def tied_linear(i):
    """The same weight twice: its gradient is a sum."""
    x = i.make("x", (i.batch, i.inputs))
    weight = i.make("weight", (i.inputs, i.inputs), 0.3)
    return F.linear(torch.tanh(F.linear(x, weight)), weight)


def conv(i):
    x = i.make("x", (i.batch, i.height, i.width, i.channels))
    filters = i.make("filters", (i.outputs, i.kernel_h, i.kernel_w, i.channels // i.groups), 0.3)
    bias = i.make("bias", (i.outputs,), dtype="f32") if i.bias else None
    y = F.conv2d(x.permute(0, 3, 1, 2), filters.permute(0, 3, 1, 2), bias, (i.stride_h, i.stride_w),
                 (i.pad_h, i.pad_w), (i.dilation_h, i.dilation_w), i.groups)
    return ACTIVATIONS[i.activation](y.permute(0, 2, 3, 1))


def max_pool(i):
    x = i.make("x", (i.batch, i.height, i.width, i.channels))
    y = F.max_pool2d(x.permute(0, 3, 1, 2), (i.kernel_h, i.kernel_w), (i.stride_h, i.stride_w), (i.pad_h, i.pad_w),
                     (i.dilation_h, i.dilation_w))
    return y.permute(0, 2, 3, 1)


def average_pool(i):
    x = i.make("x", (i.batch, i.height, i.width, i.channels))
    y = F.avg_pool2d(x.permute(0, 3, 1, 2), (i.kernel_h, i.kernel_w), (i.stride_h, i.stride_w), (i.pad_h, i.pad_w),
                     count_include_pad=bool(i.count_padding))
    return y.permute(0, 2, 3, 1)


def embedding(i):
    tokens = i.indices("tokens", (i.batch, i.length), i.vocabulary)
    table = i.make("table", (i.vocabulary, i.width))
    y = F.embedding(tokens, table)
    if i.positions:
        y = y + i.make("positions", (i.positions, i.width))[: i.length]
    # Tied: the table is the head's matrix too.
    return F.linear(y, table) if i.tied else y


def embedding_bag(i):
    indices = i.indices("indices", (i.batch, i.length), i.rows)
    return F.embedding_bag(indices, i.make("table", (i.rows, i.width)), mode="sum")


def interaction(i):
    """As facebookresearch/dlrm's interact_features: the lower triangle, row by row, behind the first vector."""
    vectors = [i.make(f"v{k}", (i.batch, i.width)) for k in range(i.vectors)]
    t = torch.stack(vectors, 1)
    high, low = torch.tril_indices(i.vectors, i.vectors, -1)
    return torch.cat([vectors[0], torch.bmm(t, t.transpose(1, 2))[:, high, low]], 1)


def layer_norm(i):
    x = i.make("x", (i.batch, i.width), 2.0)
    gamma = i.make("gamma", (i.width,), dtype="f32")
    beta = i.make("beta", (i.width,), dtype="f32")
    y = F.layer_norm(x, (i.width,), gamma, beta, 1e-5)
    return x + y if i.residual else y


def rms_norm(i):
    x = i.make("x", (i.batch, i.width), 2.0)
    gamma = i.make("gamma", (i.width,), dtype="f32")
    y = F.rms_norm(x, (i.width,), gamma, 1e-5)
    return x + y if i.residual else y


def rope(i):
    """As Hugging Face's Llama turns them: halves of a head, the value heads as they are."""
    heads, dim = i.heads + 2 * i.kv_heads, i.head_dim
    x = i.make("x", (i.batch, i.length, heads * dim))
    angle = torch.outer(torch.arange(i.length).double(),
                        i.theta ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim))
    cosine, sine = torch.cat([angle, angle], -1).cos()[:, None], torch.cat([angle, angle], -1).sin()[:, None]
    parts = x.reshape(i.batch, i.length, heads, dim)
    turned, values = parts.split((i.heads + i.kv_heads, i.kv_heads), 2)
    first, second = turned.chunk(2, -1)
    turned = turned * cosine + torch.cat([-second, first], -1) * sine
    return torch.cat([turned, values], 2).reshape(x.shape)


def prepend(i):
    x = i.make("x", (i.batch, i.length, i.width))
    token = i.make("token", (i.width,), dtype="f32")
    positions = i.make("positions", (i.length + 1, i.width))
    return torch.cat([token.expand(i.batch, 1, i.width), x], 1) + positions


def head_linear(i):
    x = i.make("x", (i.batch, i.heads * i.inputs)).unflatten(1, (i.heads, i.inputs))
    weight = i.make("weight", (i.heads * i.outputs, i.inputs), 0.3).unflatten(0, (i.heads, i.outputs))
    return torch.einsum("bhk,hnk->bhn", x, weight).flatten(1)


def join(i):
    parts = [i.make(name, (i.batch, i.heads * width)).unflatten(1, (i.heads, width))
             for name, width in (("x", i.width), ("other", i.parameters["other"]))]
    return torch.cat(parts, 2).flatten(1)


def part(i):
    x = i.make("x", (i.batch, i.heads * i.width)).unflatten(1, (i.heads, i.width))
    return x[:, :, i.first:i.first + i.parameters["count"]].flatten(1)


def channel_scale(i):
    x = i.make("x", (i.groups, i.length, i.width))
    if i.shared:
        return x * i.make("factors", (i.width,), dtype="f32")
    return x * i.make("factors", (i.groups, i.width))[:, None]


def contrastive(i):
    x = i.make("x", (i.batch, i.batch))
    y = i.make("temperature", (1,)).exp() * x
    pairs = torch.arange(i.batch)
    i.loss = (F.cross_entropy(y, pairs) + F.cross_entropy(y.T, pairs)) / 2
    return y


def pick(i):
    return i.make("x", (i.batch, i.length, i.width))[:, i.position]


def residual_block(i):
    """As in a residual network: x + norm(conv(relu(norm(depthwise(x)))))."""
    x = i.make("x", (i.batch, i.height, i.width, i.channels))
    y = x.permute(0, 3, 1, 2)
    for name, groups in (("depthwise", i.channels), ("pointwise", 1)):
        kernel = 3 if groups > 1 else 1
        filters = i.make(f"{name}.filters", (i.channels, kernel, kernel, i.channels // groups), 0.3)
        gamma = i.make(f"{name}.gamma", (i.channels,), dtype="f32")
        beta = i.make(f"{name}.beta", (i.channels,), dtype="f32")
        y = F.conv2d(y, filters.permute(0, 3, 1, 2), padding=kernel // 2, groups=groups)
        y = F.batch_norm(y, None, None, gamma, beta, True, 0.1, 1e-5)
        y = F.relu(y) if groups > 1 else y
    return F.relu(x + y.permute(0, 2, 3, 1))


def batch_norm(i):
    x = i.make("x", (i.batch, i.height, i.width, i.channels), 2.0)
    gamma = i.make("gamma", (i.channels,), dtype="f32")
    beta = i.make("beta", (i.channels,), dtype="f32")
    mean = i.make("mean", (i.channels,), dtype="f32", gradient=False)
    variance = i.make("variance", (i.channels,), 2.0, dtype="f32", kind="uniform", gradient=False)
    i.running = {"mean": mean, "variance": variance}
    y = F.batch_norm(x.permute(0, 3, 1, 2), mean, variance, gamma, beta, bool(i.training), 0.1, 1e-5)
    y = y.permute(0, 2, 3, 1)
    return F.relu(y) if i.relu else y


def softmax(i):
    return F.softmax(i.make("x", (i.batch, i.width), 3.0), -1)


def attend(i, q, k, v, mask):
    """softmax(QKᵀ/√D + bias by distance, beside a sink) V, [B,H,T,D]; query t stands at t + S - T."""
    heads, length, kv_length = q.shape[1], q.shape[2], k.shape[2]
    k, v = (x.repeat_interleave(heads // x.shape[1], 1) for x in (k, v))
    scores = q @ k.transpose(2, 3) / q.shape[-1] ** 0.5
    if "biased" in i.parameters:
        bias = i.make("bias", (heads, length + kv_length - 1), dtype="f32")
        apart = torch.arange(length)[:, None] - torch.arange(kv_length)[None, :] + kv_length - 1
        scores = scores + bias[:, apart]
    scores = scores.masked_fill(~mask, -torch.inf)
    if "sunk" in i.parameters:
        sinks = i.make("sinks", (heads,), dtype="f32")[:, None, None].expand(q.shape[0], -1, length, 1)
        return F.softmax(torch.cat([scores, sinks], -1), -1)[..., :-1] @ v
    return F.softmax(scores, -1) @ v


def relative_bias(i):
    """T5's, by the code of the transformers package."""
    from transformers.models.t5.modeling_t5 import T5Attention

    table = i.make("table", (i.buckets, i.heads))
    apart = i.length - 1 - torch.arange(i.length + i.kv_length - 1)  # of the key from the query
    bucket = T5Attention._relative_position_bucket(apart, bidirectional=not i.causal, num_buckets=i.buckets,
                                                   max_distance=i.farthest)
    return table[bucket].T


def attention(i):
    heads, groups, dim, length = i.heads, i.kv_heads, i.head_dim, i.length
    qkv = i.make("qkv", (i.batch, length, (heads + 2 * groups) * dim))
    q, k, v = qkv.split((heads * dim, groups * dim, groups * dim), -1)
    q = q.reshape(i.batch, length, heads, dim).transpose(1, 2)
    k = k.reshape(i.batch, length, groups, dim).transpose(1, 2)
    v = v.reshape(i.batch, length, groups, dim).transpose(1, 2)
    query, key = torch.arange(length)[:, None], torch.arange(length)[None, :]
    mask = torch.ones(length, length, dtype=torch.bool)
    if i.causal:
        mask &= key <= query
    if i.window:
        mask &= key > query - i.window
    y = attend(i, q, k, v, mask)
    return y.transpose(1, 2).reshape(i.batch, length, heads * dim)


def cross_attention(i):
    dim = i.head_dim
    q = i.make("q", (i.batch, i.length, i.heads * dim))
    k = i.make("k", (i.batch, i.kv_length, i.kv_heads * dim))
    v = i.make("v", (i.batch, i.kv_length, i.kv_heads * dim))
    query, key, value = (t.reshape(i.batch, -1, t.shape[-1] // dim, dim).transpose(1, 2) for t in (q, k, v))
    mask = torch.ones(i.length, i.kv_length, dtype=torch.bool)
    if i.causal:
        mask = mask.tril(i.kv_length - i.length)
    y = attend(i, query, key, value, mask)
    return y.transpose(1, 2).reshape(i.batch, i.length, i.heads * dim)


def activation(i):
    return ACTIVATIONS[i.activation](i.make("x", (i.batch, i.width), 2.0))


def add(i):
    return i.make("x", (i.batch, i.width)) + i.make("other", (i.batch, i.width))


def add_repeated(i):
    """What is stored once is added to every sequence."""
    return i.make("x", (i.batch, i.length, i.width)) + i.make("other", (i.length, i.width))


def multiply(i):
    return i.make("x", (i.batch, i.width)) * i.make("other", (i.batch, i.width))


def square(i):
    x = i.make("x", (i.batch, i.width))
    return x * x


def cast(i):
    """Through the other dtype: f32 values are rounded to bf16 on the way, bf16 ones keep their values."""
    x = i.make("x", (i.batch, i.width))
    rounded = torch.from_numpy(generator.round_bf16(x.detach().numpy().astype(generator.np.float32))).double()
    return x + (rounded - x).detach()


def dropout(i):
    """The mask of the first step, by elementwise.h's and dropout.c's formula."""
    np = generator.np
    x = i.make("x", (i.batch, i.width))
    key = generator.mix((generator.key_of(SEED, "dropout") + 1) & generator.MASK)
    rate = np.float32(float(i.rate))
    keep = generator.uniform_of_key(key, x.numel()) >= rate
    factor = np.float32(1) / (np.float32(1) - rate)
    return x * torch.from_numpy(keep.astype(np.float64) * np.float64(factor)).reshape(x.shape)


def rnn(i):
    """torch.nn.RNN whose input part is the identity: x already holds the projection."""
    x = i.make("x", (i.batch, i.length, i.units), 0.7)
    u = i.make("u", (i.units, i.units), 0.7 / i.units**0.5)
    layer = torch.nn.RNN(i.units, i.units, nonlinearity=i.activation, bias=False, batch_first=True).double()
    weights = {"weight_ih_l0": torch.eye(i.units, dtype=torch.float64), "weight_hh_l0": u}
    return torch.func.functional_call(layer, weights, (x,))[0]


def lstm(i):
    """torch.nn.LSTM whose input part is the identity: x already holds the projection."""
    x = i.make("x", (i.batch, i.length, 4 * i.units), 0.7)
    u = i.make("u", (4 * i.units, i.units), 0.7 / i.units**0.5)
    layer = torch.nn.LSTM(4 * i.units, i.units, bias=False, batch_first=True).double()
    weights = {"weight_ih_l0": torch.eye(4 * i.units, dtype=torch.float64), "weight_hh_l0": u}
    return torch.func.functional_call(layer, weights, (x,))[0]


def gru(i):
    """torch.nn.GRU likewise; of its biases only the one inside the reset gate's product isn't in x."""
    x = i.make("x", (i.batch, i.length, 3 * i.units), 0.7)
    u = i.make("u", (3 * i.units, i.units), 0.7 / i.units**0.5)
    zeros = torch.zeros(3 * i.units, dtype=torch.float64)
    bias = i.make("bias", (i.units,), dtype="f32") if i.bias else zeros[: i.units]
    layer = torch.nn.GRU(3 * i.units, i.units, batch_first=True).double()
    weights = {"weight_ih_l0": torch.eye(3 * i.units, dtype=torch.float64), "weight_hh_l0": u, "bias_ih_l0": zeros,
               "bias_hh_l0": torch.cat([zeros[i.units :], bias])}
    return torch.func.functional_call(layer, weights, (x,))[0]


def cross_entropy(i):
    x = i.make("x", (i.batch, i.width), 2.0)
    targets = i.indices("targets", (i.batch,), i.width, -2 if i.ignored else 0)
    targets = torch.where(targets < 0, torch.full_like(targets, -100), targets)
    i.loss = F.cross_entropy(x, targets, ignore_index=-100)
    return x


def binary_cross_entropy(i):
    x = i.make("x", (i.batch, i.width), 3.0)
    targets = i.make("targets", (i.batch, i.width), dtype="f32", kind="uniform", gradient=False)
    i.loss = F.binary_cross_entropy_with_logits(x, targets)
    return x


def mean_squared_error(i):
    x = i.make("x", (i.batch, i.width))
    return x


def conv_case(size, outputs, kernel, stride=(1, 1), pad=(0, 0), dilation=(1, 1), groups=1, bias=1, activation="none",
              dtype="f32"):
    batch, height, width, channels = size
    return dict(op="conv", dtype=dtype, batch=batch, height=height, width=width, channels=channels, outputs=outputs,
                kernel_h=kernel[0], kernel_w=kernel[1], stride_h=stride[0], stride_w=stride[1], pad_h=pad[0],
                pad_w=pad[1], dilation_h=dilation[0], dilation_w=dilation[1], groups=groups, bias=bias,
                activation=activation)


def pool_case(op, size, kernel, stride, pad=(0, 0), dilation=(1, 1), count_padding=0, dtype="f32"):
    batch, height, width, channels = size
    return dict(op=op, dtype=dtype, batch=batch, height=height, width=width, channels=channels, kernel_h=kernel[0],
                kernel_w=kernel[1], stride_h=stride[0], stride_w=stride[1], pad_h=pad[0], pad_w=pad[1],
                dilation_h=dilation[0], dilation_w=dilation[1], count_padding=count_padding)


def linear_case(batch, inputs, outputs, bias, activation, dtype="f32"):
    return dict(op="linear", dtype=dtype, batch=batch, inputs=inputs, outputs=outputs, bias=bias,
                activation=activation)


def rope_case(length, heads, kv_heads, head_dim, theta, dtype):
    return dict(op="rope", dtype=dtype, batch=2, length=length, heads=heads, kv_heads=kv_heads, head_dim=head_dim,
                theta=theta)


def attention_case(length, heads, kv_heads, head_dim, causal, window=0, dtype="f32"):
    return dict(op="attention", dtype=dtype, batch=2, length=length, heads=heads, kv_heads=kv_heads,
                head_dim=head_dim, causal=causal, window=window)


def cross_case(length, kv_length, heads, kv_heads, head_dim, causal, dtype):
    return dict(op="cross_attention", dtype=dtype, batch=2, length=length, kv_length=kv_length, heads=heads,
                kv_heads=kv_heads, head_dim=head_dim, causal=causal)


def relative_case(length, kv_length, heads, buckets, farthest, causal):
    return dict(op="relative_bias", dtype="f32", length=length, kv_length=kv_length, heads=heads, buckets=buckets,
                farthest=farthest, causal=causal)


def cases():
    yield "relative_bias-causal", relative_case(300, 300, 3, 32, 128, 1)
    yield "relative_bias-both-ways", relative_case(200, 200, 2, 32, 128, 0)
    yield "relative_bias-long", relative_case(900, 1100, 1, 32, 1000, 0)
    yield "relative_bias-one", relative_case(1, 500, 4, 12, 40, 1)
    for kind in ACTIVATIONS:
        yield f"linear-{kind}", linear_case(5, 7, 9, 1, kind)
    yield "linear-no-bias", linear_case(5, 7, 9, 0, "none")
    yield "linear-one-row", linear_case(1, 300, 129, 1, "relu")
    for dtype in PACKED:
        shape = dict(dtype=dtype, training=0)
        for batch in (1, 3, 40):
            yield f"packed_linear-{batch}-{dtype}", dict(shape, op="packed_linear", batch=batch, inputs=352, outputs=70,
                                                         bias=batch % 2, activation="silu" if batch == 3 else "none")
        for tied in (0, 1):
            yield f"packed_experts-{dtype}-{tied}", dict(
                shape, op="packed_experts", batch=2, length=(1, 40)[tied], inputs=64, width=96, experts=6, chosen=2,
                renormalise=tied)
            yield f"packed_embedding-tied{tied}-{dtype}", dict(shape, op="packed_embedding", batch=2, length=9,
                                                               vocabulary=101, width=96, tied=tied)
    yield "linear-large", linear_case(70, 259, 131, 1, "gelu_tanh")
    for kind in ("none", "relu", "gelu_tanh"):
        yield f"linear-{kind}-bf16", linear_case(33, 65, 50, 1, kind, "bf16")
    for dtype in ("f32", "bf16"):
        shape = dict(op="experts", dtype=dtype, batch=2, length=9, inputs=20, width=26, experts=5, chosen=2, renormalise=0)
        yield f"experts-{dtype}", shape
        yield f"experts-renormalised-{dtype}", dict(shape, renormalise=1)
        yield f"experts-one-{dtype}", dict(shape, chosen=1)
        yield f"experts-all-{dtype}", dict(shape, chosen=5, renormalise=1)
        yield f"experts-unused-{dtype}", dict(shape, length=1, experts=40, chosen=3)
        yield f"experts-many-rows-{dtype}", dict(shape, length=90, experts=3)
        yield f"gated_rows-{dtype}", dict(op="gated_rows", dtype=dtype, batch=17, inputs=24)
        yield f"linear-residual-{dtype}", dict(op="residual_linear", dtype=dtype, batch=17, inputs=24)
        yield f"linear-tied-{dtype}", dict(op="tied_linear", dtype=dtype, batch=17, inputs=24)

    image = (2, 9, 11, 6)
    yield "conv-3x3", conv_case(image, 10, (3, 3), pad=(1, 1), activation="relu")
    yield "conv-one-channel", conv_case((2, 10, 10, 1), 16, (3, 3), pad=(1, 1), activation="relu")
    yield "conv-no-bias", conv_case(image, 10, (3, 3), bias=0)
    yield "conv-stride-2", conv_case(image, 10, (3, 3), stride=(2, 2), pad=(1, 1), activation="gelu")
    yield "conv-stride-uneven", conv_case(image, 7, (2, 3), stride=(3, 2), pad=(0, 2))
    yield "conv-7x7-stride-2", conv_case((1, 17, 15, 3), 8, (7, 7), stride=(2, 2), pad=(3, 3))
    yield "conv-dilated", conv_case(image, 10, (3, 3), pad=(2, 1), dilation=(2, 3))
    yield "conv-1x1", conv_case(image, 13, (1, 1), activation="silu")
    yield "conv-1x1-stride-2", conv_case(image, 13, (1, 1), stride=(2, 2))
    yield "conv-patch", conv_case((2, 8, 8, 3), 20, (4, 4), stride=(4, 4))
    yield "conv-groups-2", conv_case((2, 7, 7, 16), 12, (3, 3), pad=(1, 1), groups=2, activation="tanh")
    yield "conv-groups-thin", conv_case(image, 9, (3, 3), pad=(1, 1), groups=3)
    yield "conv-groups-1x1", conv_case((2, 5, 5, 32), 16, (1, 1), groups=2)
    yield "conv-depthwise", conv_case((2, 9, 11, 20), 20, (3, 3), pad=(1, 1), groups=20, activation="relu")
    yield "conv-depthwise-stride-2", conv_case((2, 9, 11, 20), 20, (5, 3), stride=(2, 2), pad=(2, 1), groups=20)
    yield "conv-depthwise-multiplier", conv_case(image, 12, (3, 3), pad=(1, 1), groups=6)
    yield "conv-3x3-bf16", conv_case((2, 9, 11, 16), 24, (3, 3), pad=(1, 1), activation="relu", dtype="bf16")
    yield "conv-stride-2-bf16", conv_case((2, 9, 11, 16), 24, (3, 3), stride=(2, 2), pad=(1, 1), dtype="bf16")
    yield "conv-depthwise-bf16", conv_case((2, 9, 11, 20), 20, (3, 3), pad=(1, 1), groups=20, dtype="bf16")

    for op in ("max_pool", "average_pool"):
        yield f"{op}-2x2", pool_case(op, image, (2, 2), (2, 2))
        yield f"{op}-overlapping", pool_case(op, image, (3, 3), (2, 2), (1, 1))
        yield f"{op}-uneven", pool_case(op, image, (3, 2), (1, 3), (1, 0))
        yield f"{op}-whole", pool_case(op, image, (9, 11), (9, 11))
    yield "max_pool-dilated", pool_case("max_pool", image, (2, 3), (1, 2), dilation=(2, 2))
    yield "average_pool-counts-padding", pool_case("average_pool", image, (3, 3), (2, 2), (1, 1), count_padding=1)
    yield "max_pool-bf16", pool_case("max_pool", image, (3, 3), (2, 2), (1, 1), dtype="bf16")
    yield "average_pool-bf16", pool_case("average_pool", image, (3, 3), (2, 2), (1, 1), dtype="bf16")

    yield "residual_block", dict(op="residual_block", dtype="f32", batch=3, height=6, width=7, channels=12)
    for batch in (1, 7, 50):
        yield f"contrastive-{batch}", dict(op="contrastive", dtype="f32", batch=batch)
    for dtype in ("f32", "bf16"):
        shape = dict(op="embedding", dtype=dtype, batch=3, length=7, vocabulary=11, width=20)
        yield f"embedding-{dtype}", dict(shape, positions=0, tied=0)
        yield f"embedding-positions-{dtype}", dict(shape, positions=10, tied=0)
        yield f"embedding-tied-{dtype}", dict(shape, positions=7, tied=1)
        for width in (40, 768):
            yield f"layer_norm-{width}-{dtype}", dict(op="layer_norm", dtype=dtype, batch=37, width=width, residual=0)
        yield f"layer_norm-residual-{dtype}", dict(op="layer_norm", dtype=dtype, batch=19, width=33, residual=1)
        for width in (40, 768):
            yield f"rms_norm-{width}-{dtype}", dict(op="rms_norm", dtype=dtype, batch=37, width=width, residual=0)
        yield f"rms_norm-residual-{dtype}", dict(op="rms_norm", dtype=dtype, batch=19, width=33, residual=1)
        yield f"rope-{dtype}", rope_case(9, 3, 3, 16, 10000, dtype)
        yield f"rope-grouped-{dtype}", rope_case(21, 6, 2, 10, 500000, dtype)
        yield f"rope-long-{dtype}", rope_case(600, 1, 1, 64, 10000, dtype)
        yield f"prepend-{dtype}", dict(op="prepend", dtype=dtype, batch=3, length=7, width=20)
        yield f"prepend-large-{dtype}", dict(op="prepend", dtype=dtype, batch=5, length=50, width=131)
        for heads in (1, 3):
            yield f"channel_scale-{heads}-{dtype}", dict(op="channel_scale", dtype=dtype, groups=3, length=25, width=37,
                                                         shared=heads % 2)
            yield f"head_linear-{heads}-{dtype}", dict(op="head_linear", dtype=dtype, batch=7, heads=heads, inputs=20,
                                                       outputs=9)
            yield f"join-{heads}-{dtype}", dict(op="join", dtype=dtype, batch=7, heads=heads, width=5, other=3)
            yield f"part-{heads}-{dtype}", dict(op="part", dtype=dtype, batch=7, heads=heads, width=9, first=2, count=4)
        for position in (0, 6):
            yield f"pick-{position}-{dtype}", dict(op="pick", dtype=dtype, batch=3, length=7, width=20, position=position)
        shape = dict(op="batch_norm", dtype=dtype, batch=3, height=5, width=7, channels=10)
        yield f"batch_norm-train-{dtype}", dict(shape, training=1, relu=0)
        yield f"batch_norm-train-relu-{dtype}", dict(shape, training=1, relu=1)
        yield f"batch_norm-eval-{dtype}", dict(shape, training=0, relu=0)
        yield f"batch_norm-eval-relu-{dtype}", dict(shape, training=0, relu=1)
        for width in (3, 10, 1001):
            yield f"softmax-{width}-{dtype}", dict(op="softmax", dtype=dtype, batch=23, width=width)
        for kind in ACTIVATIONS:
            if kind != "none":
                yield f"activation-{kind}-{dtype}", dict(op="activation", dtype=dtype, batch=13, width=171,
                                                         activation=kind)
        for op in ("add", "multiply", "square", "cast"):
            yield f"{op}-{dtype}", dict(op=op, dtype=dtype, batch=13, width=171)
        yield f"add-repeated-{dtype}", dict(op="add_repeated", dtype=dtype, batch=3, length=9, width=371)
        for rate in (0.1, 0.5):
            yield f"dropout-{rate}-{dtype}", dict(op="dropout", dtype=dtype, batch=13, width=371, rate=rate)
        for kind in ("relu", "tanh"):
            yield f"rnn-{kind}-{dtype}", dict(op="rnn", dtype=dtype, batch=5, length=9, units=24, activation=kind)
        yield f"rnn-wide-{dtype}", dict(op="rnn", dtype=dtype, batch=3, length=4, units=130, activation="tanh")
        yield f"rnn-one-step-{dtype}", dict(op="rnn", dtype=dtype, batch=2, length=1, units=17, activation="relu")
        for op in ("lstm", "gru"):
            shape = dict(op=op, dtype=dtype, **({"bias": 1} if op == "gru" else {}))
            yield f"{op}-{dtype}", dict(shape, batch=5, length=9, units=24)
            yield f"{op}-wide-{dtype}", dict(shape, batch=3, length=4, units=130)
            yield f"{op}-one-step-{dtype}", dict(shape, batch=2, length=1, units=17)
        yield f"gru-no-bias-{dtype}", dict(op="gru", dtype=dtype, batch=4, length=3, units=16, bias=0)
        for width in (10, 1003):
            yield f"cross_entropy-{width}-{dtype}", dict(op="cross_entropy", dtype=dtype, batch=29, width=width,
                                                         ignored=0)
        yield f"cross_entropy-ignored-{dtype}", dict(op="cross_entropy", dtype=dtype, batch=29, width=5, ignored=1)
        yield f"embedding_bag-{dtype}", dict(op="embedding_bag", dtype=dtype, batch=21, length=4, rows=30, width=16)
        yield f"embedding_bag-odd-{dtype}", dict(op="embedding_bag", dtype=dtype, batch=7, length=1, rows=5, width=91)
        yield f"interaction-{dtype}", dict(op="interaction", dtype=dtype, batch=19, vectors=6, width=16)
        yield f"interaction-odd-{dtype}", dict(op="interaction", dtype=dtype, batch=3, vectors=27, width=13)
        yield f"binary_cross_entropy-{dtype}", dict(op="binary_cross_entropy", dtype=dtype, batch=29, width=1)
        yield f"mean_squared_error-{dtype}", dict(op="mean_squared_error", dtype=dtype, batch=29, width=331)
        for causal in (0, 1):
            yield f"attention-causal{causal}-{dtype}", attention_case(19, 3, 3, 16, causal, dtype=dtype)
        yield f"attention-long-{dtype}", attention_case(150, 2, 2, 64, 1, dtype=dtype)
        yield f"attention-grouped-{dtype}", attention_case(21, 6, 2, 8, 1, dtype=dtype)
        yield f"attention-window-{dtype}", attention_case(40, 2, 2, 32, 1, 7, dtype=dtype)
        yield f"attention-odd-{dtype}", attention_case(5, 1, 1, 20, 1, dtype=dtype)
        yield f"attention-biased-{dtype}", dict(attention_case(75, 4, 2, 20, 1, dtype=dtype), biased=1)
        yield f"attention-both-ways-{dtype}", dict(attention_case(70, 2, 2, 16, 0, dtype=dtype), biased=1)
        yield f"attention-sunk-{dtype}", dict(attention_case(80, 4, 2, 24, 1, 17, dtype=dtype), sunk=1)
        yield f"attention-biased-sunk-{dtype}", dict(attention_case(19, 3, 1, 8, 1, dtype=dtype), biased=1, sunk=1)
        yield f"cross_attention-sunk-{dtype}", dict(cross_case(9, 75, 4, 2, 16, 1, dtype), sunk=1)
        yield f"cross_attention-biased-{dtype}", dict(cross_case(33, 90, 2, 2, 20, 0, dtype), biased=1)
        yield f"cross_attention-{dtype}", cross_case(7, 33, 3, 3, 16, 0, dtype)
        yield f"cross_attention-causal-{dtype}", cross_case(19, 19, 2, 2, 32, 1, dtype)
        yield f"cross_attention-behind-{dtype}", cross_case(5, 21, 2, 1, 20, 1, dtype)
        yield f"cross_attention-long-{dtype}", cross_case(70, 300, 2, 2, 64, 0, dtype)
        yield f"cross_attention-one-{dtype}", cross_case(1, 50, 4, 2, 8, 0, dtype)
        yield f"cross_attention-fewer-keys-{dtype}", cross_case(40, 6, 2, 2, 16, 0, dtype)


def write(path):
    out = GoldenFile(path, COMMENT)
    for name, parameters in cases():
        i = Inputs(parameters)
        y = globals()[parameters["op"]](i)
        loss = i.loss
        if loss is None:
            target = i.make("target", tuple(y.shape), dtype="f32", gradient=False)
            loss = (y - target).square().mean()
        out.case(name, **parameters)
        if not parameters.get("training", 1):
            out.tensor("y", y.detach())
            continue
        loss.backward()
        out.tensor("y", y.detach())
        out.tensor("loss", loss.detach())
        for input_name, tensor in i.differentiated.items():
            out.tensor("d." + input_name, tensor.grad)
        for buffer, tensor in i.running.items():
            out.tensor(buffer, tensor)
    out.write()
