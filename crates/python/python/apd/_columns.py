"""From arrays and DataFrames to named columns, and back to class labels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Columns = list[tuple[str, Any]]


def is_frame(X: Any) -> bool:
    """Whether X has named columns: a DataFrame of pandas, polars or another library."""
    return hasattr(X, "columns") and hasattr(X, "__getitem__") and not isinstance(X, np.ndarray)


def of_matrix(X: np.ndarray) -> Columns:
    """The columns of a matrix of numbers: x0, x1, …"""
    return [(f"x{i}", np.ascontiguousarray(X[:, i], dtype=np.float64)) for i in range(X.shape[1])]


def of_frame(X: Any) -> Columns:
    """The columns of a DataFrame: numbers where it has numbers, strings for everything else; missing values are NaN and ''."""
    names = [str(name) for name in X.columns]
    return [(name, _values(name, X[column])) for name, column in zip(names, X.columns)]


def _values(name: str, column: Any) -> Any:
    values = np.asarray(column)
    if values.ndim != 1:
        raise ValueError(f"column {name!r} has {values.ndim} axes, expected one")
    # Categories may be called by numbers.
    is_category = str(getattr(column, "dtype", "")) == "category"
    if values.dtype.kind in "fiu" and not is_category:
        numbers = np.ascontiguousarray(values, dtype=np.float64)
        _finite(name, numbers)
        return numbers
    if values.dtype.kind in "mM":
        raise ValueError(f"column {name!r} holds dates: make numbers of them, or leave it out")
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: column {name!r}")
    present = [value for value in values if not _is_missing(value)]
    if present and not is_category and all(isinstance(value, (int, float, np.number)) and not isinstance(value, bool) for value in present):
        numbers = np.array([math.nan if _is_missing(value) else float(value) for value in values])
        _finite(name, numbers)
        return numbers
    return ["" if _is_missing(value) else str(value) for value in values]


def _finite(name: str, numbers: np.ndarray) -> None:
    infinite = np.flatnonzero(np.isinf(numbers))
    if infinite.size:
        raise ValueError(f"column {name!r}, row {infinite[0]}: {numbers[infinite[0]]} is infinite")


def _is_missing(value: Any) -> bool:
    # First by its type: pandas' NA has no truth.
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value
