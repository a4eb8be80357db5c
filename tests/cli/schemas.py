#!/usr/bin/env python3
"""Validates what the program writes against docs/schemas with python3-jsonschema, and that each schema refuses the same
document once something required is gone or a figure has become text.

    schemas.py PROGRAM SCHEMAS

Skipped (exit 77) where there is no jsonschema.
"""

import copy
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

try:
    import jsonschema
except ImportError:
    print("skipped: there is no jsonschema (Debian: apt-get install python3-jsonschema)")
    sys.exit(77)

import simulated

CASE = "rnn/seed-rnn/forward/f32/b1/s5"
RACKS = ["{runs}/rack-a.json", "{runs}/rack-b.json", "{runs}/rack-c.json"]
COMMANDS = [
    ("machine", ["probe"]),
    ("list", ["list", "models"]),
    ("list", ["list", "formats"]),
    ("list", ["list", "cases"]),
    ("fit", ["fit", "--no-calibrate", "--memory", "16GiB"]),
    ("explain", ["explain", "gpt2/gpt2-124m/train/bf16/b4/s64/checkpointing", "--no-calibrate"]),
    ("run", ["run", "--suite", CASE, "--budget", "3s"]),
    ("run", ["report"]),
    ("run", ["export"]),
    ("history", ["history"]),
    ("regress", ["regress"]),
    ("explain", ["explain", CASE, "--no-calibrate"]),
    ("fit", ["fit", "--no-calibrate", "gpt2-124m"]),
    ("run", ["run", "--suite", simulated.MEASURED, "--max-runs", "3", "--warmup", "1"]),
    ("validate", ["validate"]),
    ("import", ["import", *RACKS]),
    ("import", ["import", "{runs}", "--skip-bad"]),
    ("compare", ["compare", *RACKS]),
    ("compare", ["compare", "NVIDIA L4", "{runs}/rack-a.json", "Intel Processor N100"]),
    ("compare", ["compare", *RACKS, "NVIDIA L4", "--workload", "{runs}/chat", "--price", "rack-a=4000", "--watts", "rack-a=350",
                 "--price", "rack-c=900", "--watts", "rack-c=120", "--demand", "llama-3-70b decode >= 1 tokens/s"]),
]
# What is read rather than written: as it is, and as no such file may be.
WORKLOAD = {"schema": "benchmark.workload/1", "name": "chat", "cases": ["llama/*", "gpt2/*"], "weights": {"*/decode/*": 3},
            "demands": ["llama-3-8b decode q4_K_M >= 2 tokens/s", "gpt2-124m train >= 2000 tokens/s total"]}
NO_WORKLOADS = [{}, {"name": ""}, {"name": "x", "case": []}, {"name": "x", "cases": []}, {"name": "x", "weights": {"a": -1}},
                {"name": "x", "demands": ["llama-3-8b decode"]}]


def with_references(schema, by_id):
    """The schema with those that it refers to in their places: how they are looked up differs between versions."""
    if isinstance(schema, list):
        return [with_references(part, by_id) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        referred = by_id[schema["$ref"]]
        return {key: part for key, part in referred.items() if not key.startswith("$")}
    return {key: with_references(part, by_id) for key, part in schema.items()}


def validators(folder):
    schemas = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    by_id = {schema["$id"]: schema for schema in schemas.values()}
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    return {name: (schema, jsonschema.Draft202012Validator(with_references(schema, by_id)))
            for name, schema in schemas.items()}


def spoiled(schema, document):
    """The document with one thing wrong, in as many ways as the schema's top tells."""
    for key in schema["required"]:
        without = copy.deepcopy(document)
        del without[key]
        yield f"without {key}", without
    other = copy.deepcopy(document)
    other["schema"] = "benchmark.other/1"
    yield "of another schema", other
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            empty = copy.deepcopy(document)
            empty[key][0] = {}
            if "required" in schema["properties"].get(key, {}).get("items", {}):
                yield f"an empty {key}[0]", empty


def check_workloads(program, validator, folder, environment):
    """The schema and the program take the same file, and refuse the same."""
    failed = 0
    for document in (WORKLOAD, *NO_WORKLOADS):
        path = pathlib.Path(folder) / "workload"
        path.write_text(json.dumps(document))
        answer = subprocess.run([program, "compare", f"{folder}/rack-a.json", f"{folder}/rack-b.json", "--workload", str(path)],
                                env=environment, capture_output=True, check=False)
        if validator.is_valid(document) != (answer.returncode != 2):
            print(f"workload: the schema and the program differ about {document}: {answer.stderr.decode()}")
            failed += 1
    return failed


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    known, failed, seen = validators(folder), 0, set()
    with tempfile.TemporaryDirectory() as name:
        environment = dict(os.environ, BENCHMARK_DB=str(pathlib.Path(name) / "history.db"))
        simulated.write(name)
        (pathlib.Path(name) / "bad.json").write_text("{")
        (pathlib.Path(name) / "chat").write_text(json.dumps(WORKLOAD))
        failed += check_workloads(program, known["workload"][1], name, environment)
        seen.add("workload")
        for schema_name, command in COMMANDS:
            command = [word.replace("{runs}", name) for word in command]
            answer = subprocess.run([program, *command, "--json"], env=environment, capture_output=True, check=False)
            schema, validator = known[schema_name]
            document = json.loads(answer.stdout)
            errors = list(validator.iter_errors(document))
            for error in errors[:5]:
                print(f"{' '.join(command)}: {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}")
            for what, wrong in spoiled(schema, document):
                if validator.is_valid(wrong):
                    print(f"{schema_name}: takes a document {what}")
                    failed += 1
            failed += bool(errors)
            seen.add(schema_name)
            print(f"{' '.join(command)}: {'wrong' if errors else 'right'}")
    print(f"never tried: {', '.join(sorted(set(known) - seen)) or 'none'}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
