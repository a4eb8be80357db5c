"""Runs of a simulated machine, as documents: the same cases on a faster or slower machine, with samples as noisy as real
ones, the same each time. What tests of compare, its page and the documentation work on.

    python3 simulated.py FOLDER      writes rack-a.json, rack-b.json and rack-c.json
"""

import json
import pathlib
import random
import statistics
import sys

CASES = [  # case, tokens (images, samples) a second of the first machine, unit, GFLOP of a step, GB of a step
    ("llama/tinyllama-1.1b/decode/q4_0/b1/s512", 14, "tokens/s", 2.2, 0.65),
    ("llama/tinyllama-1.1b/decode/bf16/b1/s512", 4.1, "tokens/s", 2.2, 2.2),
    ("llama/llama-3-8b/decode/q4_K_M/b1/s512", 2.6, "tokens/s", 16, 4.9),
    ("llama/smollm-135m/decode/q8_0/b8/s512", 310, "tokens/s", 2.2, 0.15),
    ("llama/smollm-135m/prefill/bf16/b1/s512", 900, "tokens/s", 138, 0.27),
    ("gpt2/gpt2-124m/train/f32/b4/s64", 510, "tokens/s", 190, 2.5),
    ("gpt2/gpt2-124m/train/bf16/b4/s64", 900, "tokens/s", 190, 1.9),
    ("gpt2/gpt2-355m/forward/f32/b1/s64", 300, "tokens/s", 45, 1.4),
    ("bert/bert-base/forward/f32/b8/s64", 1500, "tokens/s", 87, 0.5),
    ("bert/bert-base/train/f32/b8/s64", 420, "tokens/s", 260, 2.9),
    ("cnn/resnet-50/forward/f32/b4", 31, "images/s", 33, 0.4),
    ("cnn/resnet-50/train/f32/b4", 8.2, "images/s", 99, 1.2),
    ("cnn/mobilenet-v2/forward/f32/b4", 160, "images/s", 2.5, 0.2),
    ("vit/vit-base/forward/bf16/b1", 22, "images/s", 35, 0.2),
    ("whisper/whisper-tiny/forward/f32/b1/s64", 40, "audio_s/s", 40, 0.2),
    ("dlrm/dlrm-small/train/f32/b2048", 90000, "samples/s", 12, 0.5),
    ("mlp/mlp-10m/train/f32/b128", 5200, "samples/s", 7.7, 0.2),
    ("lstm/lstm-2x512/train/f32/b20/s35", 6100, "tokens/s", 38, 0.4),
]

# Real cases, few and small, so that estimates have something to rest on: measured in seconds, however badly.
MEASURED = ("rnn/seed-rnn/forward/f32/b1/s5,rnn/seed-rnn/forward/f32/b64/s50,mlp/mlp-1m/forward/f32/b1,mlp/mlp-1m/forward/f32/b128,"
            "gpt2/gpt2-tiny/forward/f32/b4/s64,llama/llama-15m/forward/f32/b4/s64,bert/bert-tiny/forward/f32/b8/s64")


def units_of(mode, unit, batch, context):
    """What a step makes of its unit."""
    if unit == "audio_s/s":
        return 30 * batch
    return batch * context if unit == "tokens/s" and mode != "decode" else batch


def case(number, speed, source):
    identity, rate, unit, gflop, gigabytes = CASES[number]
    family, model, mode, dtype, *shape = identity.split("/")
    batch, context = (int((shape + ["s0"])[i][1:]) for i in (0, 1))
    units = units_of(mode, unit, batch, context)
    usual = units / (rate * speed(identity))
    samples = [usual * source.lognormvariate(0, 0.012) for _ in range(25)]
    median = statistics.median(samples)
    return {"id": identity, "family": family, "model": model, "task": "nlp", "mode": mode, "dtype": dtype, "batch": batch,
            "context": context, "device": "cpu", "threads": 16, "status": "ok", "parameters": 124000000, "flops": gflop * 1e9,
            "bytes": gigabytes * 1e9,
            "memory": {"planned_bytes": int(gigabytes * 1.3e9), "peak_bytes": int(gigabytes * 1.31e9),
                       "weights_bytes": int(gigabytes * 0.9e9), "activations_bytes": int(gigabytes * 0.3e9),
                       "workspace_bytes": int(gigabytes * 0.1e9)},
            "samples_s": samples,
            "time_s": {"median": median, "low": median * 0.995, "high": median * 1.005, "confidence": 0.95},
            "throughput": {"value": units / median, "unit": unit}, "gflops": gflop / median,
            "mfu": gflop / median / 2000, "mbu": gigabytes / median / 200,
            "bound": "bandwidth" if mode == "decode" else "compute",
            "check": {"passed": True, "error": 1e-6, "against": "reference kernels"}}


def run(name, identity, cpu, cores, speed, memory_gib=64):
    source = random.Random(name)
    machine = {"schema": "benchmark.machine/1", "fingerprint": identity * 2, "name": name,
               "cpu": {"model": cpu, "vendor": "GenuineIntel", "isa": ["avx2", "avx512f"], "packages": 1, "cores": cores,
                       "threads": cores, "usable_threads": 16},
               "caches": [{"level": 1, "type": "data", "size_bytes": 49152, "shared_by_threads": 1},
                          {"level": 2, "type": "unified", "size_bytes": 2 << 20, "shared_by_threads": 1},
                          {"level": 3, "type": "unified", "size_bytes": 32 << 20, "shared_by_threads": cores}],
               "memory": {"total_bytes": memory_gib << 30, "limit_bytes": memory_gib << 30, "limited_by": "physical"},
               "software": {"kernel": "Linux 6.1.0", "blas": "OpenBLAS 0.3.21", "benchmark": "0.1.0"},
               "ceilings": {"peak_f32_gflops": 2000, "peak_bf16_gflops": 4000, "read_gbs": 200}, "warnings": []}
    return {"schema": "benchmark.run/1", "id": identity, "started": "2026-01-01T00:00:00.000Z",
            "finished": "2026-01-01T00:10:00.000Z", "command": ["benchmark", "run"], "suite": "all",
            "note": f"name={name}", "machine": machine,
            "cases": [case(number, speed, source) for number in range(len(CASES))]}


def runs():
    """Three candidates: a first, one with twice the bandwidth, and one that is slower, cheap, and short of memory."""
    first = run("rack-a", "feed000a00000000", "Xeon Gold 6430", 16, lambda identity: 1)
    second = run("rack-b", "feed000b00000000", "EPYC 9354", 16, lambda identity: 1.9 if "decode" in identity else 1.25)
    third = run("rack-c", "feed000c00000000", "Core i5-12400", 16, lambda identity: 0.6, memory_gib=4)
    for one in third["cases"]:
        if one["id"].startswith("llama/llama-3-8b"):
            for key in ("samples_s", "time_s", "throughput", "gflops", "mfu", "mbu", "bound", "check"):
                del one[key]
            one.update(status="out_of_memory", reason="the kernel ended it: it held more than there is")
    second["cases"][-1].update(status="noisy", reason="other programs took 12 % of its time")
    return [first, second, third]


def write(folder):
    for one in runs():
        (pathlib.Path(folder) / f"{one['machine']['name']}.json").write_text(json.dumps(one))


if __name__ == "__main__":
    write(sys.argv[1])
