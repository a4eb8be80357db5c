"""Image classifiers of the `torchvision` package, with the program's generated weights: data/torchvision.txt for
test_models.c.

    python3 -m venv venv && venv/bin/pip install torch numpy transformers torchvision
    venv/bin/python tests/golden/generate.py torchvision_models

Each case: the logits, the loss and the gradient of every weight, in double precision, as transformers_models.py has
them. Filters are [outputs, inputs, height, width] there and channels-last here; where the program has a linear layer, a
1x1 convolution is one.
"""
import functools

import numpy as np
import torch
import torch.nn.functional as F
import torchvision

import generator
from format import GoldenFile
from transformers_models import SEED, Plain, write_case

COMMENT = """\
Image classifiers: made by tests/golden/torchvision_models.py with the torchvision package, in double precision.
output; loss; d.NAME: the gradient of weight NAME."""

CLASSES = 50
LAYER_SCALE = 0.5


class Images(Plain):
    """`parts`: what a layer of ours is called there."""

    def __init__(self, family, size, model, side, parts, batch=2, **changes):
        super().__init__(family, size, model, context=0, side=side, classes=CLASSES, **changes)
        self.parts, self.side, self.batch = parts, side, batch
        for module in model.modules():
            if isinstance(module, (torch.nn.Dropout, torchvision.ops.StochasticDepth)):
                module.p = 0.0
        self.training = any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())

    def names(self):
        theirs = dict(self.model.named_parameters())
        for ours, name in self.parts:
            for kind in ("weight", "bias"):
                whole = f"{name}.{kind}"
                if whole in theirs:
                    yield f"{ours}.{kind}", self.laid_out(whole, theirs[whole])
            if name in theirs:
                yield ours, self.laid_out(name, theirs[name])

    def laid_out(self, name, tensor):
        if tensor.dim() == 4:
            return lambda get: get(name).permute(0, 2, 3, 1)
        return lambda get: get(name)

    def values(self, name, count):
        if name.endswith("bias"):
            return np.zeros(count, np.float32)
        if "norm" in ".".join(name.split(".")[-2:]):
            return np.ones(count, np.float32)
        if name.endswith(".scale"):
            return np.full(count, np.float32(LAYER_SCALE))
        return generator.normal(SEED, name, count) * np.float32(self.deviation(name))

    def deviation(self, name):
        """He's, of the inputs of each output."""
        theirs = dict(self.model.named_parameters())
        place = dict(self.names())[name]
        return np.sqrt(np.float32(2) / np.float32(place(lambda n: theirs[n])[0].numel()))

    def run(self):
        values = generator.normal(SEED, "images", self.batch * self.side * self.side * 3)
        x = torch.from_numpy(values).double().reshape(self.batch, self.side, self.side, 3).permute(0, 3, 1, 2)
        output = self.model.eval()(x)
        logits = self.model.train()(x) if self.training else output
        return output, F.cross_entropy(logits, self.draw("targets", CLASSES, self.batch))


def conv_parts(ours, theirs):
    return [(ours, theirs + ".0"), (ours + ".norm", theirs + ".1")]


def inverted_parts(block, ours, theirs):
    """Of a block whose layers lie in a row: which they are shows in their kinds."""
    layers, parts = list(block), []
    for at, layer in enumerate(layers):
        name = f"{theirs}.{at}"
        if isinstance(layer, torchvision.ops.SqueezeExcitation):
            parts += [(ours + ".excite.reduce", name + ".fc1"), (ours + ".excite.expand", name + ".fc2")]
        elif layer[0].groups > 1:
            parts += conv_parts(ours + ".depthwise", name)
        else:
            parts += conv_parts(ours + (".project" if at == len(layers) - 1 else ".expand"), name)
    return parts


def mobilenet_v2():
    model = torchvision.models.mobilenet_v2(num_classes=CLASSES)
    parts, at = conv_parts("stem", "features.0"), 1
    for stage, count in enumerate((1, 2, 3, 4, 3, 3, 1)):
        for i in range(count):
            block, whole, ours = model.features[at].conv, f"features.{at}.conv", f"stage{stage}.{i}"
            last = len(block) - 2
            for k in range(last):
                parts += conv_parts(ours + (".depthwise" if block[k][0].groups > 1 else ".expand"), f"{whole}.{k}")
            parts += [(ours + ".project", f"{whole}.{last}"), (ours + ".project.norm", f"{whole}.{last + 1}")]
            at += 1
    parts += conv_parts("head", f"features.{at}") + [("fc", "classifier.1")]
    return Images("cnn", "mobilenet-v2", model, 64, parts)


def mobilenet_v3(kind):
    model = getattr(torchvision.models, f"mobilenet_v3_{kind}")(num_classes=CLASSES)
    parts = conv_parts("stem", "features.0")
    for i, block in enumerate(model.features[1:-1]):
        parts += inverted_parts(block.block, f"block{i}", f"features.{i + 1}.block")
    parts += conv_parts("head", f"features.{len(model.features) - 1}") + [("wide", "classifier.0"), ("fc", "classifier.3")]
    return Images("cnn", f"mobilenet-v3-{kind}", model, 64, parts)


def efficientnet(kind):
    model = getattr(torchvision.models, f"efficientnet_{kind}")(num_classes=CLASSES)
    parts = conv_parts("stem", "features.0")
    for s, stage in enumerate(model.features[1:-1]):
        for i, block in enumerate(stage):
            parts += inverted_parts(block.block, f"stage{s}.{i}", f"features.{s + 1}.{i}.block")
    parts += conv_parts("head", f"features.{len(model.features) - 1}") + [("fc", "classifier.1")]
    return Images("cnn", f"efficientnet-{kind}", model, 64, parts)


def convnext():
    """Its scales begin at nearly nothing, which would hide the blocks."""
    model = torchvision.models.convnext_tiny(num_classes=CLASSES, layer_scale=LAYER_SCALE)
    parts = [("stem", "features.0.0"), ("stem.norm", "features.0.1"), ("norm", "classifier.0"), ("fc", "classifier.2")]
    for stage in range(4):
        for i in range(len(model.features[1 + 2 * stage])):
            ours, theirs = f"stage{stage}.{i}", f"features.{1 + 2 * stage}.{i}"
            parts += [(ours + ours_part, theirs + part) for ours_part, part in (
                (".depthwise", ".block.0"), (".norm", ".block.2"), (".fc1", ".block.3"), (".fc2", ".block.5"),
                (".scale", ".layer_scale"))]
        if stage:
            parts += [(f"down{stage}.norm", f"features.{2 * stage}.0"), (f"down{stage}", f"features.{2 * stage}.1")]
    return Images("cnn", "convnext-tiny", model, 64, parts, layer_scale=LAYER_SCALE)


def densenet():
    model = torchvision.models.densenet121(num_classes=CLASSES)
    parts = [("stem", "features.conv0"), ("stem.norm", "features.norm0"), ("norm", "features.norm5"), ("fc", "classifier")]
    for b, layers in enumerate((6, 12, 24, 16)):
        for i in range(layers):
            ours, theirs = f"block{b}.{i}", f"features.denseblock{b + 1}.denselayer{i + 1}"
            parts += [(ours + ".norm", theirs + ".norm1"), (ours + ".conv1", theirs + ".conv1"),
                      (ours + ".conv1.norm", theirs + ".norm2"), (ours + ".conv2", theirs + ".conv2")]
        if b < 3:
            ours, theirs = f"transition{b}", f"features.transition{b + 1}"
            parts += [(ours + ".norm", theirs + ".norm"), (ours + ".conv", theirs + ".conv")]
    return Images("cnn", "densenet-121", model, 64, parts)


CASES = [
    ("mobilenet-v2", mobilenet_v2),
    ("mobilenet-v3-large", functools.partial(mobilenet_v3, "large")),
    ("mobilenet-v3-small", functools.partial(mobilenet_v3, "small")),
    ("efficientnet-b0", functools.partial(efficientnet, "b0")),
    ("convnext", convnext),
    ("densenet", densenet),
]


def write(path):
    out = GoldenFile(path.with_name("torchvision.txt"), COMMENT)
    for name, make in CASES:
        write_case(out, "torchvision-" + name, make())
    out.write()
