"""The weight generator of harness/base/random.h in NumPy: the value at (seed, name, index) is the same in both.

    normal(1, "wte.weight", count)[i] == random_normal(random_key(1, "wte.weight"), i)      bit for bit
"""
import numpy as np

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(z):
    """One number, Python's integers."""
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
    return z ^ z >> 31


def key_of(seed, name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return mix(value ^ mix((seed + GOLDEN) & MASK))


def bits(key, count):
    return bits_at(key, np.arange(count, dtype=np.uint64))


def bits_at(key, index):
    with np.errstate(over="ignore"):
        z = (index + np.uint64(1)) * np.uint64(GOLDEN) + np.uint64(key)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        return z ^ z >> np.uint64(31)


def normal(seed, name, count):
    return normal_of_key(key_of(seed, name), count)


def normal_of_key(key, count):
    b = bits(key, count)
    quarter = np.uint64(0xFFFF)
    total = (b & quarter) + (b >> np.uint64(16) & quarter) + (b >> np.uint64(32) & quarter) + (b >> np.uint64(48))
    return (total.astype(np.int64) - 131070).astype(np.float32) * (np.float32(1) / np.float32(37837.2266))


def heavy_tailed(seed, name, count):
    key = key_of(seed, name)
    root = (normal_of_key(~key & MASK, count) + np.float32(4.53259798)) * np.float32(0.210818511)
    return normal_of_key(key, count) / (root * np.sqrt(root)) * np.float32(0.776022)


def uniform_of_key(key, count):
    return (bits(key, count) >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)


def uniform(seed, name, count):
    return uniform_of_key(key_of(seed, name), count)


def below(seed, name, count, limit):
    return ((bits(key_of(seed, name), count) >> np.uint64(32)) * np.uint64(limit) >> np.uint64(32)).astype(np.int64)


def zipf(seed, name, count, limit, exponent):
    """models/engine/generate.c's zipf_at."""
    u = (bits(key_of(seed, name), count) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    end, power = float(limit) + 1, 1 - float(np.float32(exponent))
    x = end**u if power == 0 else (1 + u * (end**power - 1)) ** (1 / power)
    rank = np.clip(x.astype(np.int64) - 1, 0, limit - 1)
    return rank * 2654435761 % limit


def round_bf16(values):
    """f32 to the nearest bfloat16 (ties to even), as f32."""
    wide = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounded = wide + np.uint32(0x7FFF) + (wide >> np.uint32(16) & np.uint32(1))
    return (rounded & np.uint32(0xFFFF0000)).view(np.float32)


# harness/base's unit test holds this value too.
assert mix(1) == 0x5692161D100B05E5
