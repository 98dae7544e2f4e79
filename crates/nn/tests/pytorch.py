"""Writes pytorch.json, the values that tests/pytorch.rs checks the convolutional networks against.

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


def golden(name, network):
    fill(network)
    x = uniform(1000, IMAGES * 784).view(IMAGES, 1, 28, 28)
    labels = [3, 0, 9, 3]
    logits = network.train()(x)
    loss = F.cross_entropy(logits, torch.tensor(labels), reduction="sum")
    loss.backward()
    gradients = {}
    for parameter, p in network.named_parameters():
        g = p.grad.flatten()
        # The norm, and seven elements from end to end.
        some = [g[i * (len(g) - 1) // 6].item() for i in range(7)]
        gradients["layers." + parameter] = {"norm": g.norm().item(), "elements": some}
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


goldens = [golden("small", small()), golden("large", large(False)), golden("large-batch-norm", large(True))]
path = pathlib.Path(__file__).with_name("pytorch.json")
path.write_text(json.dumps({"torch": torch.__version__, "networks": goldens}, indent=1) + "\n")
