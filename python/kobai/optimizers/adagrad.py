"""Steps scaled by the gradients so far: AdaGrad, and RMSprop, which forgets old ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from kobai._validation import fraction, non_negative_float
from kobai.optimizers.base import BaseOptimizer, Rate, remember_original
from kobai.optimizers.state import State


@remember_original
class AdaGrad(BaseOptimizer):
    """AdaGrad: ``h += g * g; p -= lr * g / (sqrt(h) + epsilon)``.

    Parameters
    ----------
    lr : float or callable, default 0.01
        The learning rate, or a function of the number of the step, counted from 0.
    epsilon : float, default 1e-7
        What is added to the square root, as in the course.

    Attributes
    ----------
    h : dict of ndarray
        The sum of squared gradients of each parameter, in its dtype; empty before the first update.
    iter : int
        The number of updates so far.

    Raises
    ------
    TypeError
        If an argument is no real number (`lr` may be callable).
    ValueError
        If an argument is negative or not finite.

    Notes
    -----
    The sequence, with the scalars ``L = lr`` and ``E = epsilon`` and the gradient ``g``::

        s = g * g
        h = h + s
        r = sqrt(h)
        r = r + E
        s = L * g
        s = s / r
        p = p - s

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import AdaGrad
    >>> optimizer = AdaGrad(lr=0.5, epsilon=0)
    >>> params = {"b": np.array([4.0])}
    >>> for g in (3.0, 4.0):
    ...     optimizer.update(params, {"b": np.array([g])})
    ...     print(params["b"], optimizer.h["b"])
    [3.5] [9.]
    [3.1] [25.]
    """

    core_name = "adagrad"
    state_names = ("h",)
    setting_names = ("epsilon",)

    h: State

    def __init__(self, lr: Rate = 0.01, *, epsilon: float = 1e-7) -> None:
        super().__init__(lr)
        self.epsilon = non_negative_float("epsilon", epsilon)

    def scalars(self, step: int) -> tuple[float, ...]:
        """The scalars of the formula at a step: ``(L, E)``.

        Examples
        --------
        >>> from kobai import AdaGrad
        >>> AdaGrad(lr=0.5).scalars(0)
        (0.5, 1e-07)
        """
        return self.learning_rate(step), non_negative_float("epsilon", self.epsilon)

    def _change(self, g: Any, h: Any, L: Any, E: Any) -> tuple[Any, ...]:
        h = h + g * g
        return L * g / (np.sqrt(h) + E), h


@remember_original
class RMSprop(BaseOptimizer):
    """RMSprop: ``h = d * h + (1 - d) * g * g; p -= lr * g / (sqrt(h) + epsilon)``.

    Parameters
    ----------
    lr : float or callable, default 0.01
        The learning rate, or a function of the number of the step, counted from 0.
    decay_rate : float, default 0.99
        The share ``d`` of the mean square that a step keeps, in [0, 1].
    epsilon : float, default 1e-7
        What is added to the square root, as in the course.

    Attributes
    ----------
    h : dict of ndarray
        The running mean of squared gradients of each parameter, in its dtype; empty before the
        first update.
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
    The sequence, with the scalars ``D = decay_rate``, ``C = 1 - decay_rate``, ``L = lr`` and
    ``E = epsilon`` and the gradient ``g``::

        h = D * h
        s = C * g
        s = s * g
        h = h + s
        r = sqrt(h)
        r = r + E
        s = L * g
        s = s / r
        p = p - s

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import RMSprop
    >>> optimizer = RMSprop(lr=0.5, decay_rate=0.75, epsilon=0)
    >>> params = {"b": np.array([4.0])}
    >>> optimizer.update(params, {"b": np.array([2.0])})
    >>> params["b"], optimizer.h["b"]
    (array([3.]), array([1.]))
    """

    core_name = "rmsprop"
    state_names = ("h",)
    setting_names = ("decay_rate", "epsilon")

    h: State

    def __init__(self, lr: Rate = 0.01, decay_rate: float = 0.99, *, epsilon: float = 1e-7) -> None:
        super().__init__(lr)
        self.decay_rate = fraction("decay_rate", decay_rate)
        self.epsilon = non_negative_float("epsilon", epsilon)

    def scalars(self, step: int) -> tuple[float, ...]:
        """The scalars of the formula at a step: ``(D, C, L, E)``.

        Examples
        --------
        >>> from kobai import RMSprop
        >>> RMSprop(lr=0.5, decay_rate=0.75).scalars(0)
        (0.75, 0.25, 0.5, 1e-07)
        """
        decay_rate = fraction("decay_rate", self.decay_rate)
        epsilon = non_negative_float("epsilon", self.epsilon)
        return decay_rate, 1 - decay_rate, self.learning_rate(step), epsilon

    def _change(self, g: Any, h: Any, D: Any, C: Any, L: Any, E: Any) -> tuple[Any, ...]:
        h = D * h + C * g * g
        return L * g / (np.sqrt(h) + E), h
