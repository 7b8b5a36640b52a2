"""A network of any depth and its gradients in plain NumPy: slow, and short enough to read.

What the Rust core computes fast, each function here computes as its formula says: the forward
pass, backpropagation, and the three evaluators of the central difference. Arrays are named as in
the course: `x` is (N, D), `t` one-hot or soft (N, K), and `params` holds W1 (D, H), b1 (H,),
W2 (H, K), b2 (K,), and so on: with two layers it is the course's network. Hidden layers share one
activation, the loss is the course's. docs/numerical-gradient.md derives what `node` does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Params = dict[str, Array]
Function = Callable[[Array], Array]

DELTA = 1e-7  # no log(0), as in the course


def sigmoid(a: Array) -> Array:
    """The logistic function; only numbers that are not positive are exponentiated."""
    e = np.exp(-np.abs(a))
    return np.asarray(np.where(a < 0, e, 1.0) / (1 + e))


def sigmoid_grad(a: Array) -> Array:
    """Its derivative."""
    return sigmoid(a) * sigmoid(-a)


def softmax(a: Array) -> Array:
    """Probabilities along the last axis, shifted by the maximum."""
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def cross_entropy(y: Array, t: Array) -> Array:
    """The loss of each sample: over the last axis."""
    return np.asarray(-np.sum(t * np.log(y + DELTA), axis=-1))


def layers(params: Params) -> list[tuple[Array, Array]]:
    """Weights and bias of each layer, first to last."""
    return [(params[f"W{k}"], params[f"b{k}"]) for k in range(1, len(params) // 2 + 1)]


def forward(params: Params, x: Array, activation: Function) -> tuple[list[Array], list[Array]]:
    """The inputs and the pre-activations of each layer; the last pre-activations are the scores."""
    inputs, pre = [x], []
    for W, b in layers(params):
        pre.append(inputs[-1] @ W + b)
        inputs.append(activation(pre[-1]))
    return inputs[:-1], pre


def loss(params: Params, x: Array, t: Array, activation: Function = sigmoid) -> float:
    """The mean loss of a batch."""
    return float(np.mean(cross_entropy(softmax(forward(params, x, activation)[1][-1]), t)))


def backprop(
    params: Params,
    x: Array,
    t: Array,
    activation: Function = sigmoid,
    derivative: Function = sigmoid_grad,
) -> Params:
    """The exact derivative of `loss`: the chain rule, last layer to first."""
    inputs, pre = forward(params, x, activation)
    y = softmax(pre[-1])
    by_y = -t / (y + DELTA) / len(x)
    by_a = y * (by_y - np.sum(by_y * y, axis=1, keepdims=True))
    grads = {}
    for k, (W, _) in reversed(list(enumerate(layers(params), 1))):
        grads[f"W{k}"], grads[f"b{k}"] = inputs[k - 1].T @ by_a, by_a.sum(axis=0)
        if k > 1:
            by_a = (by_a @ W.T) * derivative(pre[k - 2])
    return {key: grads[key] for key in params}


def direct(
    params: Params, x: Array, t: Array, h: float = 1e-4, activation: Function = sigmoid
) -> Params:
    """The definition: move a parameter, run the whole forward pass, twice; for each of them."""
    grads = {key: np.zeros_like(value) for key, value in params.items()}
    for key, param in params.items():
        for index in np.ndindex(param.shape):
            kept = param[index]
            up, down = kept + h, kept - h
            param[index] = up
            above = loss(params, x, t, activation)
            param[index] = down
            below = loss(params, x, t, activation)
            param[index] = kept
            grads[key][index] = (above - below) / (up - down)
    return grads


Phi = Callable[[int, Array], Array]


def shifted_losses(params: Params, x: Array, t: Array, activation: Function) -> list[Phi]:
    """For each layer, `phi(j, d)`: the losses after unit j's pre-activation moves by d.

    Only what the move changes is computed again. `d` has shape (N, m): m moves a sample.
    """
    _, pre = forward(params, x, activation)
    weights = layers(params)

    def of_layer(layer: int) -> Phi:
        def phi(j: int, d: Array) -> Array:
            if layer == len(pre) - 1:
                moved = np.repeat(pre[layer][:, None, :], d.shape[1], axis=1)
                moved[:, :, j] += d
            else:
                a = pre[layer][:, j, None]
                change = activation(a + d) - activation(a)
                # One unit moves all units of the layer above, by what it weighs in them.
                moved = pre[layer + 1][:, None, :] + change[:, :, None] * weights[layer + 1][0][j]
                for W, b in weights[layer + 2 :]:
                    moved = activation(moved) @ W + b
            return cross_entropy(softmax(moved), t[:, None, :])

        return phi

    return [of_layer(layer) for layer in range(len(pre))]


def _by_layer(
    params: Params,
    x: Array,
    t: Array,
    activation: Function,
    quotients: Callable[[Phi, Array, int], Array],
) -> Params:
    """Ask `quotients` for one of each layer's weights; the bias is that of an input always 1."""
    grads = {}
    inputs, _ = forward(params, x, activation)
    for k, phi in enumerate(shifted_losses(params, x, t, activation), 1):
        with_one = np.column_stack([inputs[k - 1], np.ones(len(x))])
        both = quotients(phi, with_one, len(params[f"b{k}"]))
        grads[f"W{k}"], grads[f"b{k}"] = both[:-1], both[-1]
    return grads


def incremental(
    params: Params, x: Array, t: Array, h: float = 1e-4, activation: Function = sigmoid
) -> Params:
    """Recompute what changes: ``W[i, j]`` moved by h moves unit j by ``h x[n, i]``."""

    def quotients(phi: Phi, inputs: Array, units: int) -> Array:
        moves = h * inputs
        columns = [np.mean(phi(j, moves) - phi(j, -moves), axis=0) for j in range(units)]
        return np.column_stack(columns) / (2 * h)

    return _by_layer(params, x, t, activation, quotients)


def node(
    params: Params,
    x: Array,
    t: Array,
    h: float = 1e-4,
    terms: int = 3,
    activation: Function = sigmoid,
) -> Params:
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

    return _by_layer(params, x, t, activation, quotients)
