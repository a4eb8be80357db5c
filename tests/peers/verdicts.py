#!/usr/bin/env python3
"""Does what `fit` calls yes run, and can what it calls no really not?

    tests/peers/verdicts.py PROGRAM STEP [--memory 400MiB,900MiB] [--rows 25] [--threads N] [--seed N]

PROGRAM is benchmark, STEP is build/tests/peers/step, which plans nothing against any limit: it maps what it needs and
runs. For each limit the table's rows are judged by `fit --memory LIMIT --all`; of those nearest to the limit on either
side so many are drawn, and each runs two steps in a control group of its own whose memory is that limit, without swap.
A row that is killed for its memory couldn't run. Rows called tight are run too, and only counted. Needs the right to
make a control group (root). Exit code: 0 when every yes ran and 98 % of the noes couldn't, 1 when not, 2 without a group.
"""
import argparse
import collections
import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys

UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
STEPS = 2
NEAR = 1.6  # rows beyond this factor of the limit say little


def size_bytes(text):
    for unit, factor in UNITS.items():
        if text.endswith(unit):
            return int(float(text[: -len(unit)]) * factor)
    return int(text)


def write(path, value):
    path.write_text(str(value), encoding="ascii")


class Group:
    """A control group of version 2 or 1 with a limit on memory."""

    def __init__(self, limit_bytes):
        root = pathlib.Path("/sys/fs/cgroup")
        second = (root / "cgroup.controllers").exists()
        self.path = (root if second else root / "memory") / f"benchmark-verdicts-{os.getpid()}"
        self.path.mkdir()
        write(self.path / ("memory.max" if second else "memory.limit_in_bytes"), limit_bytes)
        with contextlib.suppress(OSError):  # a kernel that doesn't count swap has none to count
            if second:
                write(self.path / "memory.swap.max", 0)
            else:
                write(self.path / "memory.memsw.limit_in_bytes", limit_bytes)

    def enter(self):
        write(self.path / "cgroup.procs", os.getpid())

    def close(self):
        self.path.rmdir()


def run(step, case, threads, limit_bytes):
    """True: it ran; False: it was killed for its memory, or given none."""
    group = Group(limit_bytes)
    try:
        done = subprocess.run(
            [step, case, "--threads", str(threads)], input="1\n" * STEPS, capture_output=True, text=True, check=False,
            preexec_fn=group.enter, env={**os.environ, "OMP_WAIT_POLICY": "passive"})
    finally:
        group.close()
    if done.stdout.count("\n") > STEPS:  # what was planned, and then each step's time; what it sums up after is its own
        return True
    if done.returncode == -signal.SIGKILL or "memory" in done.stderr:
        return False
    sys.exit(f"verdicts: {case}: {done.stderr.strip() or done.returncode}")


def draw(rows, limit_bytes, count):
    """The rows nearest to the limit, of all kinds: drawn with a weight that falls with the distance."""
    near = [r for r in rows if limit_bytes / NEAR <= r["memory"]["total_bytes"] <= limit_bytes * NEAR]
    near.sort(key=lambda r: abs(r["memory"]["total_bytes"] - limit_bytes) * random.uniform(0.5, 1))
    return near[:count]


def judge(arguments, memory):
    limit_bytes = size_bytes(memory)
    answer = subprocess.run(
        [arguments.program, "fit", "--json", "--no-calibrate", "--memory", memory, "--threads", str(arguments.threads),
         "--db", "/nonexistent/none.db"],
        capture_output=True, text=True, check=False)
    if answer.returncode not in (0, 1):
        sys.exit(f"verdicts: {answer.stderr.strip()}")
    rows = [r for r in json.loads(answer.stdout)["rows"] if r["mode"] != "distill"]
    for verdict in ("yes", "tight", "no"):
        for row in draw([r for r in rows if r["fits"] == verdict], limit_bytes, arguments.rows):
            ran = run(arguments.step, row["id"], arguments.threads, limit_bytes)
            share = row["memory"]["total_bytes"] / limit_bytes
            print(f"{memory:>8}  {verdict:5}  {share:6.3f} of it  {'ran' if ran else 'could not':9}  {row['id']}", flush=True)
            yield verdict, ran


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("step")
    parser.add_argument("--memory", default="400MiB,900MiB")
    parser.add_argument("--rows", type=int, default=25)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    counts = collections.Counter()
    try:
        for memory in arguments.memory.split(","):
            counts.update(judge(arguments, memory))
    except PermissionError as error:
        print(f"verdicts: no control group can be made: {error}", file=sys.stderr)
        return 2
    right = {}
    for verdict, ran in (("yes", True), ("no", False)):
        total = counts[verdict, True] + counts[verdict, False]
        right[verdict] = counts[verdict, ran] / total if total else float("nan")
        print(f"{verdict}: {counts[verdict, ran]} of {total} {'ran' if ran else 'could not'} ({right[verdict]:.1%})")
    print(f"tight: {counts['tight', True]} ran, {counts['tight', False]} could not")
    return 0 if right["yes"] == 1 and right["no"] >= 0.98 else 1


if __name__ == "__main__":
    sys.exit(main())
