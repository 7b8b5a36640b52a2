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
