#!/usr/bin/env python3
"""Runs from strangers: names with terminal escapes, quotes, newlines, formulas, markup and paths, through every command
that tells of runs and in every format. Nothing of them may become a command to a terminal, a spreadsheet, a browser or
a reader of Markdown, XML or metrics; and no path that a document names is opened: those here are pipes that nobody
writes to, so that opening one would hang.

    hostile.py PROGRAM
"""

import csv
import html.parser
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

PATIENCE_S = 60

# What is dangerous somewhere: a terminal's escapes (C0, C1), a line's end, right-to-left override, CSV's and SQL's
# quotes, a formula's first sign, HTML, Markdown, XML's CDATA end, OpenMetrics' braces, printf's per cent.
WORDS = [
    "\x1b]0;owned\x07\x1b[2J", "\x9b31m", "a\nb\r\nHTTP/1.1 200", "\u202egnp.exe", '"; DROP TABLE runs;--',
    "=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(1)", "\t=1", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))", "|a|b|\n|-|-|", "]]><x/>", '} 1\nother{a="', "%s%n%1000000d", "`code` **b** # h", "{{7*7}}",
]
FORMATS = ["text", "json", "csv", "markdown", "html", "junit", "openmetrics", "bmf"]


def hostile(number, place, pipe):
    """A text for a field: each place gets each word once as the number goes on; every fourth is the pipe's path."""
    return pipe if (number + place) % 4 == 3 else WORDS[(number + place) % len(WORDS)]


def hostile_run(identity, fingerprint, pipe, factor):
    def case(number):
        def text(place, most=150):
            return hostile(number, place, pipe)[:most]

        seconds = 0.01 * (number + 1) * factor
        return {"id": f"{text(0, 100)}/{number}" if number else "mlp/mlp-1m/forward/f32/b128", "family": text(1, 30),
                "model": text(2, 90), "task": text(3, 30), "mode": text(4, 30), "dtype": "f32", "batch": 1,
                "device": text(5, 30), "threads": 2,
                "status": ("ok", "ok", "noisy", "failed", "out_of_memory")[number % 5] if number > 3 else "ok",
                "reason": text(6), "flops": 1e9, "bytes": 1e8, "memory": {"planned_bytes": 4000, "peak_bytes": 5000},
                "samples_s": [seconds * (1 + 0.001 * i) for i in range(20)],
                "time_s": {"median": 1.009 * seconds, "low": seconds, "high": 1.02 * seconds, "confidence": 0.95},
                "throughput": {"value": 1 / seconds, "unit": text(7, 30)}, "gflops": 0.1 / seconds, "bound": text(8, 30),
                "check": {"passed": True, "error": 1e-6, "against": text(9, 90)}}

    def word(place):
        return hostile(place, 0, pipe)

    machine = {"schema": "benchmark.machine/1", "fingerprint": fingerprint, "name": word(0), "warnings": WORDS,
               "cpu": {"model": word(1), "vendor": word(2), "isa": [word(4)], "packages": 1, "cores": 2, "threads": 2,
                       "usable_threads": 2},
               "caches": [{"level": 2, "type": word(5), "size_bytes": 1 << 20, "shared_by_threads": 2}],
               "memory": {"total_bytes": 1 << 34, "limit_bytes": 1 << 34, "limited_by": word(6)},
               "gpus": [{"name": word(8), "backend": word(9), "memory_bytes": 1 << 33}],
               "software": {"kernel": word(10), "blas": pipe, "benchmark": "1"},
               "ceilings": {"peak_f32_gflops": 500, "read_gbs": 30, word(11): 1}}
    return {"schema": "benchmark.run/1", "id": identity, "started": "2026-01-01T00:00:00.000Z",
            "finished": "2026-01-01T00:01:00.000Z", "command": ["benchmark", *WORDS, pipe], "suite": word(12)[:90],
            "note": f"name={pipe} {' '.join(WORDS)}", "machine": machine, "cases": [case(number) for number in range(2 * len(WORDS))]}


# ---- what each format must be ----

def no_controls(text, allowed="\n"):
    found = [character for character in text
             if (ord(character) < 32 and character not in allowed) or 127 <= ord(character) < 160
             or character in "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"]
    assert not found, f"control characters {sorted(set(found))!r}"


def judge_text(text):
    no_controls(text)


def judge_json(text):
    no_controls(text)
    json.loads(text)


def judge_csv(text):
    no_controls(text, "\r\n")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert len({len(row) for row in rows}) == 1, "rows of different lengths"
    for cell in (cell for row in rows[1:] for cell in row):
        number = re.fullmatch(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", cell)
        assert number or not cell.lstrip().startswith(("=", "+", "-", "@")), f"a formula: {cell!r}"


def judge_markdown(text):
    no_controls(text)
    assert not re.search(r"(?<!\\)<\s*/?\s*(script|img|x)\b", text), "markup"
    assert not re.search(r"(?<!\\)\]\(javascript:", text), "a link"
    wide = 0
    for line in text.split("\n"):
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not cells or not wide or cells == wide, f"a row of {cells} cells in a table of {wide}: {line[:200]}"
        wide = cells


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.scripts, self.problems = 0, []

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        if tag in ("img", "x", "iframe", "object", "a", "link", "base", "form"):
            self.problems.append(tag)
        self.problems += [name for name, _ in attrs if name.startswith("on") or name in ("href", "src")]


def judge_html(text):
    no_controls(text)
    page = Page()
    page.feed(text)
    assert page.scripts == 1 and not page.problems, f"{page.scripts} scripts, {page.problems}"


def judge_junit(text):
    no_controls(text)
    tags = {element.tag for element in xml.etree.ElementTree.fromstring(text).iter()}
    assert tags <= {"testsuites", "testsuite", "testcase", "properties", "property", "failure", "error", "skipped", "system-out"}, tags


def judge_openmetrics(text):
    no_controls(text)
    label = r'[a-z_][a-z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
    sample = re.compile(rf"[a-z_:][a-z0-9_:]*(\{{({label}(,{label})*)?\}})? -?[0-9.e+-]+( [0-9.]+)?")
    lines = text.split("\n")
    assert lines[-2:] == ["# EOF", ""], "no end"
    for line in lines[:-2]:
        assert line.startswith("# ") or sample.fullmatch(line), f"no sample: {line[:200]!r}"


JUDGES = {"text": judge_text, "json": judge_json, "csv": judge_csv, "markdown": judge_markdown, "html": judge_html,
          "junit": judge_junit, "openmetrics": judge_openmetrics, "bmf": judge_json}


# ---- every command ----

def commands(folder):
    """Of each command what tells of the hostile runs; None where it tells of none."""
    one, other = str(folder / "one.json"), str(folder / "other.json")
    return {
        "report": [["report"], ["report", one]],
        "export": [["export"], ["export", other]],
        "compare": [["compare", one, other], ["compare", "feed0001", other, "NVIDIA L4"],
                    ["compare", one, other, "--demand", "mlp-1m forward >= 1 samples/s", "--workload", str(folder / "workload")]],
        "import": [["import", str(folder / "documents")], ["import", one, "--db", str(folder / "another.db")]],
        "fit": [["fit", "--no-calibrate", "--memory", "16GiB", "mlp-1m"]],
        "explain": [["explain", "mlp/mlp-1m/forward/f32/b128", "--no-calibrate"]],
        "validate": [["validate"]],
        "history": [["history"]],
        "regress": [["regress"]],
        "list": None, "probe": None, "doctor": None, "run": None, "man": None, "completion": None, "help": None, "worker": None,
    }


def run(program, arguments, environment):
    answer = subprocess.run([program, *arguments], env=environment, capture_output=True, stdin=subprocess.DEVNULL,
                            timeout=PATIENCE_S, check=False)
    assert 0 <= answer.returncode <= 3, f"exit code {answer.returncode}: {answer.stderr[-300:]!r}"
    no_controls(answer.stderr.decode())
    return answer


def main():
    program, failed, tried = sys.argv[1], 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pipe = str(folder / "pipe")
        os.mkfifo(pipe)
        environment = dict(os.environ, BENCHMARK_DB=str(folder / "history.db"), OMP_WAIT_POLICY="passive")
        fingerprint = json.loads(run(program, ["probe", "--json"], environment).stdout)["fingerprint"]
        documents = folder / "documents"
        documents.mkdir()
        runs = [hostile_run("feed000100000000", fingerprint, pipe, 1), hostile_run("feed000200000000", fingerprint, pipe, 0.8)]
        for path, document in zip((folder / "one.json", folder / "other.json"), runs):
            path.write_text(json.dumps(document))
        for number, word in enumerate(WORDS):  # and as files' names
            (documents / f"{number}{word.replace('/', '')}.json").write_text(json.dumps(
                hostile_run(f"beef{number:012d}", "00" * 16, pipe, 1)))
        (folder / "workload").write_text(json.dumps({"name": WORDS[0], "cases": ["*"], "weights": {WORDS[1]: 2}}))
        run(program, ["import", str(folder / "one.json"), str(folder / "other.json")], environment)

        listed = json.loads(run(program, ["list", "commands", "--json"], environment).stdout)["items"]
        known = commands(folder)
        for command in (item["name"] for item in listed):
            if command not in known:
                print(f"{command}: a command that this test doesn't know: say in commands() how it tells of runs")
                failed += 1
            for arguments in known.get(command) or []:
                for form in FORMATS:
                    tried += 1
                    try:
                        answer = run(program, [*arguments, "--format", form], environment)
                        if answer.stdout:
                            JUDGES[form](answer.stdout.decode())
                        elif not answer.stderr:
                            raise AssertionError("says nothing")
                    except (AssertionError, ValueError, csv.Error, xml.etree.ElementTree.ParseError,
                            subprocess.TimeoutExpired) as problem:
                        print(f"{' '.join(arguments)} --format {form}: {str(problem)[:400]}")
                        failed += 1
        exported = run(program, ["export", "--all", "--format", "csv"], environment).stdout.decode()
        judge_csv(exported)
    print(f"{tried} answers, {failed} wrong")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
