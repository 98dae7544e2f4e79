"""Anybody's posterior samples, distilled into one small file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import _apd, _work

_KEY = "apd.python"


def distill(
    samples: Any,
    *,
    sample_axes: int = 1,
    method: str = "rows",
    share: float = 0.02,
    seed: int = 0,
    n_jobs: int | None = None,
) -> Posterior:
    """Distils samples of a posterior.

    Parameters
    ----------
    samples : array, list of state_dicts, mapping of stacked arrays, or path
        (n, d) numbers; or n mappings from names to arrays (PyTorch's `state_dict()`); or one mapping from names to arrays whose first axis
        is the sample (numpyro's and blackjax's pytrees, flat or nested); or the path of a `.npy`.
    sample_axes : int
        Leading axes of those arrays that are samples: 2 for (chain, draw), as in `bde`'s `positions_eT_` and numpyro's samples by chain.
    method : 'rows' or 'subspace'
        Rows at equal distances in 8 bits, each number in units of its own where units are unlike: draws are samples as they were, to
        rounding. Or a few principal directions with a kernel density of the coefficients.
    share : float
        Of the samples' bytes as float32, what is kept; at least 32 samples are.

    Positive entries (those whose names end in `running_var`) are kept as logarithms, whole numbers (counters) as they are in the last
    sample: a draw never has a negative variance.
    """
    if isinstance(samples, (str, os.PathLike)):
        samples = np.load(os.fspath(samples))
    if isinstance(samples, Mapping):
        entries = _joined(_flat(samples), sample_axes)
    elif isinstance(samples, Sequence) and samples and isinstance(samples[0], Mapping):
        entries = _stacked(samples)
    else:
        rows = _joined({"theta": np.asarray(samples)}, sample_axes)["theta"]
        if rows.ndim != 2:
            raise ValueError(f"samples have shape {rows.shape}, expected (n, d), state_dicts, or a mapping of stacked arrays")
        entries = {"theta": rows}
    kept, whole, logarithms = {}, {}, []
    for name, value in entries.items():
        if value.dtype.kind in "iub":
            whole[name] = {"dtype": value.dtype.str, "value": value[-1].tolist()}
            continue
        if value.dtype.kind != "f":
            raise ValueError(f"samples[{name!r}] has dtype {value.dtype}, expected numbers")
        if name.endswith("running_var"):
            if not (value > 0).all():
                raise ValueError(f"samples[{name!r}]: a variance that is not positive")
            logarithms.append(name)
            value = np.log(value)
        kept[name] = value
    if not kept:
        raise ValueError("samples hold no numbers that vary")
    n = len(next(iter(kept.values())))
    if n == 0:
        raise ValueError("samples are none: nothing to distil")
    rows = np.concatenate([value.reshape(n, -1) for value in kept.values()], axis=1)
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    shapes = [(name, list(value.shape[1:])) for name, value in kept.items()]
    about = {"order": list(entries), "whole": whole, "logarithms": logarithms}
    core = _apd.distill(
        rows, shapes, method=method, share=float(share), metadata={_KEY: json.dumps(about)}, seed=seed, threads=_work.threads(n_jobs)
    )
    return Posterior(core)


class Posterior:
    """A distilled posterior: whole networks can be drawn from it."""

    def __init__(self, core: Any):
        self._core = core
        about = json.loads(core.metadata.get(_KEY, "{}"))
        self._whole: dict[str, Any] = about.get("whole", {})
        self._logarithms: set[str] = set(about.get("logarithms", []))
        self._order: list[str] = about.get("order", [name for name, _ in core.shapes])

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of what a draw holds, in order."""
        shapes = {name: tuple(shape) for name, shape in self._core.shapes}
        shapes.update({name: np.shape(it["value"]) for name, it in self._whole.items()})
        return {name: shapes[name] for name in self._order}

    @property
    def nbytes(self) -> int:
        """Bytes that networks are drawn from."""
        return self._core.nbytes

    def draw(self, n: int, seed: int = 0) -> dict[str, np.ndarray]:
        """`n` networks: arrays by name, (n, *shape). Network number i of a seed is the same whatever n is."""
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0:
            raise ValueError(f"n is {n!r}, expected a whole number from 0 on")
        rows = self._core.draw(int(n), seed=seed)
        drawn, start = {}, 0
        for name, shape in self._core.shapes:
            end = start + int(np.prod(shape, dtype=np.int64))
            value = rows[:, start:end].reshape(n, *shape)
            drawn[name] = np.exp(value) if name in self._logarithms else value
            start = end
        for name, it in self._whole.items():
            value = np.asarray(it["value"], dtype=it["dtype"])
            drawn[name] = np.broadcast_to(value, (n, *value.shape)).copy()
        return {name: drawn[name] for name in self._order}

    def state_dicts(self, n: int, seed: int = 0, like: Any = None) -> list[dict[str, Any]]:
        """`n` networks as PyTorch's `load_state_dict(strict=True)` takes them.

        Names and shapes are compared with those of `like`, a module, if it is given.
        """
        import torch

        if like is not None:
            wanted = {name: tuple(value.shape) for name, value in like.state_dict().items()}
            found = self.shapes
            differing = [name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)]
            if differing:
                name = min(differing)
                raise ValueError(f"{name!r} has shape {wanted.get(name)} in the module, {found.get(name)} in the posterior")
        drawn = self.draw(n, seed)
        return [{name: torch.from_numpy(np.array(value[i])) for name, value in drawn.items()} for i in range(n)]

    def predict(self, network: Any, X: Any, n: int = 200, seed: int = 0) -> np.ndarray:
        """What each of `n` drawn networks says of X, stacked: (n, …).

        `network` is a function of (parameters, X), parameters being arrays by name; or a module of PyTorch, which is asked in evaluation mode and
        keeps its own parameters. Names and shapes are compared with the module's.
        """
        if hasattr(network, "load_state_dict"):
            return self._predict_module(network, X, n, seed)
        drawn = self.draw(n, seed)
        return np.stack([np.asarray(network({name: value[i] for name, value in drawn.items()}, X)) for i in range(n)])

    def _predict_module(self, module: Any, X: Any, n: int, seed: int) -> np.ndarray:
        import torch

        X = torch.as_tensor(X)
        states = self.state_dicts(n, seed, like=module)
        training = module.training
        module.eval()
        try:
            with torch.no_grad():
                return np.stack([torch.func.functional_call(module, state, (X,)).numpy() for state in states])
        finally:
            module.train(training)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a file, safetensors with everything else in its metadata."""
        self._core.save(os.fspath(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Posterior:
        """Reads what `save` has written, or the command `apd distill`."""
        return cls(_apd.Posterior.load(os.fspath(path)))

    def __reduce__(self) -> Any:
        return type(self), (self._core,)


def _array(name: str, value: Any) -> np.ndarray:
    if hasattr(value, "detach"):  # a tensor of PyTorch
        value = value.detach().cpu().numpy()
    value = np.asarray(value)
    if value.ndim == 0:
        raise ValueError(f"samples[{name!r}] is one number, expected an array whose first axis is the sample")
    return value


def _flat(samples: Mapping[str, Any], prefix: str = "") -> dict[str, np.ndarray]:
    flat: dict[str, np.ndarray] = {}
    for name, value in samples.items():
        name = f"{prefix}{name}"
        flat.update(_flat(value, f"{name}.") if isinstance(value, Mapping) else {name: _array(name, value)})
    return flat


def _joined(entries: dict[str, np.ndarray], axes: Any) -> dict[str, np.ndarray]:
    """The arrays with their first axes made one."""
    if isinstance(axes, bool) or not isinstance(axes, (int, np.integer)) or axes < 1:
        raise ValueError(f"sample_axes is {axes!r}, expected a whole number from 1 on")
    for name, value in entries.items():
        leading = next(iter(entries.values())).shape[:axes]
        if value.ndim < axes or value.shape[:axes] != leading:
            raise ValueError(f"samples[{name!r}] has shape {value.shape}, expected it to begin with {leading}: sample_axes are unequal")
    return {name: value.reshape(-1, *value.shape[axes:]) for name, value in entries.items()}


def _stacked(samples: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    rows = [{name: np.asarray(value.detach().cpu() if hasattr(value, "detach") else value) for name, value in it.items()} for it in samples]
    first = {name: value.shape for name, value in rows[0].items()}
    for i, row in enumerate(rows):
        shapes = {name: value.shape for name, value in row.items()}
        if shapes != first:
            name = min(name for name in first.keys() | shapes.keys() if first.get(name) != shapes.get(name))
            raise ValueError(f"samples[{i}][{name!r}] has shape {shapes.get(name)}, that of samples[0] is {first.get(name)}")
    return {name: np.stack([row[name] for row in rows]) for name in first}
