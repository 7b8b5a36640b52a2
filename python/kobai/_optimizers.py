"""Optimizers: what changes parameters along a gradient."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kobai import _core
from kobai._validation import FloatArray, non_negative_float, overlaps_itself, plain_array

__all__ = ["SGD", "Optimizer"]


class SGD:
    """Stochastic gradient descent: ``params[k] -= lr * grads[k]``.

    Parameters
    ----------
    lr : float, default 0.01
        The learning rate.

    Raises
    ------
    ValueError
        If `lr` is negative or not finite.
    """

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = non_negative_float("lr", lr)

    def update(
        self, params: MutableMapping[str, FloatArray], grads: Mapping[str, FloatArray]
    ) -> None:
        """Take one step, in place.

        Parameters
        ----------
        params : dict of ndarray
            The arrays to change.
        grads : dict of ndarray
            The gradient, with the same keys and shapes.

        Raises
        ------
        TypeError
            If a gradient does not hold real numbers.
        ValueError
            If keys or shapes differ, or a parameter is read-only. Whatever is raised, nothing has
            been changed.
        """
        if params.keys() != grads.keys():
            raise ValueError(f"grads must have the keys {sorted(params)}, got {sorted(grads)}")
        slopes = [grads[key] for key in params]
        # One pass over plain arrays, with the same numbers.
        if type(self.lr) is float and _core.descend([*params.values()], slopes, self.lr):
            return
        for key, param in params.items():
            _check_gradient(key, param, grads[key])
        # All steps before the first is taken: a gradient may be a view of another parameter.
        steps = {key: self.lr * grads[key] for key in params}
        for key, param in params.items():
            param -= steps[key]


def _check_gradient(key: str, param: FloatArray, grad: npt.ArrayLike) -> None:
    """Find what would stop an update half-way."""
    if np.shape(grad) != param.shape:
        raise ValueError(
            f"grads[{key!r}] must have shape {param.shape}, got shape {np.shape(grad)}"
        )
    dtype = plain_array(f"grads[{key!r}]", grad).dtype
    if dtype.kind not in "fiub":
        raise TypeError(f"grads[{key!r}] must hold real numbers, got dtype {dtype}")
    if not param.flags.writeable:
        raise ValueError(f"params[{key!r}] must be writable, got a read-only array")
    if overlaps_itself(param):
        raise ValueError(f"params[{key!r}] must not overlap itself in memory")


class Optimizer(Protocol):
    """What a `Trainer` asks of an optimizer."""

    def update(self, params: dict[str, Any], grads: dict[str, Any], /) -> Any:
        """Change `params` in place by a step along `grads`."""
