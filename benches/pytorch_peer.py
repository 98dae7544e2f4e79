"""PyTorch's side of `cargo xtask bench --against-pytorch`: the same work, each in several honest ways.

Settings follow SPEC: SGLD with lr .05, weight decay .001, N 50 000, batch 100; WGAN-GP with z 32, h 100, batch 100,
Adam 1e-4 (.5, .9). f32 throughout. Data is random: the time does not depend on what is learned.
"""

import math
import platform
from functools import partial

import numpy
import torch
import torch._inductor.config
import torch.nn.functional as F
from torch import nn

from peer_protocol import THREADS, Chains, Loop, serve

EXAMPLES, BATCH, CLASSES = 50_000, 100, 10
STEP_SIZE, PRIOR_PRECISION = 0.05 / EXAMPLES, EXAMPLES * 0.001
FC1, FC2 = [784, 100, 10], [784, 400, 400, 10]

# Without this, compiled code draws its normals one by one in the kernel, which takes several times as long.
torch._inductor.config.fallback_random = True


def forward(parameters, x):
    for i in range(0, len(parameters) - 2, 2):
        x = F.relu(F.linear(x, parameters[i], parameters[i + 1]))
    return F.linear(x, parameters[-2], parameters[-1])


def initial(widths):
    parameters = []
    for fan_in, fan_out in zip(widths, widths[1:]):
        bound = fan_in**-0.5
        parameters.append(torch.empty(fan_out, fan_in).uniform_(-bound, bound))
        parameters.append(torch.empty(fan_out).uniform_(-bound, bound))
    return parameters


class Minibatches:
    """Indices of the next minibatch, without replacement within an epoch."""

    def __init__(self):
        self.step = 0

    def __call__(self):
        at = self.step % (EXAMPLES // BATCH)
        if at == 0:
            self.order = torch.randperm(EXAMPLES)
        self.step += 1
        return self.order[at * BATCH : (at + 1) * BATCH]


def dataset():
    return torch.rand(EXAMPLES, 784) * 2 - 1, torch.randint(0, CLASSES, (EXAMPLES,))


# SGLD step: gather, forward, backward, prior, noise, update.


def sgld_eager(widths):
    x, y = dataset()
    indices = Minibatches()
    parameters = [p.requires_grad_() for p in initial(widths)]

    def step():
        batch = indices()
        loss = F.cross_entropy(forward(parameters, x[batch]), y[batch], reduction="sum") * (EXAMPLES / BATCH)
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for p, g in zip(parameters, gradients):
                p.add_(g.add(p, alpha=PRIOR_PRECISION), alpha=-STEP_SIZE / 2)
                p.add_(torch.randn_like(p), alpha=STEP_SIZE**0.5)

    return step


def sgld_flat(widths):
    """One flat vector each for parameters, gradient and noise; the layers are views of them."""
    x, y = dataset()
    indices = Minibatches()
    shapes = [p.shape for p in initial(widths)]
    sizes = [math.prod(shape) for shape in shapes]

    def views(flat):
        return [part.view(shape) for part, shape in zip(flat.split(sizes), shapes)]

    theta = torch.cat([p.flatten() for p in initial(widths)])
    gradient, noise = torch.empty_like(theta), torch.empty_like(theta)
    parameters = [p.detach().requires_grad_() for p in views(theta)]
    for p, g in zip(parameters, views(gradient)):
        p.grad = g

    def step():
        batch = indices()
        torch.mul(theta, PRIOR_PRECISION, out=gradient)
        (F.cross_entropy(forward(parameters, x[batch]), y[batch], reduction="sum") * (EXAMPLES / BATCH)).backward()
        theta.add_(gradient, alpha=-STEP_SIZE / 2)
        theta.add_(noise.normal_(), alpha=STEP_SIZE**0.5)

    return step


def sgld_compiled(widths):
    x, y = dataset()
    indices = Minibatches()
    parameters = initial(widths)

    def loss(parameters, x, y):
        return F.cross_entropy(forward(parameters, x), y, reduction="sum")

    @torch.compile
    def step(parameters, batch):
        gradients = torch.func.grad(loss)(parameters, x[batch], y[batch])
        for p, g in zip(parameters, gradients):
            drift = (g * (EXAMPLES / BATCH) + PRIOR_PRECISION * p) * (-STEP_SIZE / 2)
            p.add_(drift + torch.randn_like(p) * STEP_SIZE**0.5)

    return lambda: step(parameters, indices())


def alone(maker, widths):
    torch.set_num_threads(1)
    return Loop(maker(widths), 100)


def one_chain(widths):
    return {
        "eager": lambda: Loop(sgld_eager(widths), 50),
        "eager-flat": lambda: Loop(sgld_flat(widths), 50),
        "compile": lambda: Loop(sgld_compiled(widths), 50),
    }


def sgld(widths):
    return one_chain(widths) | {
        f"eager-flat-{THREADS}-processes": lambda: Chains(partial(alone, sgld_flat, widths)),
        f"compile-{THREADS}-processes": lambda: Chains(partial(alone, sgld_compiled, widths)),
    }


# SGD steps, as libraries define them: the mean loss, weight decay, and dropout behind the hidden layers.


def sgd_step(widths, dropout=0.0, compiled=False):
    x, y = dataset()
    indices = Minibatches()
    layers = []
    for fan_in, fan_out in zip(widths, widths[1:]):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU(), nn.Dropout(dropout) if dropout else nn.Identity()]
    network = nn.Sequential(*layers[:-2])
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, weight_decay=0.001)

    def loss(x, y):
        return F.cross_entropy(network(x), y)

    if compiled:
        loss = torch.compile(loss)

    def step():
        batch = indices()
        optimizer.zero_grad()
        loss(x[batch], y[batch]).backward()
        optimizer.step()

    return step


def sgd(widths, dropout=0.0):
    return {
        "eager": lambda: Loop(sgd_step(widths, dropout), 50),
        "compile": lambda: Loop(sgd_step(widths, dropout, True), 50),
    }


def training(sgld_step, compiled=False):
    """A unit is a step each of SGD, SGD with dropout and SGLD."""
    steps = [sgd_step(FC1, 0.0, compiled), sgd_step(FC1, 0.5, compiled), sgld_step(FC1)]

    def unit():
        for step in steps:
            step()

    return unit


def training_compiled(_):
    return training(sgld_compiled, True)


# Gradients of small perceptrons with heads of mean and scale, and with their prior N(0, 1): all rows, or minibatches.

SMALL_FULL = ([5, 16, 16, 16, 16, 2], torch.tanh, 1_022, 1_022)
SMALL_BATCH = ([16, 64, 64, 2], F.relu, 10_000, 100)


def small_gradients(widths, activation, rows, batch, compiled):
    x, y = torch.randn(rows, widths[0]), torch.randn(rows)
    parameters = [p.requires_grad_() for p in initial(widths)]

    def potential(parameters, x, y):
        hidden = x
        for i in range(0, len(parameters) - 2, 2):
            hidden = activation(F.linear(hidden, parameters[i], parameters[i + 1]))
        mean, log_scale = F.linear(hidden, parameters[-2], parameters[-1]).unbind(1)
        fit = (((y - mean) * torch.exp(-log_scale)) ** 2 / 2 + log_scale).sum() * (rows / batch)
        return fit + sum((p**2).sum() for p in parameters) / 2

    if compiled:
        potential = torch.compile(potential)

    def step():
        these = (x, y)
        if batch < rows:
            indices = torch.randint(0, rows, (batch,))
            these = (x[indices], y[indices])
        torch.autograd.grad(potential(parameters, *these), parameters)

    return step


def small_alone(case, compiled):
    torch.set_num_threads(1)
    return Loop(small_gradients(*case, compiled), 100)


def small(case):
    return {
        "eager": lambda: Loop(small_gradients(*case, False), 100),
        "compile": lambda: Loop(small_gradients(*case, True), 100),
        f"eager-{THREADS}-processes": lambda: Chains(partial(small_alone, case, False)),
        f"compile-{THREADS}-processes": lambda: Chains(partial(small_alone, case, True)),
    }


# WGAN-GP updates.

LATENT, HIDDEN, PENALTY, LEARNING_RATE, BETAS = 32, 100, 10.0, 1e-4, (0.5, 0.9)


def generator(dim):
    return initial([LATENT, HIDDEN, HIDDEN, HIDDEN, dim])


def critic(dim):
    return initial([dim, HIDDEN, HIDDEN, HIDDEN, 1])


def penalty_closed_form(c, x):
    """The critic's gradient by its input written out: cheaper than differentiating twice."""
    a1 = F.linear(x, c[0], c[1])
    a2 = F.linear(F.relu(a1), c[2], c[3])
    a3 = F.linear(F.relu(a2), c[4], c[5])
    gradient = ((((c[6] * (a3 > 0)) @ c[4]) * (a2 > 0)) @ c[2] * (a1 > 0)) @ c[0]
    return ((gradient.norm(2, dim=1) - 1) ** 2).mean()


def critic_loss(c, g, real):
    fake = forward(g, torch.randn(BATCH, LATENT))
    between = real + torch.rand(BATCH, 1) * (fake - real)
    return forward(c, fake).mean() - forward(c, real).mean() + PENALTY * penalty_closed_form(c, between)


def generator_loss(g, c):
    return -forward(c, forward(g, torch.randn(BATCH, LATENT))).mean()


def wgan_eager(dim, rows):
    """As it is usually written: double backward for the penalty, Adam in its fused form."""
    bank = torch.randn(rows, dim) * 0.05
    c, g = [[p.requires_grad_() for p in it] for it in (critic(dim), generator(dim))]
    adam_c, adam_g = [torch.optim.Adam(it, lr=LEARNING_RATE, betas=BETAS, fused=True) for it in (c, g)]

    def update(adam, parameters, loss):
        for p, gradient in zip(parameters, torch.autograd.grad(loss, parameters)):
            p.grad = gradient
        adam.step()

    def critic_update():
        real = bank[torch.randint(0, rows, (BATCH,))]
        with torch.no_grad():
            fake = forward(g, torch.randn(BATCH, LATENT))
        between = (real + torch.rand(BATCH, 1) * (fake - real)).requires_grad_()
        (gradient,) = torch.autograd.grad(forward(c, between).sum(), between, create_graph=True)
        penalty = ((gradient.norm(2, dim=1) - 1) ** 2).mean()
        update(adam_c, c, forward(c, fake).mean() - forward(c, real).mean() + PENALTY * penalty)

    return critic_update, lambda: update(adam_g, g, generator_loss(g, c))


def wgan_compiled(dim, rows):
    """The loss compiled, the optimizer PyTorch's own fused one."""
    bank = torch.randn(rows, dim) * 0.05
    c, g = [[p.requires_grad_() for p in it] for it in (critic(dim), generator(dim))]
    adam_c, adam_g = [torch.optim.Adam(it, lr=LEARNING_RATE, betas=BETAS, fused=True) for it in (c, g)]

    @torch.compile
    def loss_of_critic(c, g, batch):
        return critic_loss(c, [p.detach() for p in g], bank[batch])

    loss_of_generator = torch.compile(generator_loss)

    def critic_update():
        adam_c.zero_grad()
        loss_of_critic(c, g, torch.randint(0, rows, (BATCH,))).backward()
        adam_c.step()

    def generator_update():
        adam_g.zero_grad()
        loss_of_generator(g, [p.detach() for p in c]).backward()
        adam_g.step()

    return critic_update, generator_update


def wgan_compiled_whole(dim, rows):
    """Loss, gradient and Adam in one compiled function."""
    bank = torch.randn(rows, dim) * 0.05
    c, g = critic(dim), generator(dim)
    moments = [[torch.zeros_like(p) for p in it] for it in (c, c, g, g)]
    times = [torch.tensor(0.0), torch.tensor(0.0)]

    def adam(parameters, gradients, first, second, t):
        t.add_(1)
        bias1, bias2 = 1 - BETAS[0] ** t, 1 - BETAS[1] ** t
        for p, gradient, m, v in zip(parameters, gradients, first, second):
            m.lerp_(gradient, 1 - BETAS[0])
            v.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
            p.sub_(LEARNING_RATE / bias1 * m / ((v / bias2).sqrt() + 1e-8))

    @torch.compile
    def critic_step(c, g, first, second, t, batch):
        adam(c, torch.func.grad(critic_loss)(c, g, bank[batch]), first, second, t)

    @torch.compile
    def generator_step(c, g, first, second, t):
        adam(g, torch.func.grad(generator_loss)(g, c), first, second, t)

    def critic_update():
        critic_step(c, g, moments[0], moments[1], times[0], torch.randint(0, rows, (BATCH,)))

    return critic_update, lambda: generator_step(c, g, moments[2], moments[3], times[1])


def wgan(dim, rows, which):
    return {
        "eager": lambda: Loop(wgan_eager(dim, rows)[which]),
        "compile": lambda: Loop(wgan_compiled(dim, rows)[which]),
        "compile-whole-step": lambda: Loop(wgan_compiled_whole(dim, rows)[which]),
    }


# Prediction: softmax rows of many networks, averaged.


def predict_loop(widths, networks):
    x = torch.rand(10_000, 784) * 2 - 1
    bank = [initial(widths) for _ in range(networks)]

    @torch.inference_mode()
    def predict():
        total = torch.zeros(len(x), CLASSES)
        for parameters in bank:
            total += torch.softmax(forward(parameters, x), 1)
        return total / networks

    return predict


def predict_stacked(widths, networks, chunk=10, compiled=False):
    """First layers of `chunk` networks as one product, the layers above as batched products."""
    x = torch.rand(10_000, 784) * 2 - 1
    bank = [torch.stack(layer) for layer in zip(*[initial(widths) for _ in range(networks)])]

    def part(layers):
        width = layers[0].shape[1]
        hidden = F.linear(x, layers[0].reshape(-1, 784), layers[1].reshape(-1))
        hidden = F.relu(hidden).view(len(x), -1, width).transpose(0, 1)
        for i in range(2, len(layers), 2):
            hidden = torch.baddbmm(layers[i + 1].unsqueeze(1), hidden, layers[i].transpose(1, 2))
            if i + 2 < len(layers):
                hidden = F.relu(hidden)
        return torch.softmax(hidden, 2).sum(0)

    if compiled:
        part = torch.compile(part)

    @torch.no_grad()
    def predict():
        total = torch.zeros(len(x), CLASSES)
        for start in range(0, networks, chunk):
            total += part([layer[start : start + chunk] for layer in bank])
        return total / networks

    return predict


def prediction(widths, networks):
    return {
        "eager": lambda: Loop(predict_loop(widths, networks), 1),
        "eager-stacked": lambda: Loop(predict_stacked(widths, networks), 1),
        "compile": lambda: Loop(predict_stacked(widths, networks, compiled=True), 1),
    }


# Gradient steps of the convolutional networks: forward and backward of one batch.


def cnn_small():
    layers, channels = [], 1
    for outputs in (16, 32, 32):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        channels = outputs
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(3 * 3 * 32, CLASSES))


def cnn_large(batch_norm):
    layers, channels = [], 1
    for block in [[(48, 3, 1)] * 3, [(96, 3, 1)] * 3, [(96, 3, 0), (96, 1, 0)]]:
        if layers:
            layers.append(nn.MaxPool2d(2))
        for outputs, kernel, padding in block:
            layers.append(nn.Conv2d(channels, outputs, kernel, padding=padding))
            if batch_norm:
                layers.append(nn.BatchNorm2d(outputs))
            layers.append(nn.LeakyReLU(0.2))
            channels = outputs
    return nn.Sequential(*layers, nn.Conv2d(96, CLASSES, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def cnn_step(network, memory_format, compiled=False):
    network = network.to(memory_format=memory_format)
    x = torch.randn(BATCH, 1, 28, 28).to(memory_format=memory_format)
    y = torch.randint(0, CLASSES, (BATCH,))

    def loss(x, y):
        return F.cross_entropy(network(x), y, reduction="sum")

    if compiled:
        loss = torch.compile(loss)

    def step():
        network.zero_grad(set_to_none=False)
        loss(x, y).backward()

    return step


def cnn(make):
    return {
        "eager": lambda: Loop(cnn_step(make(), torch.contiguous_format)),
        "eager-channels-last": lambda: Loop(cnn_step(make(), torch.channels_last)),
        "compile": lambda: Loop(cnn_step(make(), torch.contiguous_format, True)),
        "compile-channels-last": lambda: Loop(cnn_step(make(), torch.channels_last, True)),
    }


def draw(dim, count, compiled=False, reuse=False):
    g = generator(dim)
    sample = torch.compile(forward) if compiled else forward
    if reuse:  # the networks go where those of the call before were
        networks = torch.empty(count, dim)

        def sample(g, z):
            hidden = forward(g[:-2], z).relu_()
            return torch.addmm(g[-1], hidden, g[-2].t(), out=networks)

    @torch.no_grad()
    def unit():
        return sample(g, torch.randn(count, LATENT))

    return Loop(unit, 3)


WORKS = {
    "sgld-fc1": sgld(FC1),
    "sgld-fc2": sgld(FC2),
    "sgld-fc1-one-chain": one_chain(FC1),
    "sgd-fc1": sgd(FC1),
    "mc-dropout-fc1": sgd(FC1, 0.5),
    "training-fc1": {
        "eager": lambda: Loop(training(sgld_eager), 50),
        "eager-flat": lambda: Loop(training(sgld_flat), 50),
        "compile": lambda: Loop(training_compiled(FC1), 50),
        f"compile-{THREADS}-processes": lambda: Chains(partial(alone, training_compiled, FC1)),
    },
    "wgan-critic-79510": wgan(79_510, 400, 0),
    "wgan-generator-79510": wgan(79_510, 400, 1),
    "wgan-critic-478410": wgan(478_410, 200, 0),
    "wgan-generator-478410": wgan(478_410, 200, 1),
    "predict-fc1-200": prediction(FC1, 200),
    "predict-fc2-100": prediction(FC2, 100),
    # A bank: no peer has a shared basis.
    "predict-shared-fc1-1000": prediction(FC1, 1000),
    "mlp-16x4-full": small(SMALL_FULL),
    "mlp-64x2-batch": small(SMALL_BATCH),
    "cnn-small-step": cnn(cnn_small),
    "cnn-large-step": cnn(lambda: cnn_large(False)),
    "cnn-large-bn-step": cnn(lambda: cnn_large(True)),
    "draw-fc1-200": {
        "eager": lambda: draw(79_510, 200),
        "eager-into": lambda: draw(79_510, 200, reuse=True),
        "compile": lambda: draw(79_510, 200, True),
    },
}

if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    versions = {"torch": torch.__version__, "numpy": numpy.__version__, "python": platform.python_version()}
    serve("PyTorch", versions, WORKS)
