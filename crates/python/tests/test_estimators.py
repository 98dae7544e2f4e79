import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import apd
from conftest import QUICK


@pytest.mark.parametrize("kind", [apd.ApdClassifier, apd.ApdRegressor])
def test_scikit_learn_is_content(kind):
    check_estimator(kind(effort="quick", chains=2, steps=300))


def test_a_regression_says_how_sure_it_is(wave, regressor):
    X, y = wave
    mean, sd = regressor.predict(X, return_std=True)
    assert regressor.score(X, y) > 0.95
    assert np.all(sd > 0) and 0.05 < np.median(sd) < 0.3
    parts = regressor.predict_parts(X)
    np.testing.assert_allclose(parts["aleatoric_sd"] ** 2 + parts["epistemic_sd"] ** 2, sd**2, rtol=1e-9)
    lower, upper = regressor.predict_interval(X, coverage=0.9)
    assert 0.8 < apd.metrics.coverage(lower, upper, y) <= 1
    narrow = regressor.predict_interval(X, coverage=0.5)
    assert np.all(lower <= narrow[0]) and np.all(narrow[1] <= upper)
    far = np.full((1, 2), 40.0)
    new = np.random.default_rng(9).uniform(-2, 2, (200, 2))
    assert regressor.ood_score(far)[0] > 0.98 and 0.3 < regressor.ood_score(new).mean() < 0.7
    assert regressor.verdicts_ and all(isinstance(met, bool) for met, _ in regressor.verdicts_)
    assert regressor.provenance_["rows"] == 200


def test_a_law_is_that_of_its_samples(wave, regressor):
    X, y = wave
    law = regressor.predict_dist(X[:5])
    n = 4_000
    draws = law.sample(n, seed=1)
    assert draws.shape == (5, n)
    # Five standard errors, and those of a standard deviation.
    np.testing.assert_allclose(draws.mean(1), law.mean(), atol=5 * law.std().max() / np.sqrt(n))
    np.testing.assert_allclose(draws.std(1), law.std(), rtol=0.1)
    np.testing.assert_allclose(np.mean(draws <= law.quantile(0.3)[:, None], axis=1), 0.3, atol=0.04)
    np.testing.assert_allclose(law.cdf(law.quantile(0.3)), 0.3, atol=1e-6)
    step = 1e-4
    slope = (law.cdf(y[:5] + step) - law.cdf(y[:5] - step)) / (2 * step)
    np.testing.assert_allclose(slope, np.exp(law.logpdf(y[:5])), rtol=1e-3)
    spread = np.abs(draws[:, ::2] - draws[:, 1::2]).mean(1)
    np.testing.assert_allclose(law.crps(y[:5]), np.abs(draws - y[:5, None]).mean(1) - 0.5 * spread, atol=0.02)
    np.testing.assert_array_equal(regressor.sample(X[:5], 3, seed=7), law.sample(3, 7))
    with pytest.raises(ValueError, match="y has 4 values"):
        law.logpdf(y[:4])


def test_classes_keep_their_labels(blobs, classifier):
    X, labels = blobs
    p = classifier.predict_proba(X)
    assert p.shape == (150, 3)
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-6)
    assert classifier.score(X, labels) > 0.95
    assert set(classifier.predict(X)) == {"a", "b", "c"}
    parts = classifier.predict_parts(X)
    assert np.all(parts["bald"] <= parts["entropy"] + 1e-9) and parts["abstain"].dtype == bool
    numbers = np.array([10, 9, -1])[np.searchsorted(["a", "b", "c"], labels)]
    for other in (numbers, labels == "a", labels.astype(object)):
        again = apd.ApdClassifier(**QUICK).fit(X, other)
        assert again.classes_.dtype == other.dtype and np.mean(again.predict(X) == other) > 0.9
    with pytest.raises(ValueError, match="label ''"):
        apd.ApdClassifier(**QUICK).fit(X, np.where(labels == "a", "", labels))


def test_frames_have_categories_and_gaps(tmp_path):
    rng = np.random.default_rng(2)
    n = 120
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "color": rng.choice(["red", "green"], n),
            "kind": pd.Categorical(rng.choice(["u", "v", "w"], n)),
            "new": rng.choice([True, False], n),
            "count": pd.array([None, *range(n - 1)], dtype="Int64"),
            "code": pd.Categorical(rng.choice([10, 20], n)),
        }
    )
    y = frame["x"] + 2.0 * (frame["color"] == "red") + 0.1 * rng.normal(size=n)
    frame.loc[3, "x"] = np.nan
    frame.loc[5, "color"] = None
    model = apd.ApdRegressor(**{**QUICK, "steps": 1500}).fit(frame, y)
    assert model.score(frame.drop(index=[3, 5]), y.drop(index=[3, 5])) > 0.9
    assert list(model.feature_names_in_) == list(frame.columns)
    assert dict(model.model_.features)["code"] == ["10", "20"] and dict(model.model_.features)["count"] is None
    unseen = frame.copy()
    unseen["color"] = "blue"
    with pytest.warns(UserWarning, match='column "color": [0-9]+ rows'):
        assert np.isfinite(model.predict(unseen)).all()
    path = tmp_path / "frame.safetensors"
    model.save(path)
    np.testing.assert_array_equal(apd.load(path).predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="dates"):
        apd.ApdRegressor(**QUICK).fit(frame.assign(day=pd.Timestamp("2026-01-01")), y)
    with pytest.raises(ValueError, match="color"):
        apd.load(path).predict(frame[["x", "kind", "new"]])


def test_a_file_and_a_pickle_predict_the_same_bits(tmp_path, wave, regressor, blobs, classifier):
    for model, X in ((regressor, wave[0]), (classifier, blobs[0])):
        path = tmp_path / "model.safetensors"
        model.save(path)
        for other in (apd.load(path), pickle.loads(pickle.dumps(model))):
            np.testing.assert_array_equal(other.predict(X), model.predict(X))
        assert apd.load(path).model_.to_bytes() == path.read_bytes()


def test_bits_do_not_depend_on_threads_processes_or_who_fits(wave):
    X, y = wave[0][:60], wave[1][:60]

    def bits(**settings):
        return apd.ApdRegressor(**{**QUICK, "network": "mlp:4", "steps": 100, **settings}).fit(X, y).model_.to_bytes()

    expected = bits(n_jobs=1)
    assert bits(n_jobs=7) == expected and bits(random_state=4) != expected
    with ThreadPoolExecutor(16) as pool:
        assert all(found == expected for found in pool.map(lambda _: bits(n_jobs=1), range(100)))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_can_fit_and_predict(method, wave, regressor):
    X, _ = wave
    expected = regressor.predict(X)
    import multiprocessing

    with multiprocessing.get_context(method).Pool(2) as pool:
        for found in pool.map(regressor.predict, [X, X]):
            np.testing.assert_array_equal(found, expected)


def test_pipelines_and_searches(wave):
    X, y = wave
    model = make_pipeline(StandardScaler(), apd.ApdRegressor(**QUICK))
    search = GridSearchCV(model, {"apdregressor__chains": [1, 2]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.5
    assert clone(apd.ApdRegressor(chains=3)).get_params()["chains"] == 3


def test_a_matrix_is_read_where_it_lies(blobs):
    X, y = blobs
    model = apd.ApdClassifier(**{**QUICK, "network": "mlp:4", "steps": 100}).fit(X, y)
    large = np.tile(X, (100_000 // len(X), 1)).astype(np.float32)
    tracemalloc.start()
    p = model.predict_proba(large)
    peak = tracemalloc.get_traced_memory()[1]
    # Of numpy's and Python's memory; were the matrix converted, it would be all of it and more.
    assert peak < large.nbytes / 4
    for same in [large.astype(np.float64), np.asfortranarray(large), large[::-1][::-1], pd.DataFrame(large.astype(np.float64), columns=["x0", "x1"])]:
        np.testing.assert_array_equal(model.predict_proba(same), p)
    assert p.shape == (len(large), 3) and len(model.predict_proba(large[:1])) == 1
    tracemalloc.stop()


def test_a_fit_goes_on_from_its_checkpoints(tmp_path, wave):
    X, y = wave
    expected = apd.ApdRegressor(**{**QUICK, "steps": 4000}).fit(X, y).model_.to_bytes()
    folder = tmp_path / "checkpoints"
    folder.mkdir()

    class Enough(Exception):
        pass

    def stop(stage, done, steps):
        if done > steps // 3:
            raise Enough

    model = apd.ApdRegressor(**{**QUICK, "steps": 4000}, checkpoints=folder, progress=stop)
    with pytest.raises(Enough):
        model.fit(X, y)
    assert list(folder.iterdir())
    assert model.set_params(progress=None).fit(X, y).model_.to_bytes() == expected


def test_chains_go_on_after_the_end(tmp_path, wave):
    X, y = wave
    model = apd.ApdRegressor(**QUICK, checkpoints=tmp_path / "checkpoints").fit(X, y)
    before = model.draws_
    assert model.sample_more(X, y, draws=30).draws_ == before + 30
    assert model.set_params(chains=3).fit(X, y).draws_ == before + 30
    at_once = apd.ApdRegressor(**{**QUICK, "chains": 3}, draws=before + 30).fit(X, y)
    assert at_once.model_.to_bytes() == model.model_.to_bytes()
    with pytest.raises(ValueError, match="other data"):
        model.sample_more(X, y + 1, draws=30)
    assert model.draws == before + 30
    with pytest.raises(ValueError, match="checkpoints"):
        at_once.sample_more(X, y, draws=30)


def test_chains_are_jobs_of_their_own_with_the_same_bytes(tmp_path, wave):
    joblib = pytest.importorskip("joblib")
    X, y = wave
    settings = {**QUICK, "steps": 1500, "chains": 3}
    expected = apd.ApdRegressor(**settings).fit(X, y).model_.to_bytes()
    for backend in ["loky", "threading"]:
        with joblib.parallel_config(backend=backend, n_jobs=2):
            assert apd.ApdRegressor(**settings, backend="joblib").fit(X, y).model_.to_bytes() == expected, backend
    shared = tmp_path / "shared"
    model = apd.ApdRegressor(**settings, backend="joblib", n_jobs=2, checkpoints=shared).fit(X, y)
    assert model.model_.to_bytes() == expected and len(list(shared.glob("*.ckpt"))) == 3


def test_workers_that_are_killed_lose_nothing(tmp_path, wave):
    X, y = wave
    settings = {**QUICK, "steps": 3000, "chains": 2}
    expected = apd.ApdRegressor(**settings).fit(X, y).model_.to_bytes()
    np.savez(tmp_path / "wave.npz", X=X, y=y)
    program = f"""
import numpy as np, sys
from apd import _work
data = np.load(sys.argv[1])
columns = [(f"x{{i}}", np.ascontiguousarray(data["X"][:, i])) for i in range(2)] + [("y", data["y"])]
settings = dict(columns=columns, target="y", classification=False, network="auto", effort="quick", chains=2, steps=3000, draws=None, seed={QUICK["random_state"]})
_work._chain(settings, int(sys.argv[2]), sys.argv[3])
"""
    shared = tmp_path / "shared"
    kills = 0
    for chain in range(2):
        for attempt in range(100):
            command = [sys.executable, "-c", program, str(tmp_path / "wave.npz"), str(chain), str(shared)]
            worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            try:
                # The first time not even what it imports is there; longer every time, in the end it comes through, whatever machine this is.
                assert worker.wait(timeout=0.1 * (attempt + 1) ** 2) == 0
                break
            except subprocess.TimeoutExpired:
                worker.send_signal(signal.SIGINT if attempt % 2 == 0 else signal.SIGKILL)
                worker.wait()
                kills += 1
    assert kills >= 2
    assert apd.ApdRegressor(**settings, checkpoints=shared).fit(X, y).model_.to_bytes() == expected


def test_control_c_stops_a_fit(wave):
    X, y = wave
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    started = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        apd.ApdRegressor(effort="thorough").fit(X, y)
    assert time.monotonic() - started < 30


def test_other_threads_run_while_a_fit_does(wave):
    X, y = wave
    turns, done = [0], threading.Event()

    def count():
        while not done.is_set():
            turns[0] += 1
            time.sleep(0.001)

    counter = threading.Thread(target=count)
    counter.start()
    apd.ApdRegressor(**{**QUICK, "steps": 3000}).fit(X, y)
    done.set()
    counter.join()
    assert turns[0] > 20


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("effort", "much"),
        ("effort", 3),
        ("network", "mlp:x"),
        ("network", None),
        ("chains", 0),
        ("chains", 1.5),
        ("steps", -1),
        ("draws", 3),
        ("draws", 1e3),
        ("random_state", -1),
        ("random_state", "seed"),
        ("n_jobs", 0),
        ("n_jobs", 2.5),
        ("backend", "cluster"),
    ],
)
def test_an_argument_that_cannot_be_is_named(argument, value, wave):
    with pytest.raises(ValueError, match=argument.replace("network", "network|mlp")):
        apd.ApdRegressor(**{**QUICK, argument: value}).fit(*wave)


def test_data_that_cannot_be_used_is_named(wave, regressor):
    X, y = wave
    fit = apd.ApdRegressor(**QUICK).fit
    with pytest.raises(ValueError, match="infinity|infinite"):
        fit(np.where(X == X[3, 1], np.inf, X), y)
    with pytest.raises(ValueError, match="NaN"):
        fit(X, np.where(y == y[4], np.nan, y))
    with pytest.raises(ValueError, match="constant"):
        fit(X, np.ones(200))
    with pytest.raises(ValueError, match="at least 10"):
        fit(X[:9], y[:9])
    with pytest.raises(ValueError, match="column 'x', row 2"):
        fit(pd.DataFrame({"x": np.where(np.arange(200) == 2, np.inf, y)}), y)
    with pytest.raises(ValueError, match="between 0 and 1"):
        regressor.predict_interval(X, coverage=1.0)
    with pytest.raises(ValueError, match="3 features"):
        regressor.predict(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="one class"):
        apd.ApdClassifier(**QUICK).fit(X, np.zeros(200, int))
    with pytest.raises(OSError, match="nothing.safetensors"):
        apd.load("nothing.safetensors")


def test_without_scikit_learn(tmp_path, wave):
    """numpy is all that is needed."""
    program = f"""
import sys
sys.modules["sklearn"] = None
import numpy as np, apd
X, y = np.load({str(tmp_path / 'X.npy')!r}), np.load({str(tmp_path / 'y.npy')!r})
model = apd.ApdRegressor(**{QUICK!r}).fit(X, y)
assert model.score(X, y) > 0.5 and model.set_params(chains=1).get_params()["chains"] == 1
assert apd.ApdClassifier(**{QUICK!r}).fit(X, y > 0).score(X, y > 0) > 0.8
try:
    model.predict(X[:, :1])
except ValueError as error:
    assert "1 columns" in str(error)
else:
    raise AssertionError
"""
    np.save(tmp_path / "X.npy", wave[0])
    np.save(tmp_path / "y.npy", wave[1])
    subprocess.run([sys.executable, "-c", program], check=True)
