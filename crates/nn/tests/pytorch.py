"""Writes pytorch.json and pytorch_sequential.json, the values that tests/pytorch.rs checks convolutional networks and `Sequential` against.

Made with Python 3.11, torch 2.15.0 on a CPU, in double precision:  python pytorch.py
Parameters and inputs are numbers that both sides compute: SplitMix64 of a salt and an index.
"""

import json
import math
import pathlib

import torch
from torch import nn
import torch.nn.functional as F

MASK = (1 << 64) - 1
IMAGES, CLASSES = 4, 10
# The slope of a leaky ReLU is a number of single precision on the other side.
SLOPE = torch.tensor(0.2).item()


def uniform(salt, count):
    """`count` numbers in [-1, 1)."""
    numbers = []
    for i in range(count):
        z = ((salt << 32 | i) + 1) * 0x9E3779B97F4A7C15 & MASK
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        numbers.append(((z ^ z >> 31) >> 11) / 2**52 - 1.0)
    return torch.tensor(numbers, dtype=torch.float64)


def small():
    layers, channels = [], 1
    for outputs in (16, 32, 32):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        channels = outputs
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(3 * 3 * 32, CLASSES)).double()


def large(batch_norm):
    layers, channels = [], 1

    def conv(outputs, kernel, padding):
        nonlocal channels
        layers.append(nn.Conv2d(channels, outputs, kernel, padding=padding))
        if batch_norm:
            layers.append(nn.BatchNorm2d(outputs, momentum=1.0))
        layers.append(nn.LeakyReLU(SLOPE))
        channels = outputs

    for outputs in (48, 48, 48):
        conv(outputs, 3, 1)
    layers.append(nn.MaxPool2d(2))
    for outputs in (96, 96, 96):
        conv(outputs, 3, 1)
    layers.append(nn.MaxPool2d(2))
    conv(96, 3, 0)
    conv(96, 1, 0)
    layers += [nn.Conv2d(96, CLASSES, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers).double()


def fill(network):
    """Weights of variance 2 / fan-in, biases within 0.1, those of a normalization's weights about 1."""
    with torch.no_grad():
        for salt, (name, p) in enumerate(network.named_parameters(), start=1):
            numbers = uniform(salt, p.numel()).view_as(p)
            if p.dim() > 1:
                p.copy_(numbers * math.sqrt(6.0 / p[0].numel()))
            else:
                p.copy_(0.1 * numbers + (1.0 if name.endswith("weight") else 0.0))


def some(p):
    """The norm of a gradient, and seven of its elements from end to end."""
    g = p.grad.flatten()
    return {"norm": g.norm().item(), "elements": [g[i * (len(g) - 1) // 6].item() for i in range(7)]}


def golden(name, network):
    fill(network)
    x = uniform(1000, IMAGES * 784).view(IMAGES, 1, 28, 28)
    labels = [3, 0, 9, 3]
    logits = network.train()(x)
    loss = F.cross_entropy(logits, torch.tensor(labels), reduction="sum")
    loss.backward()
    gradients = {"layers." + parameter: some(p) for parameter, p in network.named_parameters()}
    result = {
        "name": name,
        "labels": labels,
        "names": ["layers." + parameter for parameter, _ in network.named_parameters()],
        "logits": logits.tolist(),
        "loss": loss.item(),
        "gradients": gradients,
    }
    norms = [m for m in network if isinstance(m, nn.BatchNorm2d)]
    if norms:
        # With momentum 1 the running values are the batch's, but the variance is the unbiased one.
        counts = [IMAGES * pixels for pixels in [784] * 3 + [196] * 3 + [25] * 2]
        result["means"] = [m.running_mean[:3].tolist() for m in norms]
        result["variances"] = [((c - 1) / c * m.running_var[:3]).tolist() for c, m in zip(counts, norms)]
        for salt, m in enumerate(norms, start=2000):
            buffers = uniform(salt, 2 * m.num_features)
            m.running_mean.copy_(buffers[: m.num_features])
            m.running_var.copy_(1.0 + 0.5 * buffers[m.num_features :])
    result["evaluated"] = network.eval()(x).tolist()
    return result


class FilterResponseNorm(nn.Module):
    """Singh & Krishnan, equations (1) to (5), which PyTorch lacks."""

    def __init__(self, channels):
        super().__init__()
        for name in ("weight", "bias", "tau"):
            self.register_parameter(name, nn.Parameter(torch.zeros(channels)))

    def forward(self, x):
        weight, bias, tau = (p.view(-1, 1, 1) for p in (self.weight, self.bias, self.tau))
        y = x / torch.sqrt(x.pow(2).mean((2, 3), keepdim=True) + 1e-6)
        return torch.max(weight * y + bias, tau)


class Residual(nn.Module):
    def __init__(self, layers, shortcut):
        super().__init__()
        self.layers, self.shortcut = layers, shortcut

    def forward(self, x):
        return self.layers(x) + self.shortcut(x)


def module(layer, x):
    """A layer, as `Sequential` describes it, for inputs like x."""
    kind, of = (layer, {}) if isinstance(layer, str) else next(iter(layer.items()))
    width = x.shape[1]
    plain = {
        "relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "silu": nn.SiLU, "gelu": nn.GELU, "softplus": nn.Softplus,
        "flatten": nn.Flatten, "global-average-pool": lambda: nn.AdaptiveAvgPool2d(1),
        "layer-norm": lambda: nn.LayerNorm(width), "filter-response-norm": lambda: FilterResponseNorm(width),
        "batch-norm": lambda: (nn.BatchNorm1d if x.dim() == 2 else nn.BatchNorm2d)(width),
    }
    if kind in plain:
        return plain[kind]()
    if kind == "linear":
        return nn.Linear(width, of["outputs"])
    if kind == "conv":
        return nn.Conv2d(width, of["outputs"], of["kernel"], of.get("stride", 1), of.get("padding", 0))
    if kind in ("max-pool", "average-pool"):
        return (nn.MaxPool2d if kind == "max-pool" else nn.AvgPool2d)(of["size"])
    if kind == "leaky-relu":
        return nn.LeakyReLU(of["slope"])
    if kind == "dropout":
        return nn.Dropout(of["p"])
    return Residual(chain(of["layers"], x), chain(of.get("shortcut", []), x))


def chain(layers, x):
    modules = []
    for layer in layers:
        modules.append(module(layer, x).double())
        x = modules[-1](x)
    return nn.Sequential(*modules)


def linear(outputs):
    return {"linear": {"outputs": outputs}}


def conv(outputs, kernel, stride=1, padding=0):
    return {"conv": {"outputs": outputs, "kernel": kernel, "stride": stride, "padding": padding}}


BLOCK = [conv(4, 3, 2, 1), "batch-norm", "relu", conv(4, 3, 1, 1), "batch-norm"]
SEQUENTIALS = {
    "activations": ([3], [
        linear(5), "relu", linear(5), {"leaky-relu": {"slope": 0.25}}, linear(5), "tanh", linear(5), "sigmoid",
        linear(5), "silu", linear(5), "gelu", linear(5), "softplus", linear(2),
    ]),
    "stride and padding": ([2, 9, 8], [
        conv(4, 3, 2, 1), "silu", conv(3, 2), "tanh", conv(3, 4, 3, 3), "flatten", linear(3),
    ]),
    "pools": ([2, 9, 7], [
        {"max-pool": {"size": 2}}, conv(3, 1), {"average-pool": {"size": 2}}, conv(2, 1), "global-average-pool",
    ]),
    "residual": ([2, 6, 5], [
        {"residual": {"layers": BLOCK, "shortcut": [conv(4, 1, 2), "batch-norm"]}}, "relu",
        {"residual": {"layers": [conv(4, 3, 1, 1), "silu"]}}, "global-average-pool", "flatten", linear(3),
    ]),
    "norms of vectors": ([4], [
        linear(6), "batch-norm", {"residual": {"layers": ["layer-norm", linear(6), "gelu"]}}, "layer-norm", linear(2),
    ]),
    "filter response": ([3, 4, 4], [
        conv(4, 3, 1, 1), "filter-response-norm", {"max-pool": {"size": 2}}, conv(2, 1), "filter-response-norm", "flatten", linear(3),
    ]),
    "dropout": ([4], [
        linear(5), "tanh", {"dropout": {"p": 0.5}}, linear(5), "silu", {"dropout": {"p": 0.25}}, linear(2),
    ]),
}


def sequential(name, shape, layers):
    rows, dim = 5, math.prod(shape)
    x = uniform(1000, rows * dim).view(rows, *shape).requires_grad_()
    network = nn.Module()
    network.layers = chain(layers, x.detach())
    fill(network)
    for m in network.modules():
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
            m.momentum = 0.0

    def run():
        """The outputs, and the gradient of sum(w z + z^2 / 2)."""
        network.zero_grad()
        x.grad = None
        outputs = network.layers(x).flatten(1)
        weights = uniform(3000, outputs.numel()).view_as(outputs)
        (weights * outputs + outputs**2 / 2).sum().backward()
        return outputs.tolist(), some(x)

    network.train()
    for m in network.modules():
        if isinstance(m, nn.Dropout):
            m.eval()
    outputs, input_gradient = run()
    result = {
        "name": name,
        "network": {"input": shape, "layers": layers},
        "names": [parameter for parameter, _ in network.named_parameters()],
        "outputs": outputs,
        "input_gradient": input_gradient,
        "gradients": {parameter: some(p) for parameter, p in network.named_parameters()},
    }
    network.eval()
    buffers = [(name, b) for name, b in network.named_buffers() if not name.endswith("num_batches_tracked")]
    for salt, (buffer, b) in enumerate(buffers, start=2000):
        b.copy_(uniform(salt, b.numel()) if buffer.endswith("mean") else 1.0 + 0.5 * uniform(salt, b.numel()))
    result["buffers"] = [buffer for buffer, _ in buffers]
    result["evaluated"], result["evaluated_input_gradient"] = run()
    return result


here = pathlib.Path(__file__)
goldens = [golden("small", small()), golden("large", large(False)), golden("large-batch-norm", large(True))]
here.with_name("pytorch.json").write_text(json.dumps({"torch": torch.__version__, "networks": goldens}, indent=1) + "\n")
lines = ",\n".join(json.dumps(sequential(name, *of)) for name, of in SEQUENTIALS.items())
here.with_name("pytorch_sequential.json").write_text("[\n" + lines + "\n]\n")
