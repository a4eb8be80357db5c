"""The classical models against scikit-learn: data/classical.txt for test_classical.c.

The tables are the program's own (engine/generate_tabular.h). For the support vector machine: LinearSVC's objective and
weights at a tight tolerance. For the forest: the share of held-out rows, the next `rows` of the same table, that
RandomForestClassifier judges right, the mean of several seeds, and how large its trees are.
"""
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import LinearSVC

import generator
from format import GoldenFile

COMMENT = """\
The classical family: made by tests/golden/generate.py with scikit-learn. See format.py.
svm: objective; weights, the bias last.  forest: accuracy on held-out rows; nodes and depth: the trees' means."""

SEED, NOISE = 1, np.float32(0.5)
SEEDS = 5


def table(rows, columns, pairs):
    """Features [rows, columns] and labels by the planted rule."""
    x = generator.normal(SEED, "features", rows * columns).reshape(rows, columns)
    rule = generator.normal(SEED, "labels rule", columns)
    wide, score = x.astype(np.float64), np.zeros(rows)
    for c in range(columns):
        score += float(rule[c]) * wide[:, c]
    score /= np.sqrt(columns)
    if pairs:
        score += sum(wide[:, 2 * p] * wide[:, 2 * p + 1] for p in range(pairs)) / np.sqrt(pairs)
    labels = score + float(NOISE) * generator.normal(SEED, "labels", rows).astype(np.float64) > 0
    return x, labels.astype(np.int64)


def objective(x, y, weights):
    missing = np.maximum(0, 1 - (2 * y - 1) * (x.astype(np.float64) @ weights[:-1] + weights[-1]))
    return weights @ weights / 2 + np.square(missing).sum()


def write_svm(out, rows):
    x, y = table(rows, 100, 0)
    model = LinearSVC(dual=False, tol=1e-8, max_iter=10000).fit(x.astype(np.float64), y)
    weights = np.append(model.coef_[0], model.intercept_)
    out.case(f"svm-{rows}", id=f"classical/linear-svm/train/f32/b{rows}")
    out.tensor("objective", objective(x, y, weights))
    out.tensor("weights", weights)


def write_forest(out, rows):
    x, y = table(2 * rows, 50, 4)
    accuracies, nodes, depths = [], [], []
    for seed in range(SEEDS):
        model = RandomForestClassifier(100, random_state=seed, n_jobs=-1).fit(x[:rows], y[:rows])
        accuracies.append(model.score(x[rows:], y[rows:]))
        nodes += [tree.tree_.node_count for tree in model.estimators_]
        depths += [tree.decision_path(x[rows:rows + 500]).sum() / 500 for tree in model.estimators_[:10]]
    out.case(f"forest-{rows}", id=f"classical/random-forest/train/f32/b{rows}")
    out.tensor("accuracy", np.mean(accuracies))
    out.tensor("nodes", np.mean(nodes))
    out.tensor("depth", np.mean(depths))


def write(path):
    out = GoldenFile(path, COMMENT)
    write_svm(out, 1000)
    write_svm(out, 100000)
    write_forest(out, 2000)
    write_forest(out, 20000)
    out.write()
