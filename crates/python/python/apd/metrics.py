"""Metrics of predictions, on arrays; refused with the row named where rows of `p` are no probabilities.

`p`: (n, classes), `labels`: (n,) whole numbers from 0 on; logarithms are natural.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _apd

__all__ = ["accuracy", "aurc", "auroc", "bald", "brier", "coverage", "crps", "detection", "ece", "entropy", "nll", "width"]


def _p(p: Any, axes: int = 2) -> np.ndarray:
    p = np.asarray(p, dtype=np.float64)
    if p.ndim != axes:
        raise ValueError(f"p has shape {p.shape}, expected {'(networks, n, classes)' if axes == 3 else '(n, classes)'}")
    return p


def _labels(labels: Any) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(f"labels have shape {labels.shape}, expected (n,)")
    if labels.dtype.kind not in "iub" or (labels.size and (labels.min() < 0 or labels.max() > 2**32 - 1)):
        raise ValueError("labels are whole numbers from 0 on")
    return labels.astype(np.uint32)


def _numbers(name: str, values: Any) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"{name} has shape {values.shape}, expected (n,)")
    return values


def accuracy(p: Any, labels: Any) -> float:
    """Share of rows whose most probable class is the label."""
    return _apd.accuracy(_p(p), _labels(labels))


def nll(p: Any, labels: Any) -> float:
    """Mean −ln p of the labels, in nats."""
    return _apd.nll(_p(p), _labels(labels))


def brier(p: Any, labels: Any) -> float:
    """Mean squared distance of the probabilities from the labels, Σ_k (p_k − 1[k = label])², from 0 to 2."""
    return _apd.brier(_p(p), _labels(labels))


def ece(p: Any, labels: Any, bins: int = 15) -> float:
    """Expected calibration error of the most probable class, over bins of equal width."""
    return _apd.ece(_p(p), _labels(labels), bins)


def entropy(p: Any) -> np.ndarray:
    """Entropy of the average of several networks' predictions, in nats. `p`: (networks, n, classes); the result is (n,)."""
    return _apd.entropy(_p(p, 3))


def bald(p: Any) -> np.ndarray:
    """The part of the entropy that the networks disagree about, in nats. `p`: (networks, n, classes); the result is (n,)."""
    return _apd.bald(_p(p, 3))


def auroc(negatives: Any, positives: Any) -> float:
    """Area under the ROC curve of a score that is to be larger for `positives`."""
    return _apd.auroc(_numbers("negatives", negatives), _numbers("positives", positives))


def detection(negatives: Any, positives: Any) -> dict[str, float]:
    """'auroc', 'aupr' (of the positives), and 'fpr95', the share of false positives where 95 % of the positives are found."""
    found = _apd.detection(_numbers("negatives", negatives), _numbers("positives", positives))
    return dict(zip(("auroc", "aupr", "fpr95"), found))


def aurc(uncertainty: Any, loss: Any) -> float:
    """Area under the risk-coverage curve: mean loss of the rows that are surest, averaged over how many are answered."""
    return _apd.aurc(_numbers("uncertainty", uncertainty), _numbers("loss", loss))


def crps(mean: Any, sd: Any, y: Any) -> np.ndarray:
    """Continuous ranked probability score of normals, in the units of y. All shapes (n,)."""
    return _apd.crps(_numbers("mean", mean), _numbers("sd", sd), _numbers("y", y))


def coverage(lower: Any, upper: Any, y: Any) -> float:
    """Share of y that lies in its interval, ends included."""
    lower, upper, y = _numbers("lower", lower), _numbers("upper", upper), _numbers("y", y)
    return float(np.mean((lower <= y) & (y <= upper)))


def width(lower: Any, upper: Any) -> float:
    """Mean width of intervals."""
    return float(np.mean(_numbers("upper", upper) - _numbers("lower", lower)))
