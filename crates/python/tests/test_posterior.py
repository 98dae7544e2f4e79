import pickle

import numpy as np
import pytest

import apd


def network(rng, i):
    return {
        "0.weight": rng.normal(i % 3, 0.1, (4, 2)).astype(np.float32),
        "0.bias": rng.normal(size=4).astype(np.float32),
        "1.running_var": np.exp(rng.normal(-3, 2, 4)).astype(np.float32),
        "1.num_batches_tracked": np.int64(100 + i),
    }


@pytest.fixture
def networks():
    rng = np.random.default_rng(0)
    return [network(rng, i) for i in range(400)]


@pytest.mark.parametrize("method", ["rows", "subspace"])
def test_whole_networks_are_drawn_again(networks, method, tmp_path):
    posterior = apd.distill(networks, method=method, share=0.25)
    assert posterior.nbytes <= 0.25 * 400 * 4 * 16
    assert posterior.shapes == {"0.weight": (4, 2), "0.bias": (4,), "1.running_var": (4,), "1.num_batches_tracked": ()}
    drawn = posterior.draw(300, seed=1)
    assert drawn["0.weight"].shape == (300, 4, 2) and drawn["0.weight"].dtype == np.float32
    assert np.all(drawn["1.running_var"] > 0), "a variance is positive"
    assert np.all(drawn["1.num_batches_tracked"] == 499)
    weights = np.stack([it["0.weight"] for it in networks])
    np.testing.assert_allclose(drawn["0.weight"].mean(0), weights.mean(0), atol=0.3)
    np.testing.assert_allclose(drawn["0.weight"].std(0), weights.std(0), rtol=0.2)
    np.testing.assert_array_equal(posterior.draw(5, seed=1)["0.bias"], drawn["0.bias"][:5])
    path = tmp_path / "posterior.safetensors"
    posterior.save(path)
    for other in (apd.Posterior.load(path), pickle.loads(pickle.dumps(posterior))):
        np.testing.assert_array_equal(other.draw(3)["0.weight"], posterior.draw(3)["0.weight"])
        assert other.shapes == posterior.shapes


def test_rows_and_stacked_arrays_are_banks_too(tmp_path):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(200, 6)).astype(np.float32)
    np.save(tmp_path / "bank.npy", rows)
    same = [rows, str(tmp_path / "bank.npy")]
    drawn = [apd.distill(it, share=1.0).draw(9)["theta"] for it in same]
    np.testing.assert_array_equal(*drawn)
    # Draws are the rows, in 8 bits.
    nearest = np.abs(drawn[0][:, None] - rows[None]).max(-1).min(1)
    assert nearest.max() < 0.03
    nested = {"layer": {"w": rows[:, :4].reshape(200, 2, 2), "b": rows[:, 4:]}}
    assert apd.distill(nested).shapes == {"layer.w": (2, 2), "layer.b": (2,)}


def test_chains_of_members_are_one_bank():
    """A deep ensemble's chains as `bde` keeps them: names within names, and arrays of (member, draw, *shape)."""
    rng = np.random.default_rng(4)
    widths = [5, 16, 16, 16, 16, 2]
    layers = list(zip(widths, widths[1:]))

    def network(theta, X):
        for i in range(len(layers)):
            X = X @ theta[f"Dense_{i}.kernel"] + theta[f"Dense_{i}.bias"]
            X = np.tanh(X) if i + 1 < len(layers) else X
        return X

    # Ten modes, and in each a hundred networks that differ by a thirtieth of what modes do.
    def around(shape, scale):
        return scale * (rng.normal(size=(10, 1, *shape)) + rng.normal(size=(10, 100, *shape)) / 30)

    bank = {f"Dense_{i}": {"kernel": around(it, it[0] ** -0.5), "bias": around(it[1:], 0.1)} for i, it in enumerate(layers)}
    posterior = apd.distill(bank, sample_axes=2)
    rows = sum(value[0, 0].size for layer in bank.values() for value in layer.values())
    assert posterior.nbytes <= 0.02 * 1000 * 4 * rows

    flat = {f"{name}.{part}": value.reshape(1000, *value.shape[2:]) for name, layer in bank.items() for part, value in layer.items()}
    X = rng.normal(size=(100, 5))
    exact = np.stack([network({name: value[i] for name, value in flat.items()}, X)[:, 0] for i in range(1000)])
    found = posterior.predict(network, X, n=200)[:, :, 0]
    redrawn = np.stack([exact[rng.integers(0, 1000, 200)] for _ in range(50)])
    for of in (np.mean, np.std):
        error = np.abs(of(found, axis=0) - of(exact, axis=0)).mean()
        of_redraws = np.abs(of(redrawn, axis=1) - of(exact, axis=0)).mean()
        assert error <= of_redraws, (of.__name__, error, of_redraws)


def test_predictions_are_those_of_the_bank():
    rng = np.random.default_rng(2)
    bank = {"w": rng.normal(1.0, 0.3, (1000, 3)), "b": rng.normal(0.0, 0.1, 1000)}
    X = rng.normal(size=(50, 3))
    found = apd.distill(bank, share=0.1).predict(lambda theta, X: X @ theta["w"] + theta["b"], X, n=400)
    exact = X @ bank["w"].T + bank["b"]
    assert found.shape == (400, 50)
    np.testing.assert_allclose(found.mean(0), exact.mean(1), atol=5 * exact.std() / np.sqrt(400))


def test_networks_of_pytorch_with_batch_normalization():
    torch = pytest.importorskip("torch")
    from sklearn.datasets import load_digits

    def convolution(before, width):
        return torch.nn.Conv2d(before, width, 3, padding=1, bias=False), torch.nn.BatchNorm2d(width)

    class Block(torch.nn.Module):
        def __init__(self, width):
            super().__init__()
            self.path = torch.nn.Sequential(*convolution(width, width), torch.nn.ReLU(), *convolution(width, width))

        def forward(self, x):
            return torch.relu(x + self.path(x))

    torch.manual_seed(0)
    head = torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(32, 10)
    resnet = torch.nn.Sequential(*convolution(1, 8), torch.nn.ReLU(), Block(8), Block(8), *head)
    digits = load_digits()
    images = torch.tensor(digits.images[:, None] / 8 - 1, dtype=torch.float32)
    labels = torch.tensor(digits.target)

    def probabilities():
        with torch.no_grad():
            return torch.softmax(resnet.eval()(images[1200:]), 1).numpy()

    # 200 networks along SGD at a constant rate, from every tenth step.
    optimizer = torch.optim.SGD(resnet.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    states, bank = [], []
    for step in range(2_600):
        batch = torch.randint(0, 1200, (64,))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(resnet.train()(images[batch]), labels[batch]).backward()
        optimizer.step()
        if step >= 600 and step % 10 == 9:
            states.append({name: value.clone() for name, value in resnet.state_dict().items()})
            bank.append(probabilities())
    accuracy = (np.mean(bank, 0).argmax(1) == digits.target[1200:]).mean()
    assert len(states) == 200 and accuracy > 0.9

    posterior = apd.distill(states, share=0.2)
    logits = posterior.predict(resnet.train(), images[1200:])
    assert resnet.training, "as it was"
    drawn = []
    for state in posterior.state_dicts(200, like=resnet):
        resnet.load_state_dict(state, strict=True)
        drawn.append(probabilities())
    assert np.isfinite(drawn).all()
    np.testing.assert_allclose(torch.softmax(torch.tensor(logits), 2).numpy(), drawn, atol=1e-5)
    tv = 0.5 * np.abs(np.mean(drawn, 0) - np.mean(bank, 0)).sum(1).mean()
    assert tv <= 0.01, tv
    with pytest.raises(ValueError, match="0.weight"):
        posterior.predict(torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, bias=False)), images)
    with pytest.raises(ValueError, match="0.weight"):
        posterior.state_dicts(1, like=torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, bias=False)))


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros(3), "shape"),
        (np.zeros((0, 3)), "nothing to distil"),
        (np.array([[1.0, np.nan]]), r"rows\[0, 1\]"),
        ([{"a": np.zeros(2)}, {"a": np.zeros(3)}], r"samples\[1\]\['a'\]"),
        ({"a": np.zeros((2, 1)), "b": np.zeros((3, 1))}, "unequal"),
        ({"x.running_var": -np.ones((5, 2))}, "running_var"),
        ({"a": np.array(["x", "y"])}, "dtype"),
    ],
)
def test_what_is_no_bank_is_named(samples, words):
    with pytest.raises(ValueError, match=words):
        apd.distill(samples)


def test_settings_that_cannot_be_are_named():
    rows = np.random.default_rng(3).normal(size=(50, 4))
    for settings, words in [
        ({"method": "gan"}, "method"),
        ({"share": 0.0}, "share"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"sample_axes": 0}, "sample_axes"),
        ({"sample_axes": 3}, "sample_axes"),
        ({"sample_axes": 2}, "shape"),
    ]:
        with pytest.raises(ValueError, match=words):
            apd.distill(rows, **settings)
    with pytest.raises(ValueError, match="n is -1"):
        apd.distill(rows).draw(-1)
    with pytest.raises(ValueError, match="memory"):
        apd.distill(rows).draw(2**61)
    with pytest.raises(OSError, match="nothing.safetensors"):
        apd.Posterior.load("nothing.safetensors")
