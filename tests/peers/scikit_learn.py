#!/usr/bin/env python3
"""The classical models beside scikit-learn's: the same table, settings, threads and machine, interleaved (turns.py).

    venv/bin/python tests/peers/scikit_learn.py build/tests/peers/step [ROW]... [--seconds S] [--json FILE]

A training starts from nothing at every step, on both sides. For prediction both predict with what each has trained on
the size's usual table; other rows than those it was trained on.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))

import turns

NAME = "scikit-learn"
ROWS = [
    "classical/linear-svm/train/f32/b100000",
    "classical/linear-svm/forward/f32/b100000",
    "classical/random-forest/train/f32/b20000",
    "classical/random-forest/forward/f32/b20000",
    "classical/random-forest/forward/f32/b1",
]


def load():
    import sklearn.ensemble  # noqa: F401
    import sklearn.svm  # noqa: F401


def our_arguments(case):
    return [] if case.train else ["--trained"]


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


def make_step(case, threads, **setting):
    return make_svm_step(case, **setting) if case.size == "linear-svm" else make_forest_step(case, threads, **setting)


if __name__ == "__main__":
    turns.main(sys.modules[__name__])
