"""Slow, readable NumPy twins of what kobai computes: the only place where formulas are repeated.

A network is its `params` dict: W1, b1, W2, b2 of the two-layer network.
"""

import numpy as np

DELTA = 1e-7


def sigmoid(x):
    with np.errstate(over="ignore"):  # exp overflows to infinity, and the quotient is 0
        return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def softmax(x, axis=-1):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def one_hot(labels, classes):
    return np.eye(classes)[labels]


def mean_squared_error(y, t):
    return 0.5 * np.sum((y - t) ** 2)


def cross_entropy_error(y, t):
    if t.shape != y.shape:
        t = one_hot(t, y.shape[-1])
    samples = len(y) if y.ndim == 2 else 1
    return -np.sum(t * np.log(y + DELTA)) / samples


def forward(params, x):
    """The hidden activations and the probabilities."""
    z = sigmoid(x @ params["W1"] + params["b1"])
    return z, softmax(z @ params["W2"] + params["b2"])


def predict(params, x):
    return forward(params, x)[1]


def loss(params, x, t):
    return cross_entropy_error(predict(params, x), t)


def accuracy(params, x, t):
    labels = t if t.ndim == 1 else t.argmax(axis=1)
    return np.mean(predict(params, x).argmax(axis=1) == labels)


def backprop(params, x, t):
    """The derivative of `loss`, the 1e-7 included, by the chain rule."""
    if t.ndim == 1:
        t = one_hot(t, len(params["b2"]))
    z, y = forward(params, x)
    by_y = -t / (y + DELTA) / len(x)
    by_a2 = y * (by_y - np.sum(by_y * y, axis=1, keepdims=True))
    by_a1 = (by_a2 @ params["W2"].T) * z * (1 - z)
    return {
        "W1": x.T @ by_a1,
        "b1": by_a1.sum(axis=0),
        "W2": z.T @ by_a2,
        "b2": by_a2.sum(axis=0),
    }


def numerical_gradient(f, x, h=1e-4):
    """The notebook's loop, for any shape: indexed by place in every axis, and always put back.

    Divided by the step really taken; 0 where there was none, as f has not noticed it.
    """
    grad = np.zeros(x.shape, x.dtype)
    for idx in np.ndindex(x.shape):
        tmp = x[idx]
        try:
            # In double precision, so that a move is rounded once: when it is stored.
            x[idx] = float(tmp) + h
            up, fxh1 = float(x[idx]), f(x)
            x[idx] = float(tmp) - h
            down, fxh2 = float(x[idx]), f(x)
        finally:
            x[idx] = tmp
        step = up - down
        grad[idx] = (fxh1 - fxh2) / (step if np.isfinite(step) and step != 0 else 2 * h)
    return grad


def network_numerical_gradient(params, x, t, h=1e-4):
    def f(_):
        return loss(params, x, t)

    return {key: numerical_gradient(f, param, h) for key, param in params.items()}


def literal_rounding(params, x, t, h):
    """How far rounding moves the literal quotient: that of the loss, divided by h.

    A loss carries its own rounding and, through the derivatives of its pre-activations, that of
    the sums behind them, which is relative to the size of their terms, not to that of the sum.
    """
    if t.ndim == 1:
        t = one_hot(t, len(params["b2"]))
    z, y = forward(params, x)
    by_y = -t / (y + DELTA)
    by_a2 = y * (by_y - np.sum(by_y * y, axis=1, keepdims=True))
    by_a1 = (by_a2 @ params["W2"].T) * z * (1 - z)
    terms_1 = np.abs(x) @ np.abs(params["W1"]) + np.abs(params["b1"])
    terms_2 = z @ np.abs(params["W2"]) + np.abs(params["b2"])
    size = np.sum(np.abs(t * np.log(y + DELTA))) + np.sum(np.abs(by_a2) * terms_2)
    return np.finfo(float).eps * (size + np.sum(np.abs(by_a1) * terms_1)) / len(x) / h


def exact_quotients(params, x, t, h):
    """The central difference in extended precision, and how far rounding may move it in float64.

    The quotient is that of the formulas in real numbers: no move is rounded. By rounding, the loss
    at each end of a move may be anything within an enclosure: sums are off by 8 roundings of each
    of their terms, and what follows from them by what that moves it.
    """
    wide = {key: param.astype(np.longdouble) for key, param in params.items()}
    x, t = x.astype(np.longdouble), t.astype(np.longdouble)
    quotients, allowed = {}, {}
    with np.errstate(all="ignore"):
        for key, param in wide.items():
            quotients[key], allowed[key] = np.zeros((2, *param.shape))
            for place in np.ndindex(param.shape):
                kept = param[place]
                param[place] = kept + h
                above, off_above = _losses_and_rounding(wide, x, t)
                param[place] = kept - h
                below, off_below = _losses_and_rounding(wide, x, t)
                param[place] = kept
                quotients[key][place] = np.mean(above - below) / (2 * h)
                allowed[key][place] = (off_above + off_below) / (2 * h)
    return quotients, allowed


def _losses_and_rounding(params, x, t):
    """The loss of each sample, and how far rounding may move their mean."""
    rounding, largest = 8 * np.finfo(float).eps, np.finfo(float).max
    pre = x @ params["W1"] + params["b1"]
    terms = np.abs(x) @ np.abs(params["W1"]) + np.abs(params["b1"])
    pre_off = np.where(terms < largest, rounding * terms, np.inf)
    z, low, high = map(_stable_sigmoid, (pre, pre - pre_off, pre + pre_off))
    scores = z @ params["W2"] + params["b2"]
    terms = high @ np.abs(params["W2"]) + np.abs(params["b2"])
    off = rounding * terms + (high - low + rounding * z) @ np.abs(params["W2"])
    off = np.where(terms < largest, off, np.inf)
    # Probabilities from how far scores are apart, and from how far they may be.
    gaps = scores[:, np.newaxis, :] - scores[:, :, np.newaxis]
    wide = off[:, np.newaxis, :] + off[:, :, np.newaxis]
    wide = np.where(np.eye(scores.shape[1]), 0, wide)
    y, least, most = (
        1 / np.exp(np.nan_to_num(gap, nan=np.inf * sign)).sum(axis=2)
        for gap, sign in ((gaps, 1), (gaps + wide, 1), (gaps - wide, -1))
    )
    logarithms = np.log(y + DELTA)
    moved = np.log1p((most - least) / (least + DELTA)) + rounding * (np.abs(logarithms) + 1)
    return -np.sum(t * logarithms, axis=1), np.mean(np.sum(np.abs(t) * moved, axis=1))


def _stable_sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def rounded(dtype, *scalars):
    """Scalars of double precision in the dtype of a parameter."""
    with np.errstate(over="ignore"):
        return tuple(dtype.type(scalar) for scalar in scalars)


class ElementwiseOptimizer:
    """The course's optimizers, one number after the other, each operation rounded once.

    Which is what `kobai.optimizers` promises bit for bit.
    """

    def __init__(self, kind, lr, **settings):
        self.kind, self.lr, self.settings = kind, lr, settings
        self.state, self.t = {}, 0

    def update(self, params, grads):
        lr = float(self.lr(self.t) if callable(self.lr) else self.lr)
        self.t += 1
        for key, param in params.items():
            grad = np.asarray(grads[key]).astype(param.dtype)
            zeros = [np.zeros(param.shape, param.dtype) for _ in range(2)]
            first, second = self.state.setdefault(key, zeros)
            for place in np.ndindex(param.shape):
                with np.errstate(all="ignore"):
                    param[place], first[place], second[place] = getattr(self, self.kind)(
                        param.dtype, param.ndim, lr, param[place], grad[place],
                        first[place], second[place], **self.settings,
                    )  # fmt: skip

    def sgd(self, dtype, axes, lr, p, g, a, b):
        (L,) = rounded(dtype, lr)
        return p - L * g, a, b

    def momentum(self, dtype, axes, lr, p, g, v, b, momentum=0.9):
        M, L = rounded(dtype, momentum, lr)
        v = M * v - L * g
        return p + v, v, b

    def nesterov(self, dtype, axes, lr, p, g, v, b, momentum=0.9):
        M, L, Q, C = rounded(dtype, momentum, lr, momentum * momentum, (1 + momentum) * lr)
        return p + (Q * v - C * g), M * v - L * g, b

    def adagrad(self, dtype, axes, lr, p, g, h, b, epsilon=1e-7):
        L, E = rounded(dtype, lr, epsilon)
        h = h + g * g
        return p - L * g / (np.sqrt(h) + E), h, b

    def rmsprop(self, dtype, axes, lr, p, g, h, b, decay_rate=0.99, epsilon=1e-7):
        D, C, L, E = rounded(dtype, decay_rate, 1 - decay_rate, lr, epsilon)
        h = D * h + C * g * g
        return p - L * g / (np.sqrt(h) + E), h, b

    def adam(self, dtype, axes, lr, p, g, m, v, beta1=0.9, beta2=0.999, epsilon=1e-7):
        A = lr * np.sqrt(1 - beta2**self.t) / (1 - beta1**self.t)
        A, B, C, E = rounded(dtype, A, 1 - beta1, 1 - beta2, epsilon)
        m = m + B * (g - m)
        v = v + C * (g * g - v)
        return p - A * m / (np.sqrt(v) + E), m, v

    def adamw(self, dtype, axes, lr, p, g, m, v, weight_decay=0.01, **settings):
        if axes >= 2:
            p = p - rounded(dtype, lr * weight_decay)[0] * p
        return self.adam(dtype, axes, lr, p, g, m, v, **settings)


class CourseAdam:
    """Adam, as the course's `common/optimizer.py` has it."""

    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999):
        self.lr, self.beta1, self.beta2 = lr, beta1, beta2
        self.iter, self.m, self.v = 0, None, None

    def update(self, params, grads):
        if self.m is None:
            self.m = {key: np.zeros_like(val) for key, val in params.items()}
            self.v = {key: np.zeros_like(val) for key, val in params.items()}
        self.iter += 1
        lr_t = self.lr * np.sqrt(1.0 - self.beta2**self.iter) / (1.0 - self.beta1**self.iter)
        for key in params:
            self.m[key] += (1 - self.beta1) * (grads[key] - self.m[key])
            self.v[key] += (1 - self.beta2) * (grads[key] ** 2 - self.v[key])
            params[key] -= lr_t * self.m[key] / (np.sqrt(self.v[key]) + 1e-7)


class CourseMomentum:
    """Momentum, as the course has it."""

    def __init__(self, lr=0.01, momentum=0.9):
        self.lr, self.momentum, self.v = lr, momentum, None

    def update(self, params, grads):
        if self.v is None:
            self.v = {key: np.zeros_like(val) for key, val in params.items()}
        for key in params:
            self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]
            params[key] += self.v[key]


class CourseNesterov(CourseMomentum):
    """Nesterov's momentum, as the course has it."""

    def update(self, params, grads):
        if self.v is None:
            self.v = {key: np.zeros_like(val) for key, val in params.items()}
        for key in params:
            params[key] += self.momentum * self.momentum * self.v[key]
            params[key] -= (1 + self.momentum) * self.lr * grads[key]
            self.v[key] *= self.momentum
            self.v[key] -= self.lr * grads[key]


class CourseAdaGrad:
    """AdaGrad, as the course has it."""

    def __init__(self, lr=0.01):
        self.lr, self.h = lr, None

    def update(self, params, grads):
        if self.h is None:
            self.h = {key: np.zeros_like(val) for key, val in params.items()}
        for key in params:
            self.h[key] += grads[key] * grads[key]
            params[key] -= self.lr * grads[key] / (np.sqrt(self.h[key]) + 1e-7)


class CourseRMSprop:
    """RMSprop, as the course has it."""

    def __init__(self, lr=0.01, decay_rate=0.99):
        self.lr, self.decay_rate, self.h = lr, decay_rate, None

    def update(self, params, grads):
        if self.h is None:
            self.h = {key: np.zeros_like(val) for key, val in params.items()}
        for key in params:
            self.h[key] *= self.decay_rate
            self.h[key] += (1 - self.decay_rate) * grads[key] * grads[key]
            params[key] -= self.lr * grads[key] / (np.sqrt(self.h[key]) + 1e-7)
