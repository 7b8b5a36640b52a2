"""Adam, and AdamW, which also decays the weights."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from kobai._validation import fraction, non_negative_float
from kobai.optimizers.arrays import Array
from kobai.optimizers.base import BaseOptimizer, Rate, remember_original
from kobai.optimizers.state import State


@remember_original
class Adam(BaseOptimizer):
    """Adam: a running mean of the gradients, over the root of that of their squares.

    At update ``t``, counted from 1::

        m += (1 - beta1) * (g - m)
        v += (1 - beta2) * (g * g - v)
        p -= lr * sqrt(1 - beta2**t) / (1 - beta1**t) * m / (sqrt(v) + epsilon)

    Parameters
    ----------
    lr : float or callable, default 0.001
        The learning rate, or a function of the number of the step, counted from 0.
    beta1, beta2 : float, default 0.9 and 0.999
        The shares of the two means that a step keeps, in [0, 1).
    epsilon : float, default 1e-7
        What is added to the square root, as in the course.

    Attributes
    ----------
    m, v : dict of ndarray
        The running means of the gradient of each parameter and of its square, in its dtype; empty
        before the first update.
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
    The sequence, with the scalars ``A = lr * sqrt(1 - beta2**t) / (1 - beta1**t)``,
    ``B = 1 - beta1``, ``C = 1 - beta2`` and ``E = epsilon`` and the gradient ``g``::

        s = g - m
        s = B * s
        m = m + s
        s = g * g
        s = s - v
        s = C * s
        v = v + s
        r = sqrt(v)
        r = r + E
        s = A * m
        s = s / r
        p = p - s

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import Adam
    >>> optimizer = Adam(lr=0.5)
    >>> params = {"b": np.array([4.0, 4.0])}
    >>> optimizer.update(params, {"b": np.array([0.01, -100.0])})
    >>> params["b"].round(3)
    array([3.5, 4.5])
    """

    core_name = "adam"
    state_names = ("m", "v")
    setting_names: ClassVar[tuple[str, ...]] = ("beta1", "beta2", "epsilon")

    m: State
    v: State

    def __init__(
        self,
        lr: Rate = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        *,
        epsilon: float = 1e-7,
    ) -> None:
        super().__init__(lr)
        self.beta1 = fraction("beta1", beta1, below_one=True)
        self.beta2 = fraction("beta2", beta2, below_one=True)
        self.epsilon = non_negative_float("epsilon", epsilon)

    def scalars(self, step: int) -> tuple[float, ...]:
        """The scalars of the formula at a step: ``(A, B, C, E)``.

        Examples
        --------
        >>> from kobai import Adam
        >>> Adam(lr=0.5, beta1=0.5, beta2=0.75).scalars(0)
        (0.5, 0.5, 0.25, 1e-07)
        """
        return self._scalars(step, self.learning_rate(step))

    def _scalars(self, step: int, lr: float) -> tuple[float, ...]:
        beta1, beta2 = self._betas()
        epsilon = non_negative_float("epsilon", self.epsilon)
        return _rate(lr, beta1, beta2, step), 1 - beta1, 1 - beta2, epsilon

    def scalars_of_steps(self, first: int, count: int) -> NDArray[np.float64]:
        """The `scalars` of several steps, a row a step.

        Examples
        --------
        >>> from kobai import Adam
        >>> steps = Adam(lr=0.5, beta1=0.5, beta2=0.75).scalars_of_steps(0, 2)
        >>> steps[:, 0].round(6)
        array([0.5     , 0.440959])
        """
        rows = super().scalars_of_steps(first, count)
        if not callable(self.lr):
            # Only the rate changes with the step.
            lr, betas = self.learning_rate(first), self._betas()
            rows[:, 0] = [_rate(lr, *betas, step) for step in range(first, first + count)]
        return rows

    def _betas(self) -> tuple[float, float]:
        beta1 = fraction("beta1", self.beta1, below_one=True)
        return beta1, fraction("beta2", self.beta2, below_one=True)

    def _change(
        self, g: Any, m: Any, v: Any, A: Any, B: Any, C: Any, E: Any, *_: Any
    ) -> tuple[Any, ...]:
        m = m + B * (g - m)
        v = v + C * (g * g - v)
        return A * m / (np.sqrt(v) + E), m, v


def _rate(lr: float, beta1: float, beta2: float, step: int) -> float:
    """The learning rate at a step, corrected for moments that began at zero."""
    t = step + 1
    return lr * math.sqrt(1 - beta2**t) / (1 - beta1**t)


@remember_original
class AdamW(Adam):
    """Adam, after the weights have been decayed: ``p -= lr * weight_decay * p``.

    Weights are the parameters of two axes or more, whatever they are called. Biases, and others of
    a single axis, are not decayed.

    Parameters
    ----------
    lr : float or callable, default 0.001
        The learning rate, or a function of the number of the step, counted from 0.
    beta1, beta2 : float, default 0.9 and 0.999
        The shares of the two means that a step keeps, in [0, 1).
    weight_decay : float, default 0.01
        The share of a weight that is taken from it at each step, times `lr`.
    epsilon : float, default 1e-7
        What is added to the square root, as in the course.

    Attributes
    ----------
    m, v : dict of ndarray
        The running means of the gradient of each parameter and of its square, in its dtype; empty
        before the first update.
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
    The sequence is that of `Adam`; before its last line, weights are decayed with the scalar
    ``W = lr * weight_decay``::

        d = W * p
        p = p - d

    Examples
    --------
    Without a gradient, weights shrink and biases stay:

    >>> import numpy as np
    >>> from kobai import AdamW
    >>> optimizer = AdamW(lr=0.5, weight_decay=0.5)
    >>> params = {"W": np.array([[4.0]]), "b": np.array([4.0])}
    >>> optimizer.update(params, {"W": np.zeros((1, 1)), "b": np.zeros(1)})
    >>> params
    {'W': array([[3.]]), 'b': array([4.])}
    """

    core_name = "adamw"
    setting_names = ("beta1", "beta2", "weight_decay", "epsilon")

    def __init__(
        self,
        lr: Rate = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        weight_decay: float = 0.01,
        *,
        epsilon: float = 1e-7,
    ) -> None:
        super().__init__(lr, beta1, beta2, epsilon=epsilon)
        self.weight_decay = non_negative_float("weight_decay", weight_decay)

    def scalars(self, step: int) -> tuple[float, ...]:
        """The scalars of the formula at a step: ``(A, B, C, E, W)``.

        Examples
        --------
        >>> from kobai import AdamW
        >>> AdamW(lr=0.5, beta1=0.5, beta2=0.75, weight_decay=0.5).scalars(0)
        (0.5, 0.5, 0.25, 1e-07, 0.25)
        """
        lr = self.learning_rate(step)
        weight_decay = non_negative_float("weight_decay", self.weight_decay)
        return *self._scalars(step, lr), lr * weight_decay

    def _decay(self, param: Array, *scalars: Any) -> None:
        if param.ndim >= 2:
            param -= scalars[-1] * param
