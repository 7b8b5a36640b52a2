"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

import numpy as np

from kobai import _core
from kobai._validation import FloatArray
from kobai.optimizers.arrays import Pair, check_dicts, checked_pairs
from kobai.optimizers.base import BaseOptimizer, Rate, remember_original


@remember_original
class SGD(BaseOptimizer):
    """Stochastic gradient descent: ``params[k] -= lr * grads[k]``.

    Parameters
    ----------
    lr : float or callable, default 0.01
        The learning rate, or a function of the number of the step, counted from 0. It may be
        changed at any time: the attribute `lr` counts.

    Attributes
    ----------
    iter : int
        The number of updates so far.

    Raises
    ------
    TypeError
        If `lr` is neither a real number nor callable.
    ValueError
        If `lr` is negative or not finite.

    Notes
    -----
    The sequence, with the scalar ``L = lr`` and the gradient ``g``::

        s = L * g
        p = p - s

    If parameter and gradient differ in dtype, ``s`` has that of the gradient, and ``p`` is rounded
    after the subtraction.

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

    core_name = "sgd"

    def __init__(self, lr: Rate = 0.01) -> None:
        super().__init__(lr)

    def scalars(self, step: int) -> tuple[float, ...]:
        """The scalar of the formula at a step: ``(L,)``.

        Examples
        --------
        >>> from kobai import SGD
        >>> SGD(lr=lambda step: 1 / (1 + step)).scalars(3)
        (0.25,)
        """
        return (self.learning_rate(step),)

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
        lr = self.learning_rate()
        check_dicts(params, grads)
        # The core does the same in one pass, if all are plain arrays.
        if not _core.descend([*params.values()], [grads[key] for key in params], lr):
            self._update_any(checked_pairs(params, grads), lr)
        self.iter += 1

    def _update_any(self, pairs: list[Pair], lr: float) -> None:
        # Numbers beyond the range become infinite without a warning, as in the core. If warnings
        # are errors, one would end the update half-way.
        with np.errstate(all="ignore"):
            # All steps are computed first: a gradient may be a view of another parameter.
            steps = [_scaled(pair.gradient, lr) for pair in pairs]
            for (_, param, _), step in zip(pairs, steps, strict=True):
                param -= step


def _scaled(gradient: FloatArray, lr: float) -> FloatArray:
    """``lr * gradient`` in the gradient's precision, with the same bits by NumPy 1 and 2."""
    dtype = gradient.dtype.newbyteorder("=") if gradient.dtype.kind == "f" else np.dtype(np.float64)
    scaled: FloatArray = dtype.type(lr) * gradient
    return scaled
