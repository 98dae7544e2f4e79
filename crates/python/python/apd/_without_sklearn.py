"""The little of scikit-learn that the estimators use, for where it is not installed."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np


class BaseEstimator:
    """Parameters by name."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters."""
        names = [name for name in inspect.signature(type(self).__init__).parameters if name != "self"]
        return {name: getattr(self, name) for name in names}

    def set_params(self, **parameters: Any) -> BaseEstimator:
        """Sets parameters."""
        known = self.get_params()
        for name, value in parameters.items():
            if name not in known:
                raise ValueError(f"{name!r} is no parameter of {type(self).__name__}: {', '.join(known)}")
            setattr(self, name, value)
        return self


class RegressorMixin:
    """R² as the score."""

    def score(self, X: Any, y: Any) -> float:
        """Share of the variance of y that is predicted."""
        y = np.asarray(y, dtype=np.float64)
        return float(1.0 - np.sum((y - self.predict(X)) ** 2) / np.sum((y - y.mean()) ** 2))


class ClassifierMixin:
    """Accuracy as the score."""

    def score(self, X: Any, y: Any) -> float:
        """Share of rows whose class is predicted."""
        return float(np.mean(self.predict(X) == np.asarray(y)))


def check_classification_targets(y: np.ndarray) -> None:
    """Refuses numbers that are no classes."""
    if y.dtype.kind == "f" and np.any(y != np.floor(y)):
        raise ValueError("Unknown label type: continuous. y holds fractions, expected classes")


def check_is_fitted(estimator: Any, attribute: str) -> None:
    """Refuses to go on without a fit."""
    if not hasattr(estimator, attribute):
        raise ValueError(f"this {type(estimator).__name__} is not fitted yet: call fit first")


def column_or_1d(y: np.ndarray, warn: bool = False) -> np.ndarray:
    """One value for each row."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(f"y has shape {y.shape}, expected one value for each row")
    return y


def validate_data(estimator: Any, X: Any, y: Any = None, *, skip_check_array: bool = False, reset: bool = True, **_: Any) -> Any:
    """X as a matrix of finite numbers or NaN, and y beside it."""
    if not skip_check_array:
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != 2:
            raise ValueError(f"X has shape {X.shape}, expected rows × columns")
        if np.isinf(X).any():
            raise ValueError("X contains infinity")
    columns = len(X.columns) if skip_check_array else X.shape[1]
    if reset:
        estimator.n_features_in_ = columns
    elif columns != estimator.n_features_in_:
        raise ValueError(f"X has {columns} columns, the model was fitted with {estimator.n_features_in_}")
    if y is None:
        return X
    y = column_or_1d(np.asarray(y))
    if len(y) != len(X):
        raise ValueError(f"X has {len(X)} rows, y has {len(y)} values")
    return X, y
