"""Momentum, as it is and as Nesterov looks ahead with it."""

from __future__ import annotations

from typing import Any

from kobai._validation import fraction
from kobai.optimizers.base import BaseOptimizer, Rate, remember_original
from kobai.optimizers.state import State


class _WithMomentum(BaseOptimizer):
    state_names = ("v",)
    setting_names = ("momentum",)

    v: State

    def __init__(self, lr: Rate = 0.01, momentum: float = 0.9) -> None:
        super().__init__(lr)
        self.momentum = fraction("momentum", momentum)


@remember_original
class Momentum(_WithMomentum):
    """Momentum: ``v = momentum * v - lr * g; p += v``.

    Parameters
    ----------
    lr : float or callable, default 0.01
        The learning rate, or a function of the number of the step, counted from 0.
    momentum : float, default 0.9
        The share of the velocity that a step keeps, in [0, 1].

    Attributes
    ----------
    v : dict of ndarray
        The velocity of each parameter, in its dtype; empty before the first update.
    iter : int
        The number of updates so far.

    Raises
    ------
    TypeError
        If an argument is no real number (`lr` may be callable).
    ValueError
        If an argument is out of range.

    Notes
    -----
    The sequence, with the scalars ``M = momentum`` and ``L = lr`` and the gradient ``g``::

        v = M * v
        s = L * g
        v = v - s
        p = p + v

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import Momentum
    >>> optimizer = Momentum(lr=0.5, momentum=0.5)
    >>> params, grads = {"b": np.array([4.0])}, {"b": np.array([1.0])}
    >>> for _ in range(3):
    ...     optimizer.update(params, grads)
    ...     print(params["b"], optimizer.v["b"])
    [3.5] [-0.5]
    [2.75] [-0.75]
    [1.875] [-0.875]
    """

    core_name = "momentum"

    def scalars(self, step: int) -> tuple[float, ...]:
        """The scalars of the formula at a step: ``(M, L)``.

        Examples
        --------
        >>> from kobai import Momentum
        >>> Momentum(lr=0.5, momentum=0.75).scalars(0)
        (0.75, 0.5)
        """
        return fraction("momentum", self.momentum), self.learning_rate(step)

    def _change(self, g: Any, v: Any, M: Any, L: Any) -> tuple[Any, ...]:
        v = M * v - L * g
        return -v, v


@remember_original
class Nesterov(_WithMomentum):
    """Nesterov's momentum: ``p += m * m * v - (1 + m) * lr * g; v = m * v - lr * g``.

    Parameters
    ----------
    lr : float or callable, default 0.01
        The learning rate, or a function of the number of the step, counted from 0.
    momentum : float, default 0.9
        The share of the velocity that a step keeps, in [0, 1].

    Attributes
    ----------
    v : dict of ndarray
        The velocity of each parameter, in its dtype; empty before the first update.
    iter : int
        The number of updates so far.

    Raises
    ------
    TypeError
        If an argument is no real number (`lr` may be callable).
    ValueError
        If an argument is out of range.

    Notes
    -----
    The sequence, with the scalars ``M = momentum``, ``L = lr``, ``Q = momentum * momentum`` and
    ``C = (1 + momentum) * lr`` and the gradient ``g``::

        a = Q * v
        s = C * g
        a = a - s
        p = p + a
        v = M * v
        s = L * g
        v = v - s

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import Nesterov
    >>> optimizer = Nesterov(lr=0.5, momentum=0.5)
    >>> params, grads = {"b": np.array([4.0])}, {"b": np.array([1.0])}
    >>> for _ in range(3):
    ...     optimizer.update(params, grads)
    ...     print(params["b"], optimizer.v["b"])
    [3.25] [-0.5]
    [2.375] [-0.75]
    [1.4375] [-0.875]
    """

    core_name = "nesterov"

    def scalars(self, step: int) -> tuple[float, ...]:
        """The scalars of the formula at a step: ``(M, L, Q, C)``.

        Examples
        --------
        >>> from kobai import Nesterov
        >>> Nesterov(lr=0.5, momentum=0.5).scalars(0)
        (0.5, 0.5, 0.25, 0.75)
        """
        momentum, lr = fraction("momentum", self.momentum), self.learning_rate(step)
        return momentum, lr, momentum * momentum, (1 + momentum) * lr

    def _change(self, g: Any, v: Any, M: Any, L: Any, Q: Any, C: Any) -> tuple[Any, ...]:
        return -(Q * v - C * g), M * v - L * g
