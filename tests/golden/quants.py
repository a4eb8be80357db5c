"""The quantised types from the gguf package (llama.cpp's own, for NumPy): data/quants.txt for test_quants.c.

    quantise TYPE COUNT      the COUNT floats, and the bytes that gguf.quants.quantize makes of them
    dequantise TYPE COUNT    the bytes, and the COUNT floats that gguf.quants.dequantize makes of them

Floats are their bits in hexadecimal. For q4_K and q6_K, which the package only reads, the bytes are drawn at random,
with scales that are numbers.
"""
import gguf
import numpy as np

import generator

TYPES = {
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
    "q4_0": gguf.GGMLQuantizationType.Q4_0,
    "q4_K": gguf.GGMLQuantizationType.Q4_K,
    "q6_K": gguf.GGMLQuantizationType.Q6_K,
}


def rows(name):
    """Values of all sorts, 32 a row: ordinary, all equal, zeros, one outlier, halfway cases, tiny and huge."""
    yield generator.normal(1, name, 32) * np.float32(0.02)
    yield generator.normal(2, name, 32) * np.float32(3)
    yield np.zeros(32, np.float32)
    yield np.full(32, -0.75, np.float32)
    yield np.concatenate([np.full(31, 0.01, np.float32), np.float32([-9])])
    yield np.arange(-16, 16, dtype=np.float32) / np.float32(2)
    yield np.arange(32, dtype=np.float32) * np.float32(127 / 31)
    yield generator.normal(3, name, 32) * np.float32(1e-7)
    yield generator.normal(4, name, 32) * np.float32(2e6)


def random_blocks(name, kind, count):
    block, size = gguf.GGML_QUANT_SIZES[kind]
    raw = generator.bits(generator.key_of(1, name), (count * size + 7) // 8).view(np.uint8)[: count * size]
    raw = raw.reshape(count, size).copy()
    scales = [208] if name == "q6_K" else [0, 2] if name == "q4_K" else [0]
    for at in scales:
        values = generator.normal(1, f"{name} {at}", count).astype(np.float16)
        raw[:, at : at + 2] = values.view(np.uint8).reshape(count, 2)
    return raw.reshape(1, -1)


def hexadecimal(values):
    return " ".join(f"{bits:08x}" for bits in values.view(np.uint32))


def write(path):
    lines = ["# What the gguf package quantises and dequantises: made by tests/golden/generate.py. See quants.py."]
    for name, kind in TYPES.items():
        if name in ("q8_0", "q4_0"):
            values = np.concatenate(list(rows(name)))
            with np.errstate(over="ignore"):
                packed = gguf.quants.quantize(values.reshape(1, -1), kind)
            lines += [f"quantise {name} {values.size}", hexadecimal(values), packed.tobytes().hex()]
        packed = random_blocks(name, kind, 2 if name.endswith("K") else 6)
        values = gguf.quants.dequantize(packed, kind).reshape(-1)
        lines += [f"dequantise {name} {values.size}", packed.tobytes().hex(), hexadecimal(values)]
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
