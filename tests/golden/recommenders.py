"""Families ncf and wide-deep as plain PyTorch modules, with the program's generated weights: data/recommenders.txt for
test_models.c. Parameter names are the program's own; tables are of ROWS rows.
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import generator
from format import GoldenFile
from transformers_models import SEED, Plain, stack, write_case

COMMENT = """\
Recommenders: made by tests/golden/recommenders.py with PyTorch, in double precision.
output; loss; d.NAME: the gradient of weight NAME."""

ROWS, SAMPLES = 50, 6


def linears(*widths):
    return nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:]))


def through(layers, x, logit):
    for layer in layers[:-1] if logit else layers:
        x = F.relu(layer(x))
    return layers[-1](x) if logit else x


class Clicks(Plain):
    batch = SAMPLES

    def __init__(self, family, size, model):
        super().__init__(family, size, model, context=0, rows=ROWS)

    def names(self):
        return ((name, stack(name)) for name in dict(self.model.named_parameters()))

    def deviation(self, name):
        shape = dict(self.model.named_parameters())[name].shape
        if shape[0] == ROWS:
            return np.float32(1) / np.sqrt(np.float32(self.model.taken(name) * shape[1]))
        return np.sqrt(np.float32(2) / np.float32(shape[1]))

    def run(self):
        logits = self.model()
        targets = self.draw("targets", 2, SAMPLES).double()[:, None]
        return logits, F.binary_cross_entropy_with_logits(logits, targets)


def lookups(name, count):
    return torch.from_numpy(generator.zipf(SEED, name + ".indices", SAMPLES * count, ROWS, 1.05)).reshape(SAMPLES, count)


class Ncf(nn.Module):
    def __init__(self):
        super().__init__()
        self.user, self.item = nn.Module(), nn.Module()
        for side in (self.user, self.item):
            side.factors, side.deep = nn.Embedding(ROWS, 64), nn.Embedding(ROWS, 128)
        self.deep = linears(256, 256, 128, 64)
        self.click = linears(128, 1)

    def taken(self, name):
        return 1

    def forward(self):
        user, item = lookups("user", 1)[:, 0], lookups("item", 1)[:, 0]
        deep = through(self.deep, torch.cat([self.user.deep(user), self.item.deep(item)], 1), False)
        return self.click[0](torch.cat([self.user.factors(user) * self.item.factors(item), deep], 1))


class WideDeep(nn.Module):
    WIDTHS = (128,) * 3 + (64,) * 14
    TAKEN = (1, 1, 1, 6, 6, 1, 1, 1, 1, 1, 1, 1, 3, 3, 1, 3, 3)

    def __init__(self):
        super().__init__()
        self.wide = linears(48, 1)
        self.tables = nn.ModuleList(nn.EmbeddingBag(ROWS, width, mode="mean") for width in self.WIDTHS)
        for table in self.tables:
            table.wide = nn.EmbeddingBag(ROWS, 1, mode="sum")
        self.deep = linears(48 + sum(self.WIDTHS), *(1024,) * 5, 1)

    def taken(self, name):
        return self.TAKEN[int(name.split(".")[1])]

    def forward(self):
        features = torch.from_numpy(generator.normal(SEED, "features", SAMPLES * 48)).double().reshape(SAMPLES, 48)
        drawn = [lookups(f"tables.{t}", count) for t, count in enumerate(self.TAKEN)]
        deep = torch.cat([features] + [table(indices) for table, indices in zip(self.tables, drawn)], 1)
        wide = sum(table.wide(indices) for table, indices in zip(self.tables, drawn))
        return through(self.deep, deep, True) + wide + self.wide[0](features)


def write(path):
    out = GoldenFile(path, COMMENT)
    write_case(out, "ncf", Clicks("ncf", "ncf-ml20m", Ncf()))
    write_case(out, "wide-deep", Clicks("wide-deep", "wide-and-deep-outbrain", WideDeep()))
    out.write()
