#!/usr/bin/env python3
"""Runs every command of a page of docs/, in its order, in a folder of their own.

    documentation.py PROGRAM PAGE...

Commands are the lines of its ```sh blocks: each begins with `benchmark`; `# exit code N` behind one says what else than 0
it ends with. A ```json block is written into the file that the line before it names in backticks. Measuring is cut short:
`run` takes one small case, and the document that it is told to write becomes a simulated machine's (simulated.py), by
the name of the file, so that the commands that follow have something to say.
"""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

import simulated

SHORT = ["--suite", "rnn/seed-rnn/forward/f32/b1/s5", "--budget", "5s", "--max-runs", "3", "--warmup", "1"]
NOISY = 3  # a busy machine is no fault of the page


def parts(page):
    """Of a page in order: ("json", file's name, text) and ("sh", line number, command line)."""
    lines, kind, block, before = page.read_text(encoding="utf-8").split("\n"), None, [], ""
    for number, line in enumerate(lines, 1):
        if line.startswith("```"):
            if kind == "json":
                names = re.findall(r"`([\w.-]+\.json)`", before)
                assert names, f"{page}:{number}: no line before the block names its file"
                yield "json", names[-1], "\n".join(block)
            kind, block = (None if kind is not None else line[3:].strip()), []
        elif kind == "sh" and line.strip():
            yield "sh", number, line
        elif kind is not None:
            block.append(line)
        elif line.strip():
            before = line
    assert kind is None, f"{page}: a block has no end"


def output_of(words):
    return pathlib.Path(words[words.index("-o") + 1]) if "-o" in words else None


def run(program, words, expected, folder, environment):
    measures, judges = words[1] == "run", words[1] in ("run", "doctor")
    answer = subprocess.run([program, *words[1:], *(SHORT if measures else [])], cwd=folder, env=environment,
                            capture_output=True, stdin=subprocess.DEVNULL, check=False)
    written = output_of(words)
    if answer.returncode != expected and not (judges and answer.returncode == NOISY):
        return f"exits with {answer.returncode}, not {expected}: {answer.stderr.decode()[-400:]}"
    if written and not (folder / written).exists():
        return f"writes no {written}"
    if measures and written:
        for one in simulated.runs():
            if one["machine"]["name"] == written.stem:
                (folder / written).write_text(json.dumps(one))
    return None


def check(program, page):
    failed = tried = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        environment = dict(os.environ, BENCHMARK_DB=str(folder / "history.db"), OMP_WAIT_POLICY="passive")
        for kind, where, text in parts(page):
            if kind == "json":
                (folder / where).write_text(text)
                continue
            code = re.search(r"#\s*exit code (\d+)\s*$", text)
            words = shlex.split(text, comments=True)
            if words[0] != "benchmark":
                problem = "isn't a command of benchmark"
            else:
                problem = run(program, words, int(code.group(1)) if code else 0, folder, environment)
            tried += 1
            if problem:
                print(f"{page}:{where}: {text}\n    {problem}")
                failed += 1
    print(f"{page.name}: {tried} commands, {failed} wrong")
    return failed + (not tried)


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    return int(bool(sum(check(program, pathlib.Path(page)) for page in sys.argv[2:])))


if __name__ == "__main__":
    sys.exit(main())
