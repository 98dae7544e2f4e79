"""Are these draws to be believed? Diagnostics of `chains`, an array of (chains, draws)."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _apd

__all__ = ["ess_bulk", "ess_tail", "ksd", "mcse_mean", "rhat"]


def _chains(chains: Any) -> np.ndarray:
    chains = np.asarray(chains, dtype=np.float64)
    if chains.ndim != 2:
        raise ValueError(f"chains have shape {chains.shape}, expected (chains, draws)")
    return chains


def rhat(chains: Any) -> float:
    """Rank-normalized split-R̂: near 1 where chains agree."""
    return _apd.rhat(_chains(chains))


def ess_bulk(chains: Any) -> float:
    """Effective sample size of the bulk."""
    return _apd.ess_bulk(_chains(chains))


def ess_tail(chains: Any) -> float:
    """Effective sample size of the tails: the smaller one of those of the 5 % and 95 % quantiles."""
    return _apd.ess_tail(_chains(chains))


def mcse_mean(chains: Any) -> float:
    """Monte Carlo standard error of the mean, in the units of the draws."""
    return _apd.mcse_mean(_chains(chains))


def ksd(samples: Any, scores: Any, scale: float = 1.0) -> float:
    """Kernel Stein discrepancy of `samples`, (n, d), by `scores`, the gradients of the log density there."""
    samples, scores = (np.asarray(it, dtype=np.float64) for it in (samples, scores))
    if samples.ndim != 2 or samples.shape != scores.shape:
        raise ValueError(f"samples and scores have shapes {samples.shape} and {scores.shape}, expected (n, d) twice")
    return _apd.ksd(samples, scores, scale)
