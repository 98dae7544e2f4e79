"""Samplers on one's own log density."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import _apd, _work

_METHODS = ("nuts", "mclmc", "adjusted-mclmc", "sgld", "psgld", "sghmc", "sgnht", "baoab")
_WITH_MINIBATCHES = _METHODS[3:]


def sample(
    potential: Any,
    parameters: int | Mapping[str, int | tuple[int, ...]],
    *,
    method: str = "nuts",
    chains: int = 4,
    draws: int = 1000,
    warmup: int = 1000,
    thinning: int | None = None,
    init: Any = None,
    metric: str = "diagonal",
    step_size: float | None = None,
    friction: float = 0.1,
    batch_size: int | None = None,
    num_data: int | None = None,
    check: bool = True,
    seed: int = 0,
    n_jobs: int | None = None,
    backend: str | None = None,
    progress: bool | Callable[[str, int, int], Any] = False,
) -> Draws:
    """Draws from the density exp(-U), the sampler's settings learned in its warm-up.

    Parameters
    ----------
    potential : callable, or a compiled function
        `potential(theta) -> (U, gradient)`: theta is an array of d float64, U = -ln p(theta) in nats up to a constant, gradient an array of d.
        Of numpy, JAX or PyTorch, whatever becomes an array. With minibatches `potential(theta, rows)`: U and gradient of the prior once and of
        these rows of the data *times num_data / len(rows)*, so that their means over minibatches are those of all data.
        Or an object with an `address`, as `numba.cfunc` makes, or a function of `ctypes`, of the signature
        `double (int64_t d, const double *theta, double *gradient)`: no interpreter is in the way then. The address is trusted.
    parameters : int, or mapping from names to shapes
        What theta consists of, in order: `{"mu": (), "beta": (3,)}`, or d.
    method : str
        'nuts'; 'mclmc' (microcanonical Langevin: many dimensions, a small bias), 'adjusted-mclmc' (without it); with minibatches 'sgld', 'psgld',
        'sghmc', 'sgnht', 'baoab', which want a `step_size` (in theta² per nat; a learning rate for a mean loss is step_size times num_data).
    chains, draws, warmup, thinning : int
        Chains, and of each the draws that are kept, the steps before the first of them, and the steps from one to the next (1 unless given, 10 with
        minibatches).
    init : array of (d,) or (chains, d)
        Where the chains start; draws from N(0, I) unless given.
    metric : 'diagonal', 'dense' or 'identity'
        What NUTS learns of the posterior's scales.
    friction : float
        Of 'sghmc', 'sgnht' and 'baoab': the part of the momentum that a step loses.
    batch_size, num_data : int
        Rows of a minibatch, and of all data; without them those samplers take `potential(theta)` as it is at every step.
    check : bool
        Compare the gradient with differences of U at the start, and raise ValueError where they differ. Not with minibatches.
    seed : int
        The draws are a function of it, and not of `n_jobs`.
    n_jobs : int
        Threads; a function of Python holds the interpreter's lock, so that only compiled ones gain by several. With joblib its jobs.
    backend : 'threads' or 'joblib'
        Where the chains are sampled: on threads, or each as a job of joblib, in processes or wherever `joblib.parallel_config` says. The draws are the
        same.
    progress : bool or callable
        Show a bar by `tqdm` if it is installed, or call this with ("sample", steps done, all steps).

    Raises
    ------
    ValueError
        Arguments that do not fit, by name; a gradient that is not that of U; a chain that diverged, or started where U is not finite.
    KeyboardInterrupt
        Ctrl-C stops it at the next step.
    Whatever `potential` raises.
    """
    if method not in _METHODS:
        raise ValueError(f"method is {method!r}, expected one of {', '.join(map(repr, _METHODS))}")
    shapes = _shapes(parameters)
    dim = sum(math.prod(shape) for _, shape in shapes)
    for name, value, least in [("chains", chains, 1), ("draws", draws, 1), ("warmup", warmup, 0), ("seed", seed, 0)]:
        _integer(name, value, least)
    minibatches = method in _WITH_MINIBATCHES
    thinning = _integer("thinning", (10 if minibatches else 1) if thinning is None else thinning, 1)
    if minibatches:
        if step_size is None or not step_size > 0:
            raise ValueError(f"step_size is {step_size}: {method!r} needs one above 0")
        if (batch_size is None) != (num_data is None):
            raise ValueError("batch_size and num_data go together: rows of a minibatch, and of all data")
        if num_data is not None:
            _integer("num_data", num_data, 1)
            _integer("batch_size", batch_size, 1)
    elif step_size is not None:
        raise ValueError(f"step_size is {step_size}: {method!r} learns its own")
    if init is not None:
        init = np.array(init, dtype=np.float64, ndmin=2)
        if init.shape == (1, dim):
            init = np.repeat(init, chains, axis=0)
        if init.shape != (chains, dim):
            raise ValueError(f"init has shape {init.shape}, expected ({dim},) or ({chains}, {dim})")
        if not np.isfinite(init).all():
            raise ValueError("init holds numbers that are not finite")
    address = _address(potential)
    if address is None and not callable(potential):
        raise ValueError(f"potential is a {type(potential).__name__}, expected a function")
    if address is not None and minibatches:
        raise ValueError(f"potential is a compiled function, which {method!r} does not take")
    if minibatches and num_data is None:
        whole, potential = potential, lambda theta, rows: whole(theta)
    settings = {
        "shapes": shapes,
        "method": method,
        "draws": draws,
        "warmup": warmup,
        "thinning": thinning,
        "metric": metric,
        "step_size": step_size,
        "friction": float(friction),
        "batch": batch_size or 1,
        "rows": num_data or 1,
        "seed": seed,
    }
    # Of the starts one is enough, and it may be a job's.
    check = bool(check) and not minibatches
    if backend in (None, "threads"):
        with _work.progress(progress) as told:
            threads = _work.threads(n_jobs)
            parts = [_chains(potential, address, init, chains, 0, threads=threads, check=check, progress=told, **settings)]
    elif backend == "joblib":
        if address is not None:
            raise ValueError("potential is a compiled function, whose address is nothing to another process: backend must be 'threads'")
        from joblib import Parallel, delayed

        starts = [None] * chains if init is None else np.split(init, chains)
        jobs = (
            delayed(_chains)(potential, None, start, 1, chain, threads=1, check=check and chain == 0, progress=None, **settings)
            for chain, start in enumerate(starts)
        )
        parts = Parallel(n_jobs=n_jobs)(jobs)
    else:
        raise ValueError(f"backend is {backend!r}, expected 'threads' or 'joblib'")
    positions, statistics, warnings = zip(*parts)
    joined = {name: np.concatenate([part[name] for part in statistics]) for name in statistics[0]}
    return Draws(np.concatenate(positions), joined, sum(warnings, []), shapes)


def _chains(
    potential: Any, address: int | None, init: np.ndarray | None, chains: int, first: int, **settings: Any
) -> tuple[np.ndarray, dict[str, np.ndarray], list[str]]:
    """Positions, statistics and warnings of some chains."""
    function = _plain(potential) if address is None else None
    core = _apd.sample(function, address, initial=init, chains=chains, first=first, **settings)
    statistics = {name: np.array(values) for name, values in core.statistics().items()}
    if statistics:
        statistics["diverging"] = statistics["diverging"] > 0
        for name in ("n_steps", "tree_depth"):
            statistics[name] = statistics[name].astype(np.int64)
    return core.positions(), statistics, core.warnings()


class Draws:
    """The draws of several chains: `draws["mu"]` is an array of (chains, draws, *shape)."""

    def __init__(
        self, positions: np.ndarray, sample_stats: dict[str, np.ndarray], warnings: list[str], shapes: list[tuple[str, list[int]]]
    ) -> None:
        #: chains × draws × d, in the order of the parameters.
        self.positions = positions
        #: Of each draw of NUTS, by name, (chains, draws): acceptance_rate, energy, n_steps, tree_depth, diverging.
        self.sample_stats = sample_stats
        #: What the chains' own statistics say against them.
        self.warnings = warnings
        self._shapes = shapes

    def __getitem__(self, name: str) -> np.ndarray:
        return self.to_numpy()[name]

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Arrays of (chains, draws, *shape) by name."""
        arrays, first = {}, 0
        for name, shape in self._shapes:
            size = math.prod(shape)
            arrays[name] = self.positions[:, :, first : first + size].reshape(*self.positions.shape[:2], *shape)
            first += size
        return arrays

    def summary(self) -> str:
        """Mean, deviation, Monte Carlo error, R-hat and effective sizes of every number; then the warnings."""
        return "\n".join([_apd.summary(self.positions, self._shapes).rstrip("\n"), *self.warnings]) + "\n"

    def to_arviz(self, predictions: Mapping[str, Any] | None = None) -> Any:
        """As ArviZ has it, with groups `posterior`, `sample_stats` and, if there are any, `predictions` of (chains, draws, ...).

        A DataTree of ArviZ 1, or an InferenceData of those before.
        """
        groups = {"posterior": self.to_numpy()}
        if self.sample_stats:
            groups["sample_stats"] = self.sample_stats
        if predictions is not None:
            groups["predictions"] = {name: np.asarray(value) for name, value in predictions.items()}
        try:
            import arviz
        except ImportError:
            arviz = None
        if hasattr(arviz, "InferenceData"):
            return arviz.from_dict(**groups)
        from arviz_base import from_dict

        return from_dict(groups)

    def __repr__(self) -> str:
        chains, draws, dim = self.positions.shape
        return f"<Draws: {chains} chains of {draws} draws of {dim} numbers>\n{self.summary()}"


def _shapes(parameters: Any) -> list[tuple[str, list[int]]]:
    if isinstance(parameters, Mapping):
        shapes = []
        for name, shape in parameters.items():
            lengths = [shape] if isinstance(shape, int) else list(shape)
            if not all(isinstance(length, int) and length > 0 for length in lengths):
                raise ValueError(f"parameters[{name!r}] is {shape!r}, expected a shape")
            shapes.append((str(name), lengths))
    else:
        shapes = [("theta", [_integer("parameters", parameters, 1)])]
    if not shapes:
        raise ValueError("parameters are none: nothing to sample")
    return shapes


def _integer(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} is {value!r}, expected an integer of at least {least}")
    return int(value)


def _address(potential: Any) -> int | None:
    """Of a function that was compiled."""
    import ctypes

    if isinstance(potential, ctypes._CFuncPtr):
        address = ctypes.cast(potential, ctypes.c_void_p).value
    elif isinstance(getattr(potential, "address", None), int):
        address = potential.address
    else:
        return None
    if not address:
        raise ValueError("potential has the address 0")
    return address


def _plain(potential: Callable[..., Any]) -> Callable[..., Any]:
    """The same with a float and an array of float64, whatever they were."""

    def called(*arguments: Any) -> tuple[float, np.ndarray]:
        answer = potential(*arguments)
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise ValueError(f"potential returns a {type(answer).__name__}, expected (U, gradient)")
        value, gradient = answer
        return float(value), np.ascontiguousarray(np.asarray(gradient, dtype=np.float64).reshape(-1))

    return called
