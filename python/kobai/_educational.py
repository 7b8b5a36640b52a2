"""The two-layer network and its gradients in plain NumPy: slow, and short enough to read.

What the Rust core computes fast, each function here computes as its formula says: the forward
pass, backpropagation, and the three evaluators of the central difference. Arrays are named as in
the course: `x` is (N, D), `t` one-hot or soft (N, K), and `params` holds W1 (D, H), b1 (H,),
W2 (H, K) and b2 (K,). docs/numerical-gradient.md derives what `node` does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Params = dict[str, Array]

DELTA = 1e-7  # no log(0), as in the course


def sigmoid(a: Array) -> Array:
    """The logistic function; only numbers that are not positive are exponentiated."""
    e = np.exp(-np.abs(a))
    return np.asarray(np.where(a < 0, e, 1.0) / (1 + e))


def softmax(a: Array) -> Array:
    """Probabilities along the last axis, shifted by the maximum."""
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def cross_entropy(y: Array, t: Array) -> Array:
    """The loss of each sample: over the last axis."""
    return np.asarray(-np.sum(t * np.log(y + DELTA), axis=-1))


def forward(params: Params, x: Array) -> tuple[Array, Array, Array]:
    """Pre-activations and activations of the hidden layer, and the scores."""
    a = x @ params["W1"] + params["b1"]
    z = sigmoid(a)
    return a, z, z @ params["W2"] + params["b2"]


def loss(params: Params, x: Array, t: Array) -> float:
    """The mean loss of a batch."""
    return float(np.mean(cross_entropy(softmax(forward(params, x)[2]), t)))


def backprop(params: Params, x: Array, t: Array) -> Params:
    """The exact derivative of `loss`: the chain rule, last layer to first."""
    _, z, scores = forward(params, x)
    y = softmax(scores)
    by_y = -t / (y + DELTA) / len(x)
    by_scores = y * (by_y - np.sum(by_y * y, axis=1, keepdims=True))
    by_a = (by_scores @ params["W2"].T) * z * (1 - z)
    return {
        "W1": x.T @ by_a,
        "b1": by_a.sum(axis=0),
        "W2": z.T @ by_scores,
        "b2": by_scores.sum(axis=0),
    }


def direct(params: Params, x: Array, t: Array, h: float = 1e-4) -> Params:
    """The definition: move a parameter, run the whole forward pass, twice; for each of them."""
    grads = {key: np.zeros_like(value) for key, value in params.items()}
    for key, param in params.items():
        for index in np.ndindex(param.shape):
            kept = param[index]
            up, down = kept + h, kept - h
            param[index] = up
            above = loss(params, x, t)
            param[index] = down
            below = loss(params, x, t)
            param[index] = kept
            grads[key][index] = (above - below) / (up - down)
    return grads


Phi = Callable[[int, Array], Array]


def shifted_losses(params: Params, x: Array, t: Array) -> tuple[Phi, Phi]:
    """For either layer, `phi(j, d)`: the losses after unit j's pre-activation moves by d.

    Only what the move changes is computed again. `d` has shape (N, m): m moves a sample.
    """
    a, z, scores = forward(params, x)

    def hidden(j: int, d: Array) -> Array:
        change = sigmoid(a[:, j, None] + d) - z[:, j, None]
        moved = scores[:, None, :] + change[:, :, None] * params["W2"][j]
        return cross_entropy(softmax(moved), t[:, None, :])

    def output(k: int, d: Array) -> Array:
        moved = np.repeat(scores[:, None, :], d.shape[1], axis=1)
        moved[:, :, k] += d
        return cross_entropy(softmax(moved), t[:, None, :])

    return hidden, output


def _by_layer(
    params: Params, x: Array, t: Array, quotients: Callable[[Phi, Array, int], Array]
) -> Params:
    """Ask `quotients` for one of each layer's weights; the bias is that of an input always 1."""
    grads = {}
    inputs = x, forward(params, x)[1]
    for layer, phi in enumerate(shifted_losses(params, x, t), 1):
        with_one = np.column_stack([inputs[layer - 1], np.ones(len(x))])
        both = quotients(phi, with_one, len(params[f"b{layer}"]))
        grads[f"W{layer}"], grads[f"b{layer}"] = both[:-1], both[-1]
    return grads


def incremental(params: Params, x: Array, t: Array, h: float = 1e-4) -> Params:
    """Recompute what changes: ``W[i, j]`` moved by h moves unit j by ``h x[n, i]``."""

    def quotients(phi: Phi, inputs: Array, units: int) -> Array:
        moves = h * inputs
        columns = [np.mean(phi(j, moves) - phi(j, -moves), axis=0) for j in range(units)]
        return np.column_stack(columns) / (2 * h)

    return _by_layer(params, x, t, quotients)


def node(params: Params, x: Array, t: Array, h: float = 1e-4, terms: int = 3) -> Params:
    """Interpolate the odd part of phi by Chebyshev polynomials: all quotients are then products.

    With ``s = h max|x|``, the odd part on [-s, s] is the sum over p of ``b_p T_(2p+1)(d / s)``, its
    coefficients a weighted sum of its values at `terms` points.
    """
    p = np.arange(terms)
    angles = (2 * p + 1) * np.pi / (4 * terms)
    points = np.cos(angles)
    weights = 2 / terms * np.cos(np.outer(2 * p + 1, angles))

    def quotients(phi: Phi, inputs: Array, units: int) -> Array:
        largest = np.abs(inputs).max()
        shifts = np.tile(h * largest * points, (len(inputs), 1))
        odd = [(phi(j, shifts) - phi(j, -shifts)) @ weights.T for j in range(units)]
        coefficients = np.stack(odd, axis=1) / (2 * h * len(inputs))  # (N, units, terms)
        # Rounding may leave [-1, 1], where arccos is defined.
        angle = np.arccos(np.clip(inputs / largest, -1, 1))
        return np.asarray(
            sum(np.cos((2 * q + 1) * angle).T @ coefficients[:, :, q] for q in range(terms))
        )

    return _by_layer(params, x, t, quotients)
