"""Estimators as scikit-learn knows them."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from . import _apd, _columns, _work

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError:  # numpy is all that is needed
    from ._without_sklearn import (  # type: ignore[assignment]
        BaseEstimator,
        ClassifierMixin,
        RegressorMixin,
        check_classification_targets,
        check_is_fitted,
        column_or_1d,
        validate_data,
    )

_TARGET = "y"


class _Estimator(BaseEstimator):
    """What classifiers and regressors share."""

    def __init__(
        self,
        *,
        effort: str = "default",
        network: str = "auto",
        chains: int | None = None,
        steps: int | None = None,
        draws: int | None = None,
        random_state: Any = None,
        n_jobs: int | None = None,
        backend: str | None = None,
        checkpoints: str | os.PathLike[str] | None = None,
        progress: Any = None,
    ):
        self.effort = effort
        self.network = network
        self.chains = chains
        self.steps = steps
        self.draws = draws
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.backend = backend
        self.checkpoints = checkpoints
        self.progress = progress

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    # Fitting.

    def _fit(self, columns: _columns.Columns, target: Any, classification: bool) -> None:
        names = {name for name, _ in columns}
        name = _TARGET
        while name in names:
            name += "_"
        settings = {
            "columns": [*columns, (name, target)],
            "target": name,
            "classification": classification,
            "network": _of_type("network", self.network, str),
            "effort": _of_type("effort", self.effort, str),
            "chains": _count("chains", self.chains),
            "steps": _count("steps", self.steps),
            "draws": _count("draws", self.draws),
            "seed": _seed(self.random_state),
        }
        fit = _apd.Fit(**settings)
        threads = _work.threads(self.n_jobs)
        checkpoints = None if self.checkpoints is None else os.fspath(self.checkpoints)
        if checkpoints is not None:
            os.makedirs(checkpoints, exist_ok=True)
        with _work.progress(self.progress) as progress:
            if self.backend in (None, "threads"):
                self.model_ = fit.run(threads=threads, checkpoints=checkpoints, progress=progress)
            elif self.backend == "joblib":
                with _work.chains_by_joblib(settings, fit.chains(), self.n_jobs, checkpoints) as folder:
                    self.model_ = fit.run(threads=threads, checkpoints=folder, progress=progress)
            else:
                raise ValueError(f"backend is {self.backend!r}, expected 'threads' or 'joblib'")
        self.draws_ = self.provenance_["samples"] // fit.chains()

    def _training_columns(self, X: Any, y: Any) -> tuple[_columns.Columns, np.ndarray]:
        if _columns.is_frame(X):
            # Names and number of columns are remembered; nothing is converted.
            validate_data(self, X, skip_check_array=True)
            columns = _columns.of_frame(X)
            y = column_or_1d(np.asarray(y), warn=True)
            if len(y) != len(columns[0][1]):
                raise ValueError(f"X has {len(columns[0][1])} rows, y has {len(y)} values")
        else:
            X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", multi_output=False, y_numeric=False)
            columns = _columns.of_matrix(X)
        rows = len(y)
        if rows < _FEWEST:
            raise ValueError(f"X has {rows} sample(s), n_samples={rows}; at least {_FEWEST} are needed to fit and to judge a model")
        return columns, y

    def _new_matrix(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        # Numbers of either width are read where they lie.
        return validate_data(self, X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan", reset=False)

    def _new_columns(self, X: Any) -> _columns.Columns:
        check_is_fitted(self, "model_")
        if _columns.is_frame(X):
            validate_data(self, X, skip_check_array=True, reset=False)
            return _columns.of_frame(X)
        columns = _columns.of_matrix(self._new_matrix(X))
        names = getattr(self, "feature_names_in_", [name for name, _ in columns])
        return [(name, values) for name, (_, values) in zip(names, columns)]

    def _predict(self, X: Any, *coverage: float) -> dict[str, Any]:
        how = {"coverage": list(coverage), "threads": _work.threads(self.n_jobs)}
        if _columns.is_frame(X):
            columns = self._new_columns(X)
            return self.model_.predict(columns, **how)
        matrix = self._new_matrix(X)
        return self.model_.predict_matrix(matrix, **how)

    def sample_more(self, X: Any, y: Any, draws: int) -> _Estimator:
        """Goes on with the chains of `fit`, for `draws` further networks of each, and makes the model anew from all of them.

        X, y and the folder of `checkpoints` are those of `fit`. The model is that of a fit with as many draws from the beginning, to the bit.
        """
        check_is_fitted(self, "draws_")
        if self.checkpoints is None:
            raise ValueError("checkpoints is None: chains go on from the folder that fit has left them in")
        before = self.draws
        self.draws = self.draws_ + (_count("draws", draws) or 0)
        try:
            return self.fit(X, y)
        except BaseException:
            self.draws = before
            raise

    # What both answer.

    def ood_score(self, X: Any) -> np.ndarray:
        """How strange each row is: the share of held-out training rows that look less strange, from 0 to 1. Shape (n,)."""
        return self._predict(X)["ood"]

    @property
    def verdicts_(self) -> list[tuple[bool, str]]:
        """What held-out rows say of the model: whether each verdict is met, and its words."""
        check_is_fitted(self, "model_")
        return self.model_.verdicts

    @property
    def provenance_(self) -> dict[str, Any]:
        """Settings, numbers of rows and samples, and what held-out rows said."""
        check_is_fitted(self, "model_")
        provenance, held_out = json.loads(self.model_.provenance)
        return {**provenance, "held_out_scores": held_out}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model's file, which `apd predict` and `apd.load` read."""
        check_is_fitted(self, "model_")
        self.model_.save(os.fspath(path))


class ApdRegressor(RegressorMixin, _Estimator):
    """A posterior of networks for a number, with noise that depends on the row.

    Parameters
    ----------
    effort : 'quick', 'default' or 'thorough'
        How much work a fit is; the only knob that most people need.
    network : str
        'auto', hidden layers as in 'mlp:32-32' or 'mlp:16-16:tanh', or 'cnn': convolutions over images of at least 8 × 8 pixels, whose pixels the
        columns are, row by row, the colors of a pixel beside each other.
    chains, steps, draws : int, optional
        Chains, most steps of each (its warm-up included), and networks that each keeps; by the effort unless given.
    random_state : int or numpy.random.RandomState, optional
        Root of every random number. The result does not depend on the number of threads.
    n_jobs : int, optional
        Threads; one for each core unless given. With joblib its jobs.
    backend : 'threads' or 'joblib', optional
        Where the chains are sampled: on threads, or each as a job of joblib, in processes or wherever `joblib.parallel_config` says (Dask, Ray,
        Spark). The model is the same.
    checkpoints : path, optional
        A folder in which the chains leave checkpoints every ten seconds, and from which a fit that was interrupted goes on, and one of the same
        data with more `chains` or `draws`.
    progress : True or callable, optional
        True shows a bar (by tqdm, if it is there); a callable is told (stage, steps done, steps) twenty times a second.

    Attributes
    ----------
    verdicts_ : list of (bool, str)
        Whether the model is to be believed, by rows that were held out.
    """

    def fit(self, X: Any, y: Any) -> ApdRegressor:
        """Fits to X, (n, d) numbers or a DataFrame, and y, n numbers."""
        columns, y = self._training_columns(X, y)
        y = np.ascontiguousarray(y, dtype=np.float64)
        if not np.isfinite(y).all():
            raise ValueError(f"y contains NaN or infinity, first in row {np.flatnonzero(~np.isfinite(y))[0]}")
        self._fit(columns, y, classification=False)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The expected value of each row, (n,); with `return_std` also the standard deviation of a new observation."""
        found = self._predict(X)
        return (found["mean"], found["sd"]) if return_std else found["mean"]

    def predict_interval(self, X: Any, coverage: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends of intervals that hold `coverage` of new observations, corrected by held-out rows. Shapes (n,)."""
        found = self._predict(X, float(coverage))
        return found["lower"][0], found["upper"][0]

    def predict_parts(self, X: Any) -> dict[str, np.ndarray]:
        """'mean', 'sd', and its parts 'aleatoric_sd' (more data would not help) and 'epistemic_sd' (it would). Shapes (n,)."""
        found = self._predict(X)
        return {name: found[name] for name in ("mean", "sd", "aleatoric_sd", "epistemic_sd")}

    def predict_dist(self, X: Any) -> Any:
        """The law of each row's number: `mean()`, `std()`, `quantile(q)`, `logpdf(y)`, `cdf(y)`, `crps(y)`, `sample(n, seed)`."""
        columns = self._new_columns(X)
        return self.model_.law(columns, threads=_work.threads(self.n_jobs))

    def sample(self, X: Any, n: int = 1, seed: int = 0) -> np.ndarray:
        """`n` new observations of each row, (rows, n)."""
        return self.predict_dist(X).sample(n, seed)


class ApdClassifier(ClassifierMixin, _Estimator):
    """A posterior of networks for a class.

    Parameters are those of `ApdRegressor`.

    Attributes
    ----------
    classes_ : array
        The labels, in the order of the columns of `predict_proba`.
    verdicts_ : list of (bool, str)
        Whether the model is to be believed, by rows that were held out.
    """

    def fit(self, X: Any, y: Any) -> ApdClassifier:
        """Fits to X, (n, d) numbers or a DataFrame, and y, n labels of any kind."""
        columns, y = self._training_columns(X, y)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class ({self.classes_[0]!r}): the classifier needs two or more classes")
        if self.classes_.dtype.kind in "fiub":
            target: Any = np.ascontiguousarray(y, dtype=np.float64)
        else:
            odd = [label for label in self.classes_ if not isinstance(label, str) or not label]
            if odd:
                raise ValueError(f"y has the label {str(odd[0])!r}, expected numbers or strings that are not empty")
            # As Python sorts strings they are sorted by their bytes too, which is the file's order.
            target = [str(self.classes_[code]) for code in codes]
        self._fit(columns, target, classification=True)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (n, classes)."""
        return self._predict(X)["p"]

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row, (n,)."""
        p = self.predict_proba(X)
        return self.classes_[np.argmax(p, axis=1)]

    def predict_parts(self, X: Any) -> dict[str, np.ndarray]:
        """'entropy' of the prediction and 'bald', the part that the networks disagree about, in nats; 'abstain', whether not to answer is better.

        Shapes (n,).
        """
        found = self._predict(X)
        return {name: found[name] for name in ("entropy", "bald", "abstain")}


_FEWEST = 10


def load(path: str | os.PathLike[str]) -> ApdClassifier | ApdRegressor:
    """Reads a model's file, of `save` or of the command `apd fit`, as a fitted estimator."""
    model = _apd.Model.load(os.fspath(path))
    if model.classes is None:
        estimator: ApdClassifier | ApdRegressor = ApdRegressor()
    else:
        estimator = ApdClassifier()
        estimator.classes_ = _labels(model.classes)
    estimator.model_ = model
    names = [name for name, _ in model.features]
    estimator.n_features_in_ = len(names)
    if names != [f"x{i}" for i in range(len(names))]:
        estimator.feature_names_in_ = np.array(names, dtype=object)
    return estimator


def _labels(names: list[str]) -> np.ndarray:
    """Names as the labels that they were: whole numbers, numbers, or strings."""
    for kind in (int, float):
        try:
            return np.array([kind(name) for name in names])
        except ValueError:
            pass
    return np.array(names)


def _of_type(name: str, value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{name} is {value!r}, expected a {kind.__name__}")
    return value


def _count(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} is {value!r}, expected a whole number from 1 on")
    return int(value)


def _seed(random_state: Any) -> int:
    if random_state is None:
        return 1
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63 - 1))
    if isinstance(random_state, bool) or not isinstance(random_state, (int, np.integer)) or random_state < 0:
        raise ValueError(f"random_state is {random_state!r}, expected a whole number from 0 on, or a numpy generator")
    return int(random_state)
