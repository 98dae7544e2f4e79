import numpy as np
import pytest

import apd

# Little work: what is tested is what goes in and out, how good a fit is, the Rust tests say.
QUICK = {"effort": "quick", "chains": 2, "steps": 400, "random_state": 3}


@pytest.fixture(scope="session")
def wave():
    """200 rows of a sine with noise."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (200, 2))
    return X, np.sin(2 * X[:, 0]) + 0.1 * rng.normal(size=200)


@pytest.fixture(scope="session")
def regressor(wave):
    return apd.ApdRegressor(**{**QUICK, "steps": 2000}).fit(*wave)


@pytest.fixture(scope="session")
def blobs():
    """150 rows of three classes with names."""
    rng = np.random.default_rng(1)
    labels = np.repeat(["a", "b", "c"], 50)
    centers = {"a": (0, 0), "b": (3, 0), "c": (0, 3)}
    return np.array([centers[label] for label in labels]) + 0.5 * rng.normal(size=(150, 2)), labels


@pytest.fixture(scope="session")
def classifier(blobs):
    return apd.ApdClassifier(**{**QUICK, "steps": 1000}).fit(*blobs)
