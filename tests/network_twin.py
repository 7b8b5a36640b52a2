"""A slow, readable NumPy twin of any network: forward pass, losses, gradients by the chain rule.

Functions of one number come from scipy.special, which kobai does not use.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

import oracles

SLOPE = 0.01  # of leaky_relu below 0


def _normal_density(a):
    return np.exp(-(a**2) / 2) / np.sqrt(2 * np.pi)


# The value and the derivative of each activation; at a kink, the derivative below it.
ACTIVATIONS = {
    "identity": (lambda a: a, lambda a: np.ones_like(a)),
    "sigmoid": (special.expit, lambda a: special.expit(a) * special.expit(-a)),
    "tanh": (np.tanh, lambda a: 1 / np.cosh(np.clip(a, -350, 350)) ** 2),
    "relu": (lambda a: np.maximum(a, 0), lambda a: np.where(a > 0, 1.0, 0.0)),
    "leaky_relu": (
        lambda a: np.where(a > 0, a, SLOPE * a),
        lambda a: np.where(a > 0, 1.0, SLOPE),
    ),
    "elu": (
        lambda a: np.where(a > 0, a, special.expm1(np.minimum(a, 0))),
        lambda a: np.where(a > 0, 1.0, np.exp(np.minimum(a, 0))),
    ),
    "softplus": (lambda a: -special.log_expit(-a), special.expit),
    "silu": (
        lambda a: a * special.expit(a),
        lambda a: special.expit(a) * (1 + a * special.expit(-a)),
    ),
    "gelu": (
        lambda a: a * special.ndtr(a),
        lambda a: special.ndtr(a) + a * _normal_density(a),
    ),
}
# Those whose derivative jumps at 0, and losses whose does where a score is its target.
KINKED = ("relu", "leaky_relu")
KINKED_LOSSES = ("absolute_error", "pinball")
MAX_SLOPE = 1.13  # of gelu
EPSILON = np.finfo(float).eps


def _cross_entropy(s, t, epsilon):
    if epsilon == 0:
        return -np.sum(np.where(t == 0, 0, t * special.log_softmax(s, axis=1)), axis=1)
    return -np.sum(t * np.log(special.softmax(s, axis=1) + epsilon), axis=1)


def _cross_entropy_slopes(s, t, epsilon):
    y = special.softmax(s, axis=1)
    if epsilon == 0:
        return np.sum(t, axis=1, keepdims=True) * y - t
    by_y = -t / (y + epsilon)
    return y * (by_y - np.sum(by_y * y, axis=1, keepdims=True))


def _pinball(s, t, q):
    return np.sum(np.where(t >= s, q * (t - s), (1 - q) * (s - t)), axis=1)


def _pinball_slopes(s, t, q):
    return np.where(s == t, 0.5 - q, np.where(s < t, -q, 1 - q))


# The losses of samples and their derivatives by the scores, both of (scores, targets, *settings).
LOSSES = {
    "cross_entropy": (_cross_entropy, _cross_entropy_slopes),
    "squared_error": (lambda s, t: 0.5 * np.sum((s - t) ** 2, axis=1), lambda s, t: s - t),
    "binary_cross_entropy": (
        lambda s, t: -np.sum(t * special.log_expit(s) + (1 - t) * special.log_expit(-s), axis=1),
        lambda s, t: special.expit(s) - t,
    ),
    "absolute_error": (
        lambda s, t: np.sum(np.abs(s - t), axis=1),
        lambda s, t: np.sign(s - t),
    ),
    "huber": (
        lambda s, t, delta: np.sum(special.huber(delta, s - t), axis=1),
        lambda s, t, delta: np.clip(s - t, -delta, delta),
    ),
    "pinball": (_pinball, _pinball_slopes),
    "poisson": (
        lambda s, t: np.sum(np.exp(s) - t * s, axis=1),
        lambda s, t: np.exp(s) - t,
    ),
}
OUTPUTS = {
    "cross_entropy": lambda s: special.softmax(s, axis=1),
    "binary_cross_entropy": special.expit,
    "poisson": np.exp,
}


class Twin(NamedTuple):
    """A network: parameters W1, b1, ..., hidden activations, the loss with settings, decay."""

    params: dict
    activations: tuple
    loss_name: str
    settings: tuple = ()
    decay: float = 0.0

    def layers(self):
        for k, activation in enumerate((*self.activations, "identity"), 1):
            yield self.params[f"W{k}"], self.params[f"b{k}"], activation

    def forward(self, x):
        """The inputs and the pre-activations of each layer; the last ones are the scores."""
        inputs, pre = [x], []
        for W, b, activation in self.layers():
            pre.append(inputs[-1] @ W + b)
            inputs.append(ACTIVATIONS[activation][0](pre[-1]))
        return inputs, pre

    def predict(self, x):
        return self.forward(x)[1][-1]

    def output(self, x):
        return OUTPUTS.get(self.loss_name, lambda s: s)(self.predict(x))

    def rows(self, t):
        """Labels as one-hot rows, one number a sample as a column."""
        outputs = len(self.params[f"b{len(self.activations) + 1}"])
        if self.loss_name == "cross_entropy" and t.ndim == 1:
            return oracles.one_hot(t, outputs)
        return np.asarray(t, float).reshape(len(t), outputs)

    def losses(self, x, t):
        """The loss of each sample."""
        return LOSSES[self.loss_name][0](self.predict(x), self.rows(t), *self.settings)

    def loss(self, x, t, weights=None):
        squares = sum(np.sum(W**2) for W, _, _ in self.layers())
        x, t, shares = counted(x, t, weights)
        return shares @ self.losses(x, t) + self.decay / 2 * squares

    def backprop(self, x, t, weights=None):
        """The derivative of `loss` by the chain rule, last layer to first."""
        x, t, shares = counted(x, t, weights)
        inputs, pre = self.forward(x)
        slopes = LOSSES[self.loss_name][1](pre[-1], self.rows(t), *self.settings)
        by_pre, grads = shares[:, None] * slopes, {}
        for k, (W, _, _) in reversed(list(enumerate(self.layers(), 1))):
            grads[f"W{k}"] = inputs[k - 1].T @ by_pre + self.decay * W
            grads[f"b{k}"] = by_pre.sum(axis=0)
            if k > 1:
                derivative = ACTIVATIONS[self.activations[k - 2]][1]
                by_pre = (by_pre @ W.T) * derivative(pre[k - 2])
        return grads

    def numerical_gradient(self, x, t, weights=None, h=1e-4):
        """The definition: move a parameter, run the whole forward pass, twice; for each of them."""

        def f(_):
            return self.loss(x, t, weights)

        return {key: oracles.numerical_gradient(f, param, h) for key, param in self.params.items()}

    def is_smooth(self, x, t, weights=None, h=1e-4):
        """Whether no pre-activation and no error comes near a kink while parameters move by h."""
        x, t, _ = counted(x, t, weights)
        inputs, pre = self.forward(x)
        reach, distances = 0, []
        for (W, _, activation), z, a in zip(self.layers(), inputs, pre, strict=False):
            # How far this layer's own parameters move it, and those below.
            reach = max(h * max(1, np.abs(z).max()), reach * MAX_SLOPE * np.abs(W).sum(0).max())
            if activation in KINKED:
                distances.append(np.abs(a).min() / reach)
        errors = np.abs(pre[-1] - self.rows(t)) if self.loss_name in KINKED_LOSSES else np.inf
        return min([*distances, np.min(errors) / reach]) > 2

    def rounding(self, x, t, weights=None, h=1e-4):
        """How far rounding may move a quotient: that of the loss, divided by h.

        A pre-activation is off by 4 roundings of each of its terms, and by what moves those.
        """
        x, t, shares = counted(x, t, weights)
        inputs, pre = self.forward(x)
        off = np.zeros_like(x)
        for k, (W, b, activation) in enumerate(self.layers()):
            terms = np.abs(inputs[k]) @ np.abs(W) + np.abs(b)
            off = off @ np.abs(W) + 4 * EPSILON * terms
            value, derivative = ACTIVATIONS[activation]
            steepest = np.maximum(*(np.abs(derivative(pre[k] + d)) for d in (off, -off)))
            if k < len(self.activations):
                off = steepest * off + 4 * EPSILON * np.abs(value(pre[k]))
        slopes = LOSSES[self.loss_name][1](pre[-1], self.rows(t), *self.settings)
        losses = 4 * EPSILON * np.abs(self.losses(x, t)) + np.sum(np.abs(slopes) * off, axis=1)
        squares = 4 * EPSILON * self.decay * sum(np.sum(W**2) for W, _, _ in self.layers())
        return (shares @ losses + squares) / h


def counted(x, t, weights):
    """The samples that count, and the share of each in the mean."""
    if weights is None:
        return x, t, np.full(len(x), 1 / len(x))
    kept = weights > 0
    return x[kept], t[kept], weights[kept] / weights.sum()
