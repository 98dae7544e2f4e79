import numpy as np
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, log_loss, roc_auc_score

import apd


@pytest.fixture
def predictions():
    rng = np.random.default_rng(5)
    return rng.dirichlet([1, 2, 3], 300), rng.integers(0, 3, 300)


def test_metrics_are_those_of_scikit_learn(predictions):
    p, labels = predictions
    assert apd.metrics.nll(p, labels) == pytest.approx(log_loss(labels, p), abs=1e-9)
    assert apd.metrics.accuracy(p, labels) == accuracy_score(labels, p.argmax(1))
    assert apd.metrics.brier(p, labels) == pytest.approx(np.mean(np.sum((p - np.eye(3)[labels]) ** 2, axis=1)))
    rng = np.random.default_rng(6)
    negatives, positives = rng.normal(size=200), np.round(rng.normal(1, 1, 150), 1)
    truth, scores = np.r_[np.zeros(200), np.ones(150)], np.r_[negatives, positives]
    assert apd.metrics.auroc(negatives, positives) == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    found = apd.metrics.detection(negatives, positives)
    assert found["aupr"] == pytest.approx(average_precision_score(truth, scores), abs=1e-9)


def test_entropy_parts_into_what_networks_disagree_about():
    p = np.random.default_rng(7).dirichlet([1, 1, 1], (8, 50))
    entropy = lambda p: -np.sum(p * np.log(p), axis=-1)  # noqa: E731
    np.testing.assert_allclose(apd.metrics.entropy(p), entropy(p.mean(0)), atol=1e-5)
    np.testing.assert_allclose(apd.metrics.bald(p), entropy(p.mean(0)) - entropy(p).mean(0), atol=1e-5)


def test_crps_of_a_normal_has_a_closed_form():
    scipy = pytest.importorskip("scipy.stats")
    mean, sd, y = np.array([0.0, 1.0, -2.0]), np.array([1.0, 0.5, 3.0]), np.array([0.3, 1.0, 4.0])
    z = (y - mean) / sd
    expected = sd * (z * (2 * scipy.norm.cdf(z) - 1) + 2 * scipy.norm.pdf(z) - 1 / np.sqrt(np.pi))
    np.testing.assert_allclose(apd.metrics.crps(mean, sd, y), expected, rtol=1e-6)


def test_diagnostics_are_those_of_arviz():
    arviz = pytest.importorskip("arviz")
    rng = np.random.default_rng(8)
    chains = rng.normal(size=(4, 500)).cumsum(axis=1) * 0.05 + rng.normal(size=(4, 500))
    data = arviz.convert_to_dataset(chains[None].transpose(1, 2, 0))
    value = lambda it: float(np.asarray(it["x"]).ravel()[0])  # noqa: E731
    assert apd.diagnostics.rhat(chains) == pytest.approx(value(arviz.rhat(data)), abs=1e-6)
    assert apd.diagnostics.ess_bulk(chains) == pytest.approx(value(arviz.ess(data)), rel=1e-6)
    assert apd.diagnostics.ess_tail(chains) == pytest.approx(value(arviz.ess(data, method="tail")), rel=1e-6)
    assert apd.diagnostics.mcse_mean(chains) == pytest.approx(value(arviz.mcse(data)), rel=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: apd.metrics.nll([[3.0, 0.0]], [0]), "row 0"),
        (lambda: apd.metrics.nll([[0.5, 0.5]], [2]), "2"),
        (lambda: apd.metrics.nll([0.5, 0.5], [0]), "p has shape"),
        (lambda: apd.metrics.accuracy([[1.0, 0.0]], [0.5]), "labels"),
        (lambda: apd.metrics.bald(np.ones((2, 1, 2))), r"p\[0, 0\]"),
        (lambda: apd.metrics.crps([0.0], [-1.0], [0.0]), r"sd\[0\]"),
        (lambda: apd.metrics.auroc([], [1.0]), "."),
        (lambda: apd.diagnostics.rhat([1.0, 2.0]), "chains have shape"),
    ],
)
def test_what_cannot_be_judged_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
