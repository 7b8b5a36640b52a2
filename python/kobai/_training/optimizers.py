"""Optimizers, which change parameters along a gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping, MutableMapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kobai import _core
from kobai._validation import FloatArray, non_negative_float, overlaps_itself, plain_array, shown

__all__ = ["SGD", "Optimizer"]


class Optimizer(Protocol):
    """What a `Trainer` needs of an optimizer."""

    def update(self, params: Any, grads: Any, /) -> object:
        """Change the arrays of `params`, a dict, in place by a step along those of `grads`."""


class SGD:
    """Stochastic gradient descent: ``params[k] -= lr * grads[k]``.

    Parameters
    ----------
    lr : float, default 0.01
        The learning rate. It may be changed at any time: the attribute `lr` counts.

    Raises
    ------
    TypeError
        If `lr` is no real number.
    ValueError
        If `lr` is negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import SGD
    >>> optimizer = SGD(lr=0.5)
    >>> optimizer
    SGD(lr=0.5)
    >>> params = {"W": np.array([1.0, 2.0])}
    >>> optimizer.update(params, {"W": np.array([1.0, -1.0])})
    >>> params["W"]
    array([0.5, 2.5])
    """

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = non_negative_float("lr", lr)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(lr={self.lr!r})"

    def update(
        self, params: MutableMapping[str, FloatArray], grads: Mapping[str, FloatArray]
    ) -> None:
        """Take one step, in place.

        Parameters
        ----------
        params : dict of ndarray
            The arrays to change, of a float dtype.
        grads : dict of ndarray
            The gradient, with the same keys and shapes.

        Raises
        ------
        TypeError
            If `lr` or a gradient is not of real numbers, or a parameter is no array of floats.
        ValueError
            If keys or shapes differ, a parameter is read-only or overlaps itself, or `lr` has
            become negative or not finite. Whatever is raised, nothing has been changed.

        Examples
        --------
        >>> import numpy as np
        >>> from kobai import SGD
        >>> params = {"W": np.array([1.0, 2.0]), "b": np.array([0.0])}
        >>> grads = {"W": np.array([1.0, -1.0]), "b": np.array([4.0])}
        >>> SGD(lr=0.5).update(params, grads)
        >>> params
        {'W': array([0.5, 2.5]), 'b': array([-2.])}
        """
        lr = self.lr
        if type(lr) is not float or not 0.0 <= lr < math.inf:
            lr = non_negative_float("lr", lr)
        for name, given in (("params", params), ("grads", grads)):
            if type(given) is not dict and not isinstance(given, Mapping):
                raise TypeError(f"{name} must be a dict of arrays, got {shown(given)}")
        if params.keys() != grads.keys():
            wanted, got = (sorted(map(repr, keys)) for keys in (params, grads))
            raise ValueError(f"grads must have the keys {', '.join(wanted)}, got {', '.join(got)}")
        # The core does the same in one pass, if all are plain arrays.
        if _core.descend([*params.values()], [grads[key] for key in params], lr):
            return
        # All steps are computed first: a gradient may be a view of another parameter.
        steps = {key: _step(key, param, grads[key], lr) for key, param in params.items()}
        # Numbers beyond the range become infinite without a warning, as in the core. If warnings
        # are errors, one would end the update half-way.
        with np.errstate(all="ignore"):
            for key, param in params.items():
                param -= steps[key]


def _step(key: str, param: Any, grad: npt.ArrayLike, lr: float) -> FloatArray:
    """What to subtract from `param`, after checking all that would stop the update half-way."""
    if not isinstance(param, np.ndarray):
        raise TypeError(f"params[{key!r}] must be an array, got {type(param).__name__}")
    if param.dtype.kind != "f":
        raise TypeError(f"params[{key!r}] must hold floats, got dtype {param.dtype}")
    gradient = plain_array(f"grads[{key!r}]", grad)
    if gradient.shape != param.shape:
        raise ValueError(
            f"grads[{key!r}] must have shape {param.shape}, got shape {gradient.shape}"
        )
    if gradient.dtype.kind not in "fiub":
        raise TypeError(f"grads[{key!r}] must hold real numbers, got dtype {gradient.dtype}")
    if not param.flags.writeable:
        raise ValueError(f"params[{key!r}] must be writable, got a read-only array")
    if overlaps_itself(param):
        raise ValueError(f"params[{key!r}] must not overlap itself in memory")
    # NumPy 1 and 2 differ in the dtype of a Python float times an array: take the gradient's.
    dtype = gradient.dtype.newbyteorder("=") if gradient.dtype.kind == "f" else np.dtype(np.float64)
    with np.errstate(all="ignore"):
        step: FloatArray = dtype.type(lr) * gradient
    return step


_UPDATE = SGD.update


def is_plain_descent(optimizer: object) -> bool:
    """Whether `optimizer` does what `SGD` does, with a number as its attribute `lr`."""
    kind = type(optimizer)
    if not issubclass(kind, SGD):
        return False
    attributes = vars(optimizer)
    return (
        kind.update is _UPDATE
        and kind.__getattribute__ is object.__getattribute__
        and "update" not in attributes
        and not hasattr(kind, "lr")
        and isinstance(attributes.get("lr"), (float, int, np.floating, np.integer))
    )


def check_optimizer(optimizer: object) -> None:
    """Raise a TypeError if `optimizer` has no update(params, grads)."""
    if isinstance(optimizer, type):
        raise TypeError(
            f"optimizer must be an optimizer, got the class {optimizer.__name__}: "
            f"write {optimizer.__name__}()"
        )
    if callable(getattr(optimizer, "update", None)) and not isinstance(optimizer, Mapping):
        return
    meant = ""
    if isinstance(optimizer, (float, int)) and not isinstance(optimizer, bool):
        meant = f": write SGD(lr={optimizer})"
    elif isinstance(optimizer, str):
        meant = ": write SGD()"
    raise TypeError(f"optimizer must have update(params, grads), got {shown(optimizer)}{meant}")
