"""Bayesian neural networks by stochastic-gradient MCMC, distilled into one small file.

>>> import apd
>>> model = apd.ApdRegressor(effort="quick").fit(X, y)
>>> mean, sd = model.predict(X_new, return_std=True)
>>> lower, upper = model.predict_interval(X_new, coverage=0.9)

`ApdClassifier` and `ApdRegressor` are estimators as scikit-learn knows them; `load` reads their files, which are those of the command `apd fit`.
`distill` makes a small file of anybody's posterior samples; `sample` draws from a log density of one's own. `apd.metrics` and `apd.diagnostics` are functions on arrays.
"""

from . import diagnostics, metrics
from ._apd import __version__
from ._estimators import ApdClassifier, ApdRegressor, load
from ._posterior import Posterior, distill
from ._sampling import Draws, sample

__all__ = [
    "ApdClassifier",
    "ApdRegressor",
    "Draws",
    "Posterior",
    "__version__",
    "diagnostics",
    "distill",
    "load",
    "metrics",
    "sample",
]
