"""Writes scikit_learn.json, the values that tests/scikit_learn.rs checks this crate against.

Made with Python 3.11, numpy 2.4.6, scikit-learn 1.9.1:  python scikit_learn.py
ECE is not in scikit-learn: it is written out in NumPy below, with bins (lower, upper].
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
    roc_curve,
)

rng = np.random.default_rng(20180710)


def detection(name, neg, pos):
    neg, pos = np.asarray(neg, float), np.asarray(pos, float)
    y = np.r_[np.zeros(len(neg)), np.ones(len(pos))]
    s = np.r_[neg, pos]
    fpr, tpr, threshold = roc_curve(y, s, drop_intermediate=False)
    return {
        "name": name,
        "negatives": neg.tolist(),
        "positives": pos.tolist(),
        "auroc": roc_auc_score(y, s),
        "aupr_out": average_precision_score(y, s),
        "aupr_in": average_precision_score(1 - y, -s),
        "fpr95": fpr[tpr >= 0.95].min(),
        # The first threshold is +inf, which JSON has no word for.
        "roc": [[float(t), a, b] for t, a, b in zip(threshold[1:], fpr[1:].tolist(), tpr[1:].tolist())],
    }


def ece(p, y, bins):
    confidence, right = p.max(1), p.argmax(1) == y
    edges = np.linspace(0, 1, bins + 1)
    total = 0.0
    for lo, hi in zip(edges[:-1], edges[1:]):
        inside = (confidence > lo) & (confidence <= hi)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return total


def calibration(name, n, k, sharpness, skill):
    y = rng.integers(0, k, n)
    logits = rng.normal(size=(n, k)) * sharpness
    logits[np.arange(n), y] += skill
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    onehot = np.eye(k)[y]
    return {
        "name": name,
        "p": p.tolist(),
        "labels": y.tolist(),
        "accuracy": accuracy_score(y, p.argmax(1)),
        "nll": log_loss(y, p, labels=range(k)),
        "brier": brier_score_loss(onehot, p, scale_by_half=False) if k > 2 else float(((p - onehot) ** 2).sum(1).mean()),
        "ece15": ece(p, y, 15),
        "ece10": ece(p, y, 10),
    }


cases = [
    detection("continuous", rng.normal(0, 1, 60), rng.normal(1, 1, 50)),
    detection("ties on a coarse grid", rng.integers(0, 5, 80) / 4, rng.integers(1, 6, 70) / 4),
    detection("two values", rng.integers(0, 2, 40), rng.integers(0, 2, 40)),
    detection("constant", np.zeros(7), np.zeros(5)),
    detection("constant positives inside", [0.1, 0.5, 0.5, 0.9], [0.5] * 6),
    detection("perfect", rng.uniform(0, 1, 20), rng.uniform(2, 3, 20)),
    detection("inverted", rng.uniform(2, 3, 20), rng.uniform(0, 1, 20)),
    detection("imbalance 1:100", rng.normal(0, 1, 300), rng.normal(1.5, 1, 3)),
    detection("imbalance 100:1", rng.normal(0, 1, 3), rng.normal(1.5, 1, 300)),
    detection("imbalance with ties", np.round(rng.normal(0, 1, 200), 1), np.round(rng.normal(0.5, 1, 11), 1)),
    detection("one against one", [0.3], [0.2]),
    detection("one against one, tied", [0.3], [0.3]),
    detection("tpr of exactly .95", [0.5] * 3 + [0.0] * 7, [1.0] * 19 + [-1.0]),
    detection("tpr just under .95", [0.5] * 3 + [0.0] * 7, [1.0] * 37 + [0.25] + [-1.0] * 2),
    detection("both zeros", [0.0, -0.0, 1.0], [-0.0, 0.0, 2.0]),
    detection("votes of 200 networks", rng.binomial(200, 0.03, 150) / 200, rng.binomial(200, 0.08, 150) / 200),
    detection("tiny differences", 1 + rng.integers(0, 4, 30) * 2.0**-52, 1 + rng.integers(1, 5, 30) * 2.0**-52),
]
calibrated = [
    calibration("ten classes", 60, 10, 1.0, 2.0),
    calibration("overconfident", 60, 10, 6.0, 2.0),
    calibration("two classes", 50, 2, 1.0, 1.0),
    calibration("one row", 1, 3, 1.0, 0.0),
]
out = {"scikit_learn": sklearn.__version__, "numpy": np.__version__, "detection": cases, "calibration": calibrated}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(out, indent=None, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")
