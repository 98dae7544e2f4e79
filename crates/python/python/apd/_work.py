"""Threads of long work, and who hears of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import _apd

Progress = Callable[[str, int, int], Any]


def threads(n_jobs: Any) -> int | None:
    if n_jobs is None:
        return None
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, (int, np.integer)) or n_jobs == 0:
        raise ValueError(f"n_jobs is {n_jobs!r}, expected a whole number other than 0")
    cores = os.cpu_count() or 1
    return int(n_jobs) if n_jobs > 0 else max(cores + 1 + int(n_jobs), 1)


@contextmanager
def progress(wanted: bool | Progress | None) -> Iterator[Progress | None]:
    """Whom to tell of (stage, steps done, steps)."""
    if callable(wanted):
        yield wanted
    elif wanted:
        bar = _Bar()
        try:
            yield bar
        finally:
            bar.close()
    else:
        yield None


@contextmanager
def chains_by_joblib(
    settings: dict[str, Any], chains: int, n_jobs: int | None, checkpoints: str | None
) -> Iterator[str]:
    """A folder with the checkpoint of every chain, each sampled by a job of joblib: in processes, or wherever its backend has workers.

    With a folder of checkpoints, which workers share, a job that is started again goes on from its own.
    """
    from joblib import Parallel, delayed

    jobs = (delayed(_chain)(settings, chain, checkpoints) for chain in range(chains))
    sampled = Parallel(n_jobs=n_jobs)(jobs)
    with tempfile.TemporaryDirectory() as folder:
        for chain, checkpoint in enumerate(sampled):
            with open(os.path.join(folder, _name(chain)), "wb") as file:
                file.write(checkpoint)
        yield folder


def _chain(settings: dict[str, Any], chain: int, checkpoints: str | None) -> bytes:
    """The checkpoint of a chain that has come to its end."""
    if checkpoints is None:
        with tempfile.TemporaryDirectory() as folder:
            return _chain(settings, chain, folder)
    os.makedirs(checkpoints, exist_ok=True)
    _apd.Fit(**settings).sample_chain(chain, checkpoints)
    with open(os.path.join(checkpoints, _name(chain)), "rb") as file:
        return file.read()


def _name(chain: int) -> str:
    return f"chain-{chain}.ckpt"


class _Bar:
    """Progress by tqdm, or as lines where there is no tqdm."""

    def __init__(self) -> None:
        self.bar: Any = None
        self.stage: str | None = None

    def __call__(self, stage: str, done: int, steps: int) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            if stage != self.stage:
                print(f"{stage} …", flush=True)
            self.stage = stage
            return
        if stage != self.stage:
            self.close()
            self.stage, self.bar = stage, tqdm(total=steps, desc=stage, unit="step")
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
