"""Writes scipy_stats.json, the values that tests/scipy_stats.rs checks this crate against.

Made with Python 3.11, numpy 2.4.6, scipy 1.17.1, properscoring 0.1:  python scipy_stats.py
"""

import json
import pathlib

import numpy as np
import properscoring
from scipy import integrate, optimize, stats

rng = np.random.default_rng(20180711)


def law(family, dof, location, scale):
    if family == "normal":
        return stats.norm(location, scale)
    if family == "student-t":
        return stats.t(dof, location, scale)
    return stats.poisson(location)


def case(family, dof, locations, scales, ys):
    laws = [law(family, dof, a, b) for a, b in zip(locations, scales)]
    cdf = lambda z: float(np.mean([p.cdf(z) for p in laws]))
    low, high = min(p.ppf(1e-12) for p in laws), max(p.ppf(1 - 1e-12) for p in laws)
    discrete = family == "poisson"
    rows = []
    for y in ys:
        y = float(y)
        if discrete:
            k = np.arange(0, max(high, y) + 2)
            crps = float(np.sum((np.mean([p.cdf(k) for p in laws], axis=0) - (k >= y)) ** 2))
            density = float(np.log(np.mean([p.pmf(y) for p in laws])))
            pit = 0.5 * (cdf(y) + cdf(y - 1))
        else:
            knots = sorted({*np.clip(locations, -1e6, 1e6), y})
            below = [-np.inf, *[k for k in knots if k <= y]]
            above = [*[k for k in knots if k >= y], np.inf]
            quad = lambda f, ends: sum(
                integrate.quad(f, a, b, epsabs=1e-12, epsrel=1e-12, limit=500)[0] for a, b in zip(ends, ends[1:])
            )
            crps = quad(lambda z: cdf(z) ** 2, below) + quad(lambda z: (1 - cdf(z)) ** 2, above)
            density = float(np.log(np.mean([p.pdf(y) for p in laws])))
            pit = cdf(y)
        rows.append({"y": y, "crps": crps, "ln_density": density, "pit": pit})
    quantiles = []
    for p in [0.001, 0.05, 0.5, 0.9, 0.999]:
        if discrete:
            q = next(k for k in range(10**6) if cdf(k) >= p)
        else:
            q = optimize.brentq(lambda z: cdf(z) - p, low - 1, high + 1, xtol=1e-13, rtol=1e-14)
        quantiles.append([p, float(q)])
    means, variances = np.array([p.mean() for p in laws]), np.array([p.var() for p in laws])
    return {
        "family": family,
        "dof": dof,
        "locations": list(map(float, locations)),
        "scales": list(map(float, scales)),
        "mean": float(means.mean()),
        "aleatoric": float(np.sqrt(variances.mean())),
        "epistemic": float(means.std()),
        "rows": rows,
        "quantiles": quantiles,
    }


def normals(s, spread):
    return rng.normal(0, spread, s), rng.uniform(0.3, 2, s)


cases = [
    case("normal", 0, [1.5], [0.7], [1.5, -3, 4]),
    case("normal", 0, [-3, 5], [0.1, 2.0], [-3, 0, 4.9, 20]),
    case("normal", 0, *normals(17, 2.0), [-5, 0.1, 1]),
    case("normal", 0, [100000.0, 100000.5, 100000.5], [0.01, 0.02, 0.03], [100000.2, 100000.51]),
    case("student-t", 3.5, *normals(5, 1.0), [-4, 0.2, 9]),
    case("student-t", 30.0, [2.0], [0.5], [2.0, 3.3]),
    case("poisson", 0, [0.3], [0], [0, 1, 5]),
    case("poisson", 0, [2.5, 7.0, 40.0], [0, 0, 0], [0, 6, 41, 70]),
]
# One normal law has a closed form.
draws = rng.normal(0, 1, (20, 2))
single = [[m, 0.7, y, float(properscoring.crps_gaussian(y, m, 0.7))] for m, y in draws]
path = pathlib.Path(__file__).with_name("scipy_stats.json")
path.write_text(json.dumps({"cases": cases, "crps_gaussian": [list(map(float, x)) for x in single]}, indent=1) + "\n")
