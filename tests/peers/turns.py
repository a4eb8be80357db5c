"""What every peer's comparison shares: both engines as processes that run steps on request, and turns that alternate.

A peer is a module with NAME, ROWS, `settings_of(case)` (what is tried, by name: keyword arguments of its make_step),
`make_step(case, threads, **setting)` (a function that runs one step), `load()` (imports what its idle process holds), and
`our_arguments(case)` (of `step`, beyond the case); perhaps `build()`, which names the build of the library that was
loaded, and `compute(case, threads)`, what one step from the program's own weights and inputs gives (--check): the count
of parameters, and the loss or the summary of the output that `step` prints. It ends with turns.main(its own module).

A row is a case's name, such as gpt2/gpt2-124m/train/f32/b4/s64. For each row the peer's settings are first tried shortly;
the fastest goes on. Then turns alternate: some of our steps, some of the peer's, the first of each turn not counted.
The ratio is the peer's median step over ours, with the 95 % interval of resampled turns: above 1 we are faster.
On a machine that others use too, --threads 1 --cpu-time compares the CPU time of single-threaded steps instead.
Memory is each engine's peak resident set less that of its idle process, each in a process of its own.
With --also PYTHON the settings are tried under that interpreter, too, which may have another build of the library.
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
    print(json.dumps({"case": name, "build": peer.build() if hasattr(peer, "build") else ""}), flush=True)
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


def theirs(peer, case, choice, given):
    """A choice is a setting and the interpreter that runs it."""
    setting, python = choice
    return Runner([python, peer.__file__, "--serve", case.name, setting], given)


def best_choice(peer, case, given):
    """Tries each for a while, one after the other, twice round; the smallest median goes on. Returns it, its name, the
    medians by name, and why others don't run."""
    tried, skipped = {}, {}
    for python in [sys.executable] + given.also:
        for setting in peer.settings_of(case):
            runner = theirs(peer, case, (setting, python), given)
            if runner.failed:
                skipped[f"{setting} ({python})" if given.also else setting] = runner.failed
                runner.close()
                continue
            runner.steps(2)
            build = runner.first.get("build")
            tried[f"{setting}, {build}" if build else setting] = (runner, (setting, python), [])
    for _ in range(2):
        for runner, _, times in tried.values():
            first = runner.steps(1)[0]
            times += runner.steps(max(3, min(200, int(given.seconds / 8 / max(first, 1e-4)))))
    for runner, _, _ in tried.values():
        runner.close()
    if not tried:
        raise RuntimeError(f"no setting runs: {skipped}")
    medians = {name: statistics.median(times) for name, (_, _, times) in tried.items()}
    best = min(medians, key=medians.get)
    return tried[best][1], best, medians, skipped


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
    choice, setting, medians, skipped = best_choice(peer, case, given)
    left = Runner([given.binary, case.name] + peer.our_arguments(case), given)
    right = theirs(peer, case, choice, given)
    if left.failed or right.failed:
        raise RuntimeError(left.failed or right.failed)
    turns = interleave(left, right, given.seconds)
    ratio, low, high = ratio_of(turns)
    our_times, their_times = ([t for turn in turns for t in turn[side]] for side in (0, 1))
    return {
        "case": name, "peer": peer.NAME, "threads": given.threads, "ratio": ratio, "low": low, "high": high, "turns": len(turns),
        "ours_s": statistics.median(our_times), "theirs_s": statistics.median(their_times),
        "ours_fastest_s": min(our_times), "theirs_fastest_s": min(their_times),
        "gflops": left.first["flops"] / statistics.median(our_times) * 1e-9,
        "planned_bytes": left.first["planned_bytes"], "ours_peak_bytes": left.close(),
        "theirs_peak_bytes": right.close(), "setting": setting, "tried_s": medians, "skipped": skipped,
    }


def table(results):
    """The table of README.md, of any number of peers."""
    lines = ["| case | peer | its median time ÷ ours | 95 % | peak memory, ours | the peer's | its best setting |",
             "|---|---|---|---|---|---|---|"]
    for r in results:
        peaks = [f"{r[side] / 2**20:.0f} MiB" if r[side] else "" for side in ("ours_peak_bytes", "theirs_peak_bytes")]
        lines.append(f"| `{r['case']}` | {r['peer']} | **{r['ratio']:.2f}** | {r['low']:.2f} to {r['high']:.2f} "
                     f"| {peaks[0]} | {peaks[1]} | {r['setting']} |")
    return "\n".join(lines)


def ours_once(peer, case, given):
    """What step.c says before and after one step."""
    command = [given.binary, case.name, "--threads", str(given.threads)] + peer.our_arguments(case)
    ended = subprocess.run(command, input="1\n", capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(ended.stderr.strip())
    lines = ended.stdout.splitlines()
    return {**json.loads(lines[0]), **json.loads(lines[-1])}


def differences(ours, other, tolerance):
    """What differs of what both say: counts exactly, the rest by so much of its size."""
    both = [key for key in other if key in ours]
    for key in both:
        allowed = 0 if isinstance(other[key], int) else tolerance
        size = ours["output_mean_square"] ** 0.5 if key == "output_mean" else abs(ours[key])
        if abs(ours[key] - other[key]) > allowed * size:
            yield f"{key}: ours {ours[key]:.6g}, theirs {other[key]:.6g}"
    if len(both) < 2:
        yield f"nothing to compare: ours says {', '.join(ours)}"


def check(peer, name, given):
    """Whether both compute the same from the same weights and inputs."""
    case = Case(name)
    other = peer.compute(case, given.threads)
    found = list(differences(ours_once(peer, case, given), other, 0.03 if case.dtype == "bf16" else 1e-3))
    said = ", ".join(f"{key} {value:.6g}" if isinstance(value, float) else f"{key} {value}" for key, value in other.items())
    print(f"{name}: " + ("; ".join(found) if found else f"the same: {said}"), flush=True)
    return not found


def main(peer):
    parser = argparse.ArgumentParser(description=peer.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", nargs=2, metavar=("CASE", "SETTING"), help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--cpu-time", action="store_true", help="CPU seconds instead of the clock's")
    parser.add_argument("--seconds", type=float, default=10, help="of interleaved steps a row")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--also", metavar="PYTHON", action="append", default=[],
                        help="another interpreter, whose build of the library is tried as well")
    parser.add_argument("--check", action="store_true", help="measure nothing: see that both sides compute the same")
    parser.add_argument("binary", nargs="?", help="build/tests/peers/step")
    parser.add_argument("rows", nargs="*")
    given = parser.parse_intermixed_args()
    if given.serve:
        answer_requests(peer, *given.serve, given.threads, given.cpu_time)
        return
    if not given.binary:
        parser.error("the path of the built `step` is missing")
    if given.check and not hasattr(peer, "compute"):
        parser.error(f"{peer.NAME}'s weights can't be made the program's own")
    if given.check:
        sys.exit(not all([check(peer, row, given) for row in given.rows or peer.ROWS]))
    sys.exit(not measure(peer, given))


def measure(peer, given):
    """All rows, each said and written as soon as it is there; then the table. False if one couldn't be had."""
    results, failed = [], 0
    for row in given.rows or peer.ROWS:
        try:
            result = compare(peer, row, given)
        except (RuntimeError, OSError, ValueError) as error:
            print(f"{peer.NAME}: {row}: {error}", file=sys.stderr, flush=True)
            failed += 1
            continue
        results.append(result)
        print(f"{row}: {result['ratio']:.2f} ({result['low']:.2f} to {result['high']:.2f}), {result['setting']}",
              file=sys.stderr, flush=True)
        for setting, reason in result["skipped"].items():
            print(f"  skipped {setting}: {reason}", file=sys.stderr, flush=True)
        if given.json:
            pathlib.Path(given.json).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(table(results))
    return not failed
