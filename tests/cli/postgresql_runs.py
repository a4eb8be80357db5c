"""postgresql_runs.py FOLDER COUNT: run documents of several machines, with names that are hard to keep."""
import json
import os
import sys

folder, count = sys.argv[1], int(sys.argv[2])
os.makedirs(folder)


def case(name, samples):
    return {"id": name, "status": "ok", "batch": 4, "threads": 2, "parameters": 2**40, "flops": 1e12, "memory": {"peak_bytes": 2**36, "kv_cache_bytes": 0},
            "samples_s": samples, "time_s": {"median": sorted(samples)[len(samples) // 2]}, "counters": {"cycles": 2**40},
            "check": {"passed": True, "error": 1e-7, "against": "it's \"quoted\"; DROP TABLE runs; -- ? $1"}}


def run(identity, machine, night):
    return {"schema": "benchmark.run/1", "id": identity, "started": f"2026-01-{night % 28 + 1:02}T02:00:00{'.125' if night % 2 else ''}Z",
            "finished": f"2026-01-{night % 28 + 1:02}T02:10:00Z", "note": "µ ? ' \\ \t \" %s $1 😀",
            "machine": {"fingerprint": f"f{machine}", "name": f"node{machine}", "cpu": {"model": "x", "threads": 128}, "memory": {"total_bytes": 2**41},
                        "ceilings": {"read_gbs": 20.5}},
            "cases": [case("mlp/mlp-1m/train/f32/b4", [0.1 + i / 3 for i in range(700)]), case("gpt2/x'y/decode/f32/b1", [1e-7, 2e-7, 3e300]),
                      {"id": "bert/a", "status": "skipped", "reason": "needs more than there is"}]}


for i in range(count):
    with open(f"{folder}/abcd{i:04}.json", "w") as file:
        json.dump(run(f"abcd{i:04}", i % 10, i), file)
with open(f"{folder}/shared.json", "w") as file:
    json.dump(run("feed0000", 3, 3), file)
