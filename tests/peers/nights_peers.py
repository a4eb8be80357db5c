#!/usr/bin/env python3
"""Apache Otava and MongoDB's signal-processing-algorithms on the made nights that ours is measured by.

    nights_peers.py build/tests/peers/nights [PANELS]

needs `pip install apache-otava signal-processing-algorithms`. They judge single series: each gets the one of a case, the
drift of all cases taken off, up to tonight. Found is a change point within the last ten nights with a slowdown of 1 % or
more. An alarm is a night on which any of 200 cases has one, from the rate over single cases. Settings are tried from
loose to strict, since each trades what is found for alarms.
"""

import csv
import statistics
import subprocess
import sys
import warnings

from otava.analysis import compute_change_points
from signal_processing_algorithms.energy_statistics.energy_statistics import e_divisive

warnings.simplefilter("ignore")
CASES, BEFORE, LAST = 200, 50, 10


def otava(p):
    def places(series):
        return [point.index for point in compute_change_points(series, window_len=30, max_pvalue=p, min_magnitude=0.01)[0]]
    return places


def mongodb(p, permutations):
    def places(series):
        return list(e_divisive(series, pvalue=p, permutations=permutations))
    return places


DETECTORS = [(f"Otava, p <= {p:g}", otava(p)) for p in (1e-3, 1e-4, 1e-5, 1e-6, 1e-8)] + [
    (f"MongoDB, p <= {p:g}", mongodb(p, permutations)) for p, permutations in ((0.05, 100), (0.01, 100), (0.001, 1000))]


def slower(places, series):
    """A change point in the last nights after which the level is higher."""
    bounds = [0, *sorted(places(series)), len(series)]
    for before, at, after in zip(bounds, bounds[1:], bounds[2:]):
        if at >= len(series) - LAST:
            ratio = statistics.median(series[at:after]) / statistics.median(series[before:at])
            if ratio >= 1.01:
                return True
    return False


def seen(row, night):
    """The series up to that night; missing nights are left out."""
    return [float(value) for value in row[: night + 1] if value != "nan"]


def main():
    program, panels = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "10"
    rows = list(csv.reader(subprocess.run([program, "--write", panels], capture_output=True, check=True, text=True).stdout.splitlines()))
    quiet = [row[3:] for row in rows if row[0] == "quiet"]
    changed = {}
    for row in rows:
        if row[0] != "quiet":
            changed.setdefault((row[0], int(row[1]), int(row[2])), []).append(row[3:])
    for name, places in DETECTORS:
        some = quiet[:: max(1, len(quiet) // 600)] if name.startswith("MongoDB") else quiet
        accused = [slower(places, seen(row, 60)) for row in some]
        rate = sum(accused) / len(accused)
        print(f"{name}: alarms on {100 * (1 - (1 - rate) ** CASES):.1f} % of nights ({sum(accused)} of {len(accused)} quiet cases)")
        for (what, first, last), series in changed.items():
            found = sum(any(slower(places, seen(row, BEFORE + night)) for night in range(first, last + 1)) for row in series)
            print(f"    {what:34s} found {100 * found / len(series):5.1f} %", flush=True)


if __name__ == "__main__":
    main()
