"""Writes attacks.json, the adversarial examples that tests/attacks.rs checks this crate against.

Made with Python 3.11, numpy 2.4.6, torch 2.15.0 on a CPU:  python attacks.py
FGSM and PGD are written out below in PyTorch, in double precision, from equation and text of Goodfellow et al. 2015 (section 4)
and Madry et al. 2018 (section 2.1). The sign of a gradient is no continuous function: inputs of which some gradient is too
near 0 in some step for single precision to tell its sign are left out.
"""

import json
import pathlib

import torch
from torch.nn import Linear, ReLU, Sequential

torch.manual_seed(20180704)
WIDTHS, NETWORKS, INPUTS, KEEP = [6, 10, 8, 3], 3, 200, 12
EPSILON, STEP, STEPS = 0.3, 0.02, 40
# Least |gradient| in any step, in units of the largest of the same input in the same step.
CLEAR = 1e-3


def network():
    layers = [Linear(WIDTHS[0], WIDTHS[1]), ReLU(), Linear(WIDTHS[1], WIDTHS[2]), ReLU(), Linear(WIDTHS[2], WIDTHS[3])]
    net = Sequential(*layers)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(3.0)  # some confidence, so that the networks differ in how much they count
    return net.double().requires_grad_(False)  # the weights stay numbers of single precision


def losses(nets, x, y):
    mean = torch.stack([net(x).softmax(1) for net in nets]).mean(0)
    return -mean[torch.arange(len(y)), y].log()


def gradient(nets, x, y):
    x = x.clone().requires_grad_(True)
    return torch.autograd.grad(losses(nets, x, y).sum(), x)[0]


def fgsm(nets, x, y):
    g = gradient(nets, x, y)
    return (x + EPSILON * g.sign()).clamp(-1, 1), clear(g)


def pgd(nets, x, y):
    moved, usable = x.clone(), torch.ones(len(x), dtype=torch.bool)
    for _ in range(STEPS):
        g = gradient(nets, moved, y)
        usable &= clear(g)
        moved = moved + STEP * g.sign()
        moved = torch.minimum(torch.maximum(moved, x - EPSILON), x + EPSILON).clamp(-1, 1)
    return moved, usable


def clear(g):
    return g.abs().amin(1) > CLEAR * g.abs().amax(1)


nets = [network() for _ in range(NETWORKS)]
x = (2 * torch.rand(INPUTS, WIDTHS[0]) - 1).double()
x[::5, 0] = 1.0  # on the border of the range
y = torch.randint(WIDTHS[-1], (INPUTS,))
cases = {}
usable = torch.ones(INPUTS, dtype=torch.bool)
for of, chosen in [("one", nets[:1]), ("all", nets)]:
    for name, attack in [("fgsm", fgsm), ("pgd", pgd)]:
        moved, good = attack(chosen, x, y)
        cases[f"{name}-{of}"] = moved
        usable &= good
rows = usable.nonzero()[:KEEP, 0]
assert len(rows) == KEEP, f"{len(rows)} inputs"
assert (x[rows, 0] == 1.0).any()
# A PGD that never turns round would not be told from FGSM.
assert (cases["pgd-one"] - cases["fgsm-one"])[rows].abs().max() > 0.1
assert (cases["pgd-all"] - cases["pgd-one"])[rows].abs().max() > 0.1

values = {
    "widths": WIDTHS,
    "epsilon": EPSILON,
    "step": STEP,
    "steps": STEPS,
    "thetas": [torch.cat([p.flatten() for p in net.parameters()]).tolist() for net in nets],
    "inputs": x[rows].tolist(),
    "labels": y[rows].tolist(),
    "losses": {of: losses(n, x[rows], y[rows]).tolist() for of, n in [("one", nets[:1]), ("all", nets)]},
    "gradients": {of: gradient(n, x[rows], y[rows]).tolist() for of, n in [("one", nets[:1]), ("all", nets)]},
    "examples": {name: moved[rows].tolist() for name, moved in cases.items()},
}
lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in values.items())
pathlib.Path(__file__).with_suffix(".json").write_text("{\n" + lines + "\n}\n")
print(f"{len(rows)} of {int(usable.sum())} usable inputs of {INPUTS}")
