"""Writes arviz.json, the values that tests/arviz.rs checks this crate against.

Made with Python 3.11, arviz 0.22.0, numpy 2.4.6, scipy 1.17.1:  python -P arviz.py  (-P: or this file is imported as ArviZ)
Draws are rounded before anything is computed from them, so that the file is small and both sides see the same numbers.
"""

import json
import pathlib

import arviz as az
import numpy as np
import scipy
from arviz.stats import diagnostics

rng = np.random.default_rng(20210615)


def ar1(chains, n, rho):
    """Stationary from the first draw, with variance 1."""
    x = rng.normal(size=(chains, n))
    x[:, 1:] *= np.sqrt(1 - rho**2)
    for t in range(1, n):
        x[:, t] += rho * x[:, t - 1]
    return x


def rhat(x):
    # ArviZ refuses one chain, although its halves are compared; this is its own definition without that check.
    halves = diagnostics._split_chains(x)
    folded = abs(halves - np.median(halves))
    both = [diagnostics._rhat(diagnostics._z_scale(y)) for y in (halves, folded)]
    if len(x) > 1:
        assert max(both) == az.rhat(x), "the definition above is not ArviZ's"
    return max(both)


def case(name, x, decimals=4):
    x = np.round(x, decimals)
    # A single chain must stay two-dimensional for ArviZ's array interface.
    return {
        "name": name,
        "chains": x.tolist(),
        "rhat": rhat(x),
        "ess_bulk": az.ess(x, method="bulk"),
        "ess_tail": az.ess(x, method="tail"),
        "ess_mean": az.ess(x, method="mean"),
        "mcse_mean": az.mcse(x, method="mean"),
        "mcse_sd": az.mcse(x, method="sd"),
        "mcse_quantile": [[q, float(az.mcse(x, method="quantile", prob=q))] for q in (0.05, 0.5, 0.9)],
        "autocorrelation": az.autocorr(x[-1])[:10].tolist(),
    }


shifted, scaled = ar1(4, 150, 0.5), ar1(4, 150, 0.5)
shifted[2] += 1.5
scaled[1] *= 4
drifting = ar1(2, 160, 0.3) + np.linspace(-1, 1, 160)
stuck = ar1(3, 80, 0.2)
stuck[0] = 0.25
cases = [
    case("independent, 4 chains", ar1(4, 200, 0.0)),
    case("independent, 1 chain", ar1(1, 250, 0.0)),
    case("rho .5, 2 chains, odd", ar1(2, 201, 0.5)),
    case("rho .9, 4 chains", ar1(4, 200, 0.9)),
    case("rho .9, 1 chain, odd", ar1(1, 249, 0.9)),
    case("rho .99, 2 chains", ar1(2, 250, 0.99)),
    case("rho -.5, 4 chains, odd", ar1(4, 151, -0.5)),
    case("rho -.9, 2 chains", ar1(2, 200, -0.9)),
    case("one chain shifted", shifted),
    case("one chain scaled", scaled),
    case("all drift alike", drifting),
    case("one chain stuck", stuck),
    case("Cauchy", np.tan(np.pi * (rng.uniform(size=(4, 125)) - 0.5)), 3),
    case("ties", np.round(ar1(3, 120, 0.6)), 0),
    case("two values", (ar1(2, 100, 0.7) > 0.4).astype(float), 0),
    case("far from zero", 1e4 + ar1(2, 100, 0.4)),
    # Not smaller: ArviZ takes what varies by less than 1e-15 for constant, squares of draws (mcse_sd) included. This crate does not.
    case("small numbers", 1e-5 * ar1(2, 100, 0.4), 9),
    case("4 draws", ar1(2, 4, 0.0)),
    case("9 draws", ar1(3, 9, 0.0)),
    case("10 draws", ar1(3, 10, 0.5)),
]
versions = {"arviz": az.__version__, "numpy": np.__version__, "scipy": scipy.__version__}
out = {**versions, "cases": cases}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(out, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")
