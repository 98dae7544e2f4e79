import ctypes
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import apd

MEAN, SD = np.array([3.0, 0.0, 0.0]), np.array([1.0, 3.0, 0.3])


def normal(theta):
    """Independent normals of different spreads, the first around 3."""
    z = (theta - MEAN) / SD
    return 0.5 * z @ z, z / SD


def off(draws, mean, sd):
    """How many Monte Carlo errors the mean of each coordinate, and the mean of its square about the true one, are off."""
    z = np.moveaxis((draws - mean) / sd, -1, 0)
    return [abs(x.mean() - expected) / apd.diagnostics.mcse_mean(x) for x, expected in [*zip(z, [0] * 3), *zip(z**2, [1] * 3)]]


@pytest.mark.parametrize("method", ["nuts", "adjusted-mclmc"])
def test_draws_have_the_law_of_the_density(method):
    draws = apd.sample(normal, {"mu": (), "rest": (2,)}, method=method, draws=1000, warmup=1000, seed=1, thinning=1)
    assert draws["mu"].shape == (4, 1000) and draws["rest"].shape == (4, 1000, 2)
    # Six comparisons of two samplers at 4.5 errors: 8 in 100 000 by chance.
    assert max(off(draws.positions, MEAN, SD)) < 4.5
    # The same test finds means that are .15 deviations off, and deviations that are 12 % off.
    assert max(off(draws.positions, MEAN + 0.15 * SD, SD)) > 4.5 < max(off(draws.positions, MEAN, 1.12 * SD))
    assert draws.warnings == [] and "mu" in draws.summary() and "R-hat" in repr(draws)


def test_microcanonical_dynamics_without_a_test_are_nearly_right():
    draws = apd.sample(normal, 3, method="mclmc", draws=4000, warmup=2000, seed=1, thinning=2).positions
    spread = ((draws - MEAN) / SD).std(axis=(0, 1))
    # Its bias is some per cent; a temperature that is a third too high would be 15 %.
    assert (np.abs(spread - 1) < 0.1).all(), spread


def test_a_wrong_gradient_is_found_before_anything_is_drawn():
    def forgetful(theta):
        value, gradient = normal(theta)
        return value, np.array([gradient[0], gradient[1], 0.0])

    with pytest.raises(ValueError, match="potential: coordinate 2 of the gradient"):
        apd.sample(forgetful, 3, draws=10, warmup=10)


@pytest.mark.parametrize("version", ["before 1", "1"])
def test_arviz_has_draws_and_statistics(version, monkeypatch):
    if version == "1":
        # What ArviZ 1 is made of, and where it makes its trees.
        pytest.importorskip("arviz_base")
        monkeypatch.setitem(sys.modules, "arviz", None)
    else:
        arviz = pytest.importorskip("arviz")
        if not hasattr(arviz, "InferenceData"):
            pytest.skip("a later version")
    draws = apd.sample(normal, {"mu": (), "rest": (2,)}, draws=200, warmup=300, chains=2)
    data = draws.to_arviz(predictions={"y": draws["mu"] + 1})
    assert type(data).__name__ == {"1": "DataTree", "before 1": "InferenceData"}[version]
    assert data["posterior"]["rest"].shape == (2, 200, 2)
    np.testing.assert_array_equal(data["predictions"]["y"], draws["mu"] + 1)
    for name in ["energy", "acceptance_rate", "diverging", "tree_depth", "n_steps"]:
        assert data["sample_stats"][name].shape == (2, 200), name
    if version == "1":
        return
    theirs = arviz.summary(data, var_names=["mu"])
    assert apd.diagnostics.ess_bulk(draws["mu"]) == pytest.approx(float(theirs["ess_bulk"].iloc[0]), abs=0.51)


def test_minibatches_find_the_mean_of_the_data():
    rng = np.random.default_rng(0)
    data = rng.normal(2.0, 1.0, (1000, 2))
    seen = []

    def potential(theta, rows):
        seen.append(len(rows))
        residual = theta - data[rows]
        scale = len(data) / len(rows)
        return 0.5 * scale * (residual**2).sum() + 0.5 * theta @ theta, scale * residual.sum(axis=0) + theta

    draws = apd.sample(
        potential, 2, method="sghmc", step_size=2e-5, batch_size=100, num_data=1000, draws=400, warmup=6000, chains=2, init=[0, 4]
    )
    assert set(seen) == {100}
    exact = data.sum(axis=0) / 1001
    # The posterior's deviation is .0316, of which minibatches add a few per cent at this step; a temperature of 1.3 would be 14 %.
    assert (np.abs(draws.positions.mean(axis=(0, 1)) - exact) < 0.006).all()
    assert (np.abs(draws.positions.std(axis=(0, 1)) / 0.0316 - 1) < 0.1).all()
    assert draws.sample_stats == {}


def test_draws_depend_on_the_seed_alone():
    run = lambda **how: apd.sample(normal, 3, draws=50, warmup=100, **how).positions
    np.testing.assert_array_equal(run(seed=1, n_jobs=1), run(seed=1, n_jobs=3))
    assert (run(seed=1) != run(seed=2)).any()


def test_a_compiled_function_gives_what_the_same_in_python_gives(tmp_path):
    source = tmp_path / "normal.c"
    source.write_text(
        "#include <stdint.h>\n"
        "double normal(int64_t d, const double *theta, double *gradient) {\n"
        "  double u = 0; for (int64_t i = 0; i < d; i++) { gradient[i] = theta[i]; u += 0.5 * theta[i] * theta[i]; } return u; }\n"
    )
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "normal.so", source], check=True)
    except FileNotFoundError:
        pytest.skip("no C compiler")
    compiled = ctypes.CDLL(str(tmp_path / "normal.so")).normal

    def same(theta):
        # Summed in the same order.
        value = 0.0
        for x in theta:
            value += 0.5 * x * x
        return value, theta

    run = lambda potential: apd.sample(potential, 5, draws=100, warmup=100, seed=3).positions
    np.testing.assert_array_equal(run(compiled), run(same))


def test_what_the_function_raises_comes_out():
    class Own(Exception):
        pass

    def failing(theta):
        raise Own("here")

    with pytest.raises(Own, match="here"):
        apd.sample(failing, 1)


def test_ctrl_c_stops_it():
    def slow(theta):
        time.sleep(0.001)
        return normal(theta)

    threading.Timer(0.7, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        apd.sample(slow, 3, draws=1_000_000)
    assert time.monotonic() - started < 20


def test_progress_is_told():
    told = []
    apd.sample(normal, 3, draws=50, warmup=50, chains=2, progress=lambda *it: told.append(it))
    assert told[-1] == ("sample", 200, 200)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("potential", {"potential": 3}),
        ("potential", {"potential": lambda theta: theta}),
        ("potential", {"potential": lambda theta: (0.0, theta[:1])}),
        ("parameters", {"parameters": 0}),
        ("parameters", {"parameters": {"mu": (0,)}}),
        ("parameters", {"parameters": {}}),
        ("method", {"method": "gibbs"}),
        ("chains", {"chains": 0}),
        ("draws", {"draws": 2.5}),
        ("warmup", {"warmup": -1}),
        ("thinning", {"thinning": 0}),
        ("init", {"init": [1.0, 2.0]}),
        ("init", {"init": [1.0, np.nan, 2.0]}),
        ("metric", {"metric": "round"}),
        ("step_size", {"step_size": 0.1}),
        ("step_size", {"method": "sgld"}),
        ("batch_size", {"method": "sgld", "step_size": 0.1, "num_data": 10}),
        ("seed", {"seed": -1}),
        ("n_jobs", {"n_jobs": 0}),
    ],
)
def test_an_argument_that_does_not_fit_is_named(name, arguments):
    with pytest.raises(ValueError, match=name):
        apd.sample(**{"potential": normal, "parameters": 3, "draws": 5, "warmup": 5, **arguments})


def test_a_start_outside_the_density_is_said():
    with pytest.raises(ValueError, match="cannot start"):
        apd.sample(lambda theta: (np.inf, theta), 2, check=False)


def test_chains_are_jobs_with_the_same_draws():
    joblib = pytest.importorskip("joblib")
    settings = dict(parameters={"mu": (), "rest": (2,)}, draws=60, warmup=100, chains=3, seed=5)
    here = apd.sample(normal, init=np.arange(9.0).reshape(3, 3), **settings)
    with joblib.parallel_config(backend="loky", n_jobs=2):
        there = apd.sample(normal, init=np.arange(9.0).reshape(3, 3), backend="joblib", **settings)
    np.testing.assert_array_equal(there.positions, here.positions)
    assert here.sample_stats.keys() == there.sample_stats.keys() and here.warnings == there.warnings
    for name, values in here.sample_stats.items():
        np.testing.assert_array_equal(there.sample_stats[name], values)
    copy = pickle.loads(pickle.dumps(here))
    assert copy.summary() == here.summary() == there.summary()
    with pytest.raises(ValueError, match="backend"):
        apd.sample(normal, backend="cluster", **settings)


def test_a_chain_that_is_still_on_its_way_says_so():
    sd = np.array([1.0, 0.001, 1.0])
    draws = apd.sample(lambda theta: (0.5 * ((theta / sd) ** 2).sum(), theta / sd**2), 3, method="mclmc", draws=500, warmup=500, init=[1, 1, 1])
    assert any("drifts" in warning for warning in draws.warnings)
    assert all(warning in draws.summary() for warning in draws.warnings)
