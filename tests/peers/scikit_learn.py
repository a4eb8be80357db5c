#!/usr/bin/env python3
"""The classical models beside scikit-learn's: the same table, settings, threads and machine, interleaved in one run.

    venv/bin/python tests/peers/scikit_learn.py build/tests/peers/step [ROW]... [--seconds S] [--json FILE]

As pytorch.py, whose way of taking turns this is. A training starts from nothing at every step, on both sides. For
prediction both predict with what each has trained on the size's usual table; other rows than those it was trained on.
"""
import argparse
import json
import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))

from pytorch import Case, Runner, interleave, ratio_of, resident, run_steps, table

ROWS = [
    "classical/linear-svm/train/f32/b100000",
    "classical/linear-svm/forward/f32/b100000",
    "classical/random-forest/train/f32/b20000",
    "classical/random-forest/forward/f32/b20000",
    "classical/random-forest/forward/f32/b1",
]


def settings_of(case):
    """What is tried, by name: keyword arguments of make_step."""
    if case.size == "linear-svm" and case.train:
        return {"primal": {"dual": False}, "automatic": {"dual": "auto"}}
    if case.size == "linear-svm":
        return {"f32": {"dtype": "float32"}, "f64": {"dtype": "float64"}}
    return {"threads": {"jobs": True}, "one thread": {"jobs": False}}


def make_svm_step(case, dual=False, dtype="float64"):
    from sklearn.svm import LinearSVC

    from classical import table as make_table

    rows = case.batch if case.train else 100000
    x, y = make_table(rows, 100, 0)
    model = LinearSVC(dual=dual)
    if case.train:
        x = x.astype(dtype)
        return lambda: model.fit(x, y)
    model.fit(x, y)
    model.coef_, model.intercept_ = model.coef_.astype(dtype), model.intercept_.astype(dtype)
    held_out = make_table(rows + case.batch, 100, 0)[0][rows:].astype(dtype)
    return lambda: model.predict(held_out)


def make_forest_step(case, threads, jobs):
    from sklearn.ensemble import RandomForestClassifier

    from classical import table as make_table

    rows = case.batch if case.train else 20000
    x, y = make_table(rows, 50, 4)
    model = RandomForestClassifier(100, n_jobs=threads if jobs else 1, random_state=1)
    if case.train:
        return lambda: model.fit(x, y)
    model.set_params(n_jobs=threads).fit(x, y).set_params(n_jobs=threads if jobs else 1)
    held_out = make_table(rows + case.batch, 50, 4)[0][rows:].copy()
    return lambda: model.predict(held_out)


def answer_requests(name, setting, threads, cpu_time):
    """scikit-learn's counterpart of step.c, in a process of its own: `--serve`."""
    import sklearn.ensemble  # noqa: F401  (what an idle process holds)
    import sklearn.svm  # noqa: F401

    idle = resident("VmRSS")
    case = Case(name)
    given = settings_of(case)[setting]
    step = make_svm_step(case, **given) if case.size == "linear-svm" else make_forest_step(case, threads, **given)
    step()
    if not case.train:  # what training took isn't what prediction takes
        with open("/proc/self/clear_refs", "w", encoding="ascii") as clear:
            clear.write("5")
    print(json.dumps({"case": name}), flush=True)
    clock = time.process_time if cpu_time else time.perf_counter
    for line in sys.stdin:
        print(" ".join(f"{t:.9f}" for t in run_steps(step, int(line), clock)), flush=True)
    print(json.dumps({"peak_bytes": resident("VmHWM") - idle}), flush=True)


def ours(case, given):
    return Runner([given.binary, case.name] + ([] if case.train else ["--trained"]), given)


def theirs(case, setting, given):
    return Runner([sys.executable, __file__, "--serve", case.name, setting], given)


def best_setting(case, given):
    medians = {}
    for setting in settings_of(case):
        runner = theirs(case, setting, given)
        if runner.failed:
            raise SystemExit(f"scikit_learn.py: {case.name}, {setting}: {runner.failed}")
        first = runner.steps(1)[0]
        medians[setting] = statistics.median(runner.steps(max(1, min(50, int(given.seconds / 8 / max(first, 1e-4))))))
        runner.close()
    return min(medians, key=medians.get), medians


def compare(name, given):
    case = Case(name)
    setting, medians = best_setting(case, given)
    left, right = ours(case, given), theirs(case, setting, given)
    if left.failed or right.failed:
        raise SystemExit(f"scikit_learn.py: {name}: {left.failed or right.failed}")
    turns = interleave(left, right, given.seconds)
    ratio, low, high = ratio_of(turns)
    our_times, their_times = ([t for turn in turns for t in turn[side]] for side in (0, 1))
    return {
        "case": name, "threads": given.threads, "ratio": ratio, "low": low, "high": high, "turns": len(turns),
        "ours_s": statistics.median(our_times), "theirs_s": statistics.median(their_times),
        "ours_fastest_s": min(our_times), "theirs_fastest_s": min(their_times),
        "planned_bytes": left.first["planned_bytes"], "ours_peak_bytes": left.close(),
        "theirs_peak_bytes": right.close(), "setting": setting, "tried_s": medians,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", nargs=2, metavar=("CASE", "SETTING"), help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--cpu-time", action="store_true", help="CPU seconds instead of the clock's")
    parser.add_argument("--seconds", type=float, default=10, help="of interleaved steps a row")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("binary", nargs="?", help="build/tests/peers/step")
    parser.add_argument("rows", nargs="*")
    given = parser.parse_intermixed_args()
    if given.serve:
        answer_requests(*given.serve, given.threads, given.cpu_time)
        return
    if not given.binary:
        parser.error("the path of the built `step` is missing")
    results = []
    for row in given.rows or ROWS:
        results.append(compare(row, given))
        print(f"{row}: {results[-1]['ratio']:.2f}, {results[-1]['setting']}", file=sys.stderr, flush=True)
        if given.json:
            pathlib.Path(given.json).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(table(results).replace("PyTorch", "scikit-learn"))


if __name__ == "__main__":
    main()
