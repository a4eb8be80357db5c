"""Writing golden files: what golden.c reads.

    # comment
    case NAME KEY=VALUE KEY=VALUE ...
    tensor NAME COUNT SUM SQUARES SAMPLES      SQUARES: the sum of squares over all COUNT elements
    INDEX VALUE INDEX VALUE ...                SAMPLES pairs: every element of a small tensor, some of a large one

A tensor belongs to the case above it. Values are decimal; 9 digits say an f32 exactly.
"""
import numpy as np

from generator import below

WHOLE = 32  # tensors of up to this many elements are stored whole
SAMPLES = 24


class GoldenFile:
    def __init__(self, path, comment):
        self.lines = ["# " + line for line in comment.strip().splitlines()]
        self.path = path

    def case(self, name, **parameters):
        self.lines.append(" ".join(["case", name] + [f"{k}={v}" for k, v in parameters.items()]))

    def tensor(self, name, values):
        values = np.asarray(values, dtype=np.float64).reshape(-1)
        if values.size <= WHOLE:
            indices = np.arange(values.size)
        else:
            # The first, the last, and some that depend on the tensor's name alone.
            drawn = below(2, name, SAMPLES - 2, values.size)
            indices = np.unique(np.concatenate([[0, values.size - 1], drawn]))
        total, squares = values.sum(), np.square(values).sum()
        self.lines.append(f"tensor {name} {values.size} {total:.12g} {squares:.12g} {indices.size}")
        self.lines.append(" ".join(f"{i} {values[i]:.9g}" for i in indices))

    def write(self):
        with open(self.path, "w", encoding="utf-8") as out:
            out.write("\n".join(self.lines) + "\n")
