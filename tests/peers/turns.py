"""What every peer's comparison shares: both engines as processes that run steps on request, and turns that alternate.

A peer is a module with NAME, ROWS, `settings_of(case)` (what is tried, by name: keyword arguments of its make_step),
`make_step(case, threads, **setting)` (a function that runs one step), `load()` (imports what its idle process holds), and
`our_arguments(case)` (of `step`, beyond the case). It ends with turns.main(its own module).

A row is a case's name, such as gpt2/gpt2-124m/train/f32/b4/s64. For each row the peer's settings are first tried shortly;
the fastest goes on. Then turns alternate: some of our steps, some of the peer's, the first of each turn not counted.
The ratio is the peer's median step over ours, with the 95 % interval of resampled turns: above 1 we are faster.
On a machine that others use too, --threads 1 --cpu-time compares the CPU time of single-threaded steps instead.
Memory is each engine's peak resident set less that of its idle process, each in a process of its own.
"""
import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import time

class Case:
    def __init__(self, name):
        parts = name.split("/")
        self.name = name
        self.family, self.size, self.mode, self.dtype = parts[:4]
        self.batch = int(parts[4][1:])
        self.context = int(parts[5][1:]) if len(parts) > 5 else 0
        self.train = self.mode in ("train", "distill")


def resident(field):
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field + ":"))


def run_steps(step, count, clock):
    times = []
    for _ in range(count):
        before = clock()
        step()
        times.append(clock() - before)
    return times


def answer_requests(peer, name, setting, threads, cpu_time):
    """The peer's counterpart of step.c, in a process of its own: `--serve`."""
    peer.load()
    idle = resident("VmRSS")
    case = Case(name)
    try:
        step = peer.make_step(case, threads, **peer.settings_of(case)[setting])
        step()
    except Exception as error:  # whatever a compiler or an op that is missing raises, it is a reason to skip
        print(json.dumps({"failed": f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"}), flush=True)
        return
    # What compiling or training took isn't what a step takes: the peak starts again.
    with open("/proc/self/clear_refs", "w", encoding="ascii") as clear:
        clear.write("5")
    print(json.dumps({"case": name}), flush=True)
    clock = time.process_time if cpu_time else time.perf_counter
    for line in sys.stdin:
        print(" ".join(f"{t:.9f}" for t in run_steps(step, int(line), clock)), flush=True)
    print(json.dumps({"peak_bytes": resident("VmHWM") - idle}), flush=True)


class Runner:
    def __init__(self, command, given):
        environment = dict(os.environ, OMP_NUM_THREADS=str(given.threads))
        command += ["--threads", str(given.threads)] + ["--cpu-time"] * given.cpu_time
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment, stderr=subprocess.DEVNULL)
        self.first = json.loads(self.process.stdout.readline() or '{"failed": "it ended without a word"}')
        self.failed = self.first.get("failed")

    def steps(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return [float(t) for t in self.process.stdout.readline().split()]

    def close(self):
        """The peak in bytes."""
        if self.failed:
            self.process.wait()
            return None
        self.process.stdin.close()
        last = json.loads(self.process.stdout.read().strip() or "{}")
        self.process.wait()
        return last.get("peak_bytes")


def theirs(peer, case, setting, given):
    return Runner([sys.executable, peer.__file__, "--serve", case.name, setting], given)


def best_setting(peer, case, given):
    """Tries each for a while, one after the other, twice round; the smallest median goes on."""
    medians, skipped, runners = {}, {}, {}
    for setting in peer.settings_of(case):
        runner = theirs(peer, case, setting, given)
        if runner.failed:
            skipped[setting] = runner.failed
            runner.close()
        else:
            runner.steps(2)
            runners[setting] = (runner, [])
    for _ in range(2):
        for runner, times in runners.values():
            first = runner.steps(1)[0]
            times += runner.steps(max(3, min(200, int(given.seconds / 8 / max(first, 1e-4)))))
    for setting, (runner, times) in runners.items():
        medians[setting] = statistics.median(times)
        runner.close()
    if not medians:
        raise SystemExit(f"{peer.NAME}: {case.name}: no setting runs: {skipped}")
    return min(medians, key=medians.get), medians, skipped


def interleave(left, right, seconds):
    """Turns of both, [(ours, theirs)]: each a list of step times."""
    turns, deadline = [], time.monotonic() + seconds
    counts = [max(2, min(500, 1 + int(0.3 / max(r.steps(3)[-1], 1e-5)))) for r in (left, right)]
    while time.monotonic() < deadline or len(turns) < 4:
        turn = []
        for runner, count in zip((left, right), counts):
            turn.append(runner.steps(count + 1)[1:])
            time.sleep(0.02)  # its threads stop spinning before the other's begin
        turns.append(turn)
    return turns


def ratio_of(turns):
    """Ratio of medians, theirs over ours, and its 95 % interval by resampling turns."""
    def ratio(chosen):
        medians = [statistics.median(t for turn in chosen for t in turn[side]) for side in (0, 1)]
        return medians[1] / medians[0]
    draw = random.Random(1)
    resampled = sorted(ratio(draw.choices(turns, k=len(turns))) for _ in range(400))
    return ratio(turns), resampled[9], resampled[389]


def compare(peer, name, given):
    case = Case(name)
    setting, medians, skipped = best_setting(peer, case, given)
    left = Runner([given.binary, case.name] + peer.our_arguments(case), given)
    right = theirs(peer, case, setting, given)
    if left.failed or right.failed:
        raise SystemExit(f"{peer.NAME}: {name}: {left.failed or right.failed}")
    turns = interleave(left, right, given.seconds)
    ratio, low, high = ratio_of(turns)
    our_times, their_times = ([t for turn in turns for t in turn[side]] for side in (0, 1))
    return {
        "case": name, "threads": given.threads, "ratio": ratio, "low": low, "high": high, "turns": len(turns),
        "ours_s": statistics.median(our_times), "theirs_s": statistics.median(their_times),
        "ours_fastest_s": min(our_times), "theirs_fastest_s": min(their_times),
        "gflops": left.first["flops"] / statistics.median(our_times) * 1e-9,
        "planned_bytes": left.first["planned_bytes"], "ours_peak_bytes": left.close(),
        "theirs_peak_bytes": right.close(), "setting": setting, "tried_s": medians, "skipped": skipped,
    }


def table(peer, results):
    lines = [f"| case | faster by | 95 % | ours | {peer.NAME} | ratio of fastest | peak, ours | peak, {peer.NAME} | its setting |",
             "|---|---|---|---|---|---|---|---|---|"]
    for r in results:
        peaks = [f"{r[side] / 2**20:.0f} MiB" for side in ("ours_peak_bytes", "theirs_peak_bytes")]
        lines.append(f"| {r['case']} | {r['ratio']:.2f} | {r['low']:.2f} to {r['high']:.2f} "
                     f"| {r['ours_s'] * 1e3:.4g} ms | {r['theirs_s'] * 1e3:.4g} ms "
                     f"| {r['theirs_fastest_s'] / r['ours_fastest_s']:.2f} | {peaks[0]} | {peaks[1]} | {r['setting']} |")
    return "\n".join(lines)


def main(peer):
    parser = argparse.ArgumentParser(description=peer.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", nargs=2, metavar=("CASE", "SETTING"), help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--cpu-time", action="store_true", help="CPU seconds instead of the clock's")
    parser.add_argument("--seconds", type=float, default=10, help="of interleaved steps a row")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("binary", nargs="?", help="build/tests/peers/step")
    parser.add_argument("rows", nargs="*")
    given = parser.parse_intermixed_args()
    if given.serve:
        answer_requests(peer, *given.serve, given.threads, given.cpu_time)
        return
    if not given.binary:
        parser.error("the path of the built `step` is missing")
    results = []
    for row in given.rows or peer.ROWS:
        result = compare(peer, row, given)
        results.append(result)
        print(f"{row}: {result['ratio']:.2f} ({result['low']:.2f} to {result['high']:.2f}), {result['setting']}",
              file=sys.stderr, flush=True)
        for setting, reason in result["skipped"].items():
            print(f"  skipped {setting}: {reason}", file=sys.stderr, flush=True)
        if given.json:
            pathlib.Path(given.json).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(table(peer, results))
