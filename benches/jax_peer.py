"""JAX's side of `cargo xtask bench --against-pytorch`, and BlackJAX's: the same work, each in several honest ways.

Settings are those of `pytorch_peer.py`. f32 throughout. Everything is compiled by `jax.jit`, and what is updated is donated.
"""

import os
import platform
from functools import partial

from peer_protocol import THREADS, Chains, Loop, serve

# XLA makes as many threads as this says; a chain in a process of its own is bound to one core before it comes here.
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else THREADS
os.environ["NPROC"] = str(min(THREADS, cores))

import blackjax
import jax
import jax.numpy as jnp
import numpy
from jax import lax, nn, random

EXAMPLES, BATCH, CLASSES = 50_000, 100, 10
STEP_SIZE, PRIOR_PRECISION = 0.05 / EXAMPLES, EXAMPLES * 0.001
FC1, FC2 = [784, 100, 10], [784, 400, 400, 10]
# Steps that one call compiles into one loop.
SCAN = 100


def looped(call, warm_up=3, units_per_call=1):
    return Loop(call, warm_up, units_per_call, jax.block_until_ready)


def forward(layers, x):
    for weight, bias in layers[:-1]:
        x = nn.relu(x @ weight.T + bias)
    weight, bias = layers[-1]
    return x @ weight.T + bias


def initial(widths, key):
    layers = []
    for fan_in, fan_out in zip(widths, widths[1:]):
        key, weight, bias = random.split(key, 3)
        draw = partial(random.uniform, minval=-(fan_in**-0.5), maxval=fan_in**-0.5)
        layers.append((draw(weight, (fan_out, fan_in)), draw(bias, (fan_out,))))
    return layers


def cross_entropy(logits, labels):
    """Summed over the rows."""
    return -jnp.take_along_axis(nn.log_softmax(logits), labels[..., None], -1).sum()


class Minibatches:
    """Indices of the next `count` minibatches, without replacement within an epoch."""

    def __init__(self, count):
        self.count, self.at, self.random = count, EXAMPLES, numpy.random.default_rng(1)

    def __call__(self):
        if self.at + self.count * BATCH > EXAMPLES:
            self.order, self.at = self.random.permutation(EXAMPLES).astype(numpy.int32), 0
        self.at += self.count * BATCH
        return self.order[self.at - self.count * BATCH : self.at].reshape(self.count, BATCH)


# SGLD step: gather, forward, backward, prior, noise, update.


def sgld_plain(key, theta, batch):
    x, y = batch
    gradient = jax.grad(lambda theta: cross_entropy(forward(theta, x), y) * (EXAMPLES / BATCH))(theta)
    leaves, tree = jax.tree.flatten(theta)
    keys = tree.unflatten(random.split(key, len(leaves)))

    def move(p, g, key):
        return p - STEP_SIZE / 2 * (g + PRIOR_PRECISION * p) + STEP_SIZE**0.5 * random.normal(key, p.shape)

    return jax.tree.map(move, theta, gradient, keys)


def sgld_blackjax():
    """BlackJAX's kernel; its step size is ε/2."""

    def log_prior(theta):
        return -PRIOR_PRECISION / 2 * sum((leaf**2).sum() for leaf in jax.tree.leaves(theta))

    def log_likelihood(theta, example):
        x, y = example
        return -cross_entropy(forward(theta, x), y)

    kernel = blackjax.sgld(blackjax.sgmcmc.gradients.grad_estimator(log_prior, log_likelihood, EXAMPLES))
    return lambda key, theta, batch: kernel.step(key, theta, batch, STEP_SIZE / 2)


def sgld_loop(step, widths, scan=SCAN):
    """`scan` steps a call; the data are arguments, for constants would be compiled into the program."""
    x = random.uniform(random.key(1), (EXAMPLES, widths[0]), minval=-1.0)
    y = random.randint(random.key(2), (EXAMPLES,), 0, CLASSES)

    @partial(jax.jit, donate_argnums=(0, 1))
    def steps(key, theta, x, y, batches):
        def one(state, batch):
            key, theta = state
            key, noise = random.split(key)
            return (key, step(noise, theta, (x[batch], y[batch]))), None

        return lax.scan(one, (key, theta), batches)[0]

    minibatches = Minibatches(scan)
    state = (random.key(3), initial(widths, random.key(4)))

    def call():
        nonlocal state
        state = steps(*state, x, y, minibatches())
        return state

    return looped(call, 2 * scan, scan)


def sgld_alone(make, widths):
    return sgld_loop(make(), widths)


def sgld_jax():
    return sgld_plain


# With the generator "rbg" instead of the default "threefry2x32" a step takes three times as long on a CPU.


def one_chain(widths):
    return {
        "jax-jit": lambda: sgld_loop(sgld_plain, widths, 1),
        "jax-scan": lambda: sgld_loop(sgld_plain, widths),
        "blackjax-scan": lambda: sgld_loop(sgld_blackjax(), widths),
    }


def sgld(widths):
    return one_chain(widths) | {
        f"jax-scan-{THREADS}-processes": lambda: Chains(partial(sgld_alone, sgld_jax, widths)),
        f"blackjax-scan-{THREADS}-processes": lambda: Chains(partial(sgld_alone, sgld_blackjax, widths)),
    }


# Gradients of small perceptrons with heads of mean and scale, and with their prior N(0, 1): all rows, or minibatches.

# By their names, for JAX's functions are not handed to other processes.
ACTIVATIONS = {"tanh": jnp.tanh, "relu": nn.relu}
SMALL_FULL = ([5, 16, 16, 16, 16, 2], "tanh", 1_022, 1_022)
SMALL_BATCH = ([16, 64, 64, 2], "relu", 10_000, 100)


def small_loop(widths, activation, rows, batch, chains=1, scan=SCAN):
    """`scan` gradients a call, each where a step so short that it moves nothing has gone, or they would be computed once."""
    x = random.normal(random.key(1), (rows, widths[0]))
    y = random.normal(random.key(2), (rows,))

    def potential(theta, x, y):
        hidden = x
        for weight, bias in theta[:-1]:
            hidden = ACTIVATIONS[activation](hidden @ weight.T + bias)
        weight, bias = theta[-1]
        mean, log_scale = (hidden @ weight.T + bias).T
        fit = (((y - mean) * jnp.exp(-log_scale)) ** 2 / 2 + log_scale).sum() * (rows / batch)
        return fit + sum((leaf**2).sum() for leaf in jax.tree.leaves(theta)) / 2

    def one(theta, indices, x, y):
        gradient = jax.grad(potential)(theta, x if batch == rows else x[indices], y if batch == rows else y[indices])
        return jax.tree.map(lambda p, g: p - 1e-20 * g, theta, gradient)

    @partial(jax.jit, donate_argnums=0)
    def gradients(theta, x, y, indices):
        several = jax.vmap(one, (0, None, None, None)) if chains > 1 else one
        return lax.scan(lambda theta, indices: (several(theta, indices, x, y), None), theta, indices)[0]

    generator = numpy.random.default_rng(1)
    theta = initial(widths, random.key(3))
    if chains > 1:
        theta = jax.vmap(lambda key: initial(widths, key))(random.split(random.key(3), chains))

    def call():
        nonlocal theta
        shape = (scan, batch if batch < rows else 1)
        theta = gradients(theta, x, y, generator.integers(0, rows, shape, dtype=numpy.int32))
        return theta

    return looped(call, 2 * scan * chains, scan * chains)


def small(case):
    return {
        "jax-jit": lambda: small_loop(*case, scan=1),
        "jax-scan": lambda: small_loop(*case),
        f"jax-vmap-{THREADS}": lambda: small_loop(*case, chains=THREADS),
        "jax-vmap-10": lambda: small_loop(*case, chains=10),
        f"jax-scan-{THREADS}-processes": lambda: Chains(partial(small_loop, *case)),
    }


# WGAN-GP updates.

LATENT, HIDDEN, PENALTY, LEARNING_RATE, BETAS = 32, 100, 10.0, 1e-4, (0.5, 0.9)


def penalty_twice_differentiated(c, x):
    gradient = jax.grad(lambda x: forward(c, x).sum())(x)
    return ((jnp.linalg.norm(gradient, axis=1) - 1) ** 2).mean()


def penalty_closed_form(c, x):
    """The critic's gradient by its input written out: cheaper than differentiating twice."""
    (w1, b1), (w2, b2), (w3, b3), (w4, _) = c
    a1 = x @ w1.T + b1
    a2 = nn.relu(a1) @ w2.T + b2
    a3 = nn.relu(a2) @ w3.T + b3
    gradient = ((((w4 * (a3 > 0)) @ w3) * (a2 > 0)) @ w2 * (a1 > 0)) @ w1
    return ((jnp.linalg.norm(gradient, axis=1) - 1) ** 2).mean()


def adam(state, gradient):
    parameters, first, second, t = state
    t += 1
    first = jax.tree.map(lambda m, g: BETAS[0] * m + (1 - BETAS[0]) * g, first, gradient)
    second = jax.tree.map(lambda v, g: BETAS[1] * v + (1 - BETAS[1]) * g * g, second, gradient)
    rate, bias = LEARNING_RATE / (1 - BETAS[0] ** t), 1 / (1 - BETAS[1] ** t)
    move = lambda p, m, v: p - rate * m / (jnp.sqrt(v * bias) + 1e-8)
    return jax.tree.map(move, parameters, first, second), first, second, t


def wgan_loop(dim, rows, of_critic, penalty):
    bank = random.normal(random.key(1), (rows, dim)) * 0.05
    generator = initial([LATENT, HIDDEN, HIDDEN, HIDDEN, dim], random.key(2))
    critic = initial([dim, HIDDEN, HIDDEN, HIDDEN, 1], random.key(3))

    @partial(jax.jit, donate_argnums=(0, 1))
    def critic_update(key, state, g, bank):
        key, *keys = random.split(key, 4)
        real = bank[random.randint(keys[0], (BATCH,), 0, rows)]
        fake = forward(g, random.normal(keys[1], (BATCH, LATENT)))
        between = real + random.uniform(keys[2], (BATCH, 1)) * (fake - real)
        loss = lambda c: forward(c, fake).mean() - forward(c, real).mean() + PENALTY * penalty(c, between)
        return key, adam(state, jax.grad(loss)(state[0]))

    @partial(jax.jit, donate_argnums=(0, 1))
    def generator_update(key, state, c, bank):
        key, latent = random.split(key)
        z = random.normal(latent, (BATCH, LATENT))
        return key, adam(state, jax.grad(lambda g: -forward(c, forward(g, z)).mean())(state[0]))

    moving, fixed = (critic, generator) if of_critic else (generator, critic)
    update = critic_update if of_critic else generator_update
    zeros = [jax.tree.map(jnp.zeros_like, moving) for _ in range(2)]
    state = (random.key(4), (moving, *zeros, jnp.zeros(())))

    def call():
        nonlocal state
        state = update(*state, fixed, bank)
        return state

    return looped(call)


def critic(dim, rows):
    return {
        "jax-jit": lambda: wgan_loop(dim, rows, True, penalty_twice_differentiated),
        "jax-jit-closed-form": lambda: wgan_loop(dim, rows, True, penalty_closed_form),
    }


def generator(dim, rows):
    return {"jax-jit": lambda: wgan_loop(dim, rows, False, None)}


# Prediction: softmax rows of many networks, averaged.


def together(layers, x):
    """The chunk's networks side by side."""
    return jax.vmap(lambda layers: nn.softmax(forward(layers, x)))(layers).sum(0)


def stacked(layers, x):
    """First layers as one product, the layers above as batched products."""
    (weight, bias), *above = layers
    width = weight.shape[1]
    hidden = nn.relu(x @ weight.reshape(-1, x.shape[1]).T + bias.reshape(-1)).reshape(len(x), -1, width)
    return jax.vmap(lambda layers, x: nn.softmax(forward(layers, x)), (0, 1))(above, hidden).sum(0)


def predict_loop(widths, networks, chunk, part):
    x = random.uniform(random.key(1), (10_000, widths[0]), minval=-1.0)
    keys = random.split(random.key(2), networks)
    bank = jax.vmap(partial(initial, widths))(keys)
    bank = jax.tree.map(lambda leaf: leaf.reshape(networks // chunk, chunk, *leaf.shape[1:]), bank)

    @jax.jit
    def predict(bank, x):
        add = lambda total, layers: (total + part(layers, x), None)
        return lax.scan(add, jnp.zeros((len(x), CLASSES)), bank)[0] / networks

    return looped(lambda: predict(bank, x), 1)


def prediction(widths, networks):
    return {
        "jax-scan": lambda: predict_loop(widths, networks, 1, together),
        "jax-vmap-10": lambda: predict_loop(widths, networks, 10, together),
        "jax-stacked-10": lambda: predict_loop(widths, networks, 10, stacked),
    }


def draw(dim, count):
    g = initial([LATENT, HIDDEN, HIDDEN, HIDDEN, dim], random.key(1))
    sample = jax.jit(lambda g, key: forward(g, random.normal(key, (count, LATENT))))
    key = random.key(2)
    return looped(lambda: sample(g, key))


# Gradient steps of the convolutional networks: forward and backward of one batch.

# Channels, kernel and padding of each convolution; None is a pooling.
SMALL = [(16, 3, 1), None, (32, 3, 1), None, (32, 3, 1), None]
LARGE = [(48, 3, 1)] * 3 + [None] + [(96, 3, 1)] * 3 + [None, (96, 3, 0), (96, 1, 0), (CLASSES, 1, 0)]
IMAGES = ("NHWC", "HWIO", "NHWC")


def cnn_loop(layers, large, batch_norm):
    def initialize():
        inputs, parameters = 1, []
        for i, (outputs, kernel, _) in enumerate(filter(None, layers)):
            weight = random.normal(random.key(i), (kernel, kernel, inputs, outputs)) * (2 / (inputs * kernel**2)) ** 0.5
            parameters.append((weight, jnp.zeros(outputs), jnp.ones(outputs), jnp.zeros(outputs)))
            inputs = outputs
        return parameters, initial([3 * 3 * 32, CLASSES], random.key(99))

    def normalize(x, gain, shift):
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        return (x - mean) * lax.rsqrt(variance + 1e-5) * gain + shift

    def loss(parameters, x, y):
        remaining, last = iter(parameters[0]), len(layers) - 1
        for i, layer in enumerate(layers):
            if layer is None:
                x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
                continue
            weight, bias, gain, shift = next(remaining)
            padding = [(layer[2], layer[2])] * 2
            x = lax.conv_general_dilated(x, weight, (1, 1), padding, dimension_numbers=IMAGES) + bias
            if large and i == last:
                break
            x = normalize(x, gain, shift) if batch_norm else x
            x = nn.leaky_relu(x, 0.2) if large else nn.relu(x)
        logits = x.mean((1, 2)) if large else forward(parameters[1], x.reshape(BATCH, -1))
        return cross_entropy(logits, y)

    x = random.normal(random.key(1), (BATCH, 28, 28, 1))
    y = random.randint(random.key(2), (BATCH,), 0, CLASSES)
    parameters, gradient = initialize(), jax.jit(jax.value_and_grad(loss))
    return looped(lambda: gradient(parameters, x, y), 1)


def cnn(layers, large=True, batch_norm=False):
    return {"jax-jit": partial(cnn_loop, layers, large, batch_norm)}


WORKS = {
    "sgld-fc1": sgld(FC1),
    "sgld-fc2": sgld(FC2),
    "sgld-fc1-one-chain": one_chain(FC1),
    "wgan-critic-79510": critic(79_510, 400),
    "wgan-generator-79510": generator(79_510, 400),
    "wgan-critic-478410": critic(478_410, 200),
    "wgan-generator-478410": generator(478_410, 200),
    "predict-fc1-200": prediction(FC1, 200),
    "predict-fc2-100": prediction(FC2, 100),
    # A bank: no peer has a shared basis.
    "predict-shared-fc1-1000": prediction(FC1, 1000),
    "draw-fc1-200": {"jax-jit": lambda: draw(79_510, 200)},
    "mlp-16x4-full": small(SMALL_FULL),
    "mlp-64x2-batch": small(SMALL_BATCH),
    "cnn-small-step": cnn(SMALL, large=False),
    "cnn-large-step": cnn(LARGE),
    "cnn-large-bn-step": cnn(LARGE, batch_norm=True),
}

if __name__ == "__main__":
    packages = {"jax": jax, "blackjax": blackjax, "numpy": numpy}
    versions = {name: package.__version__ for name, package in packages.items()}
    serve("JAX", versions | {"python": platform.python_version()}, WORKS)
