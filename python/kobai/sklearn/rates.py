"""The solvers "sgd" and "adam": the state of an optimizer, and the scalars of its next steps."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Below this rate, "adaptive" ends the training.
_LOWEST_RATE = 1e-6


class Optimizer:
    """What an optimizer keeps between steps; the core takes the steps.

    Attributes
    ----------
    learning_rate : float
        That of the next step; for Adam the rate of the last one, its bias corrected.
    states : list of list of ndarray
        For each number it keeps of a parameter, one array a parameter: weights and biases of the
        first layer, then of the next.
    """

    core_name: str

    def __init__(self, learning_rate_init: float, shapes: list[Array], states: int) -> None:
        self.learning_rate_init = float(learning_rate_init)
        self.learning_rate = float(learning_rate_init)
        self.states = [[np.zeros_like(each) for each in shapes] for _ in range(states)]

    def copied(self) -> Optimizer:
        """The same, with states of its own that may be written to."""
        twin = copy.copy(self)
        twin.states = [[np.array(each) for each in state] for state in self.states]
        return twin

    def scalars(self, steps: int, ends: Sequence[int] = ()) -> Array:
        """The scalars of the core's formula for the next steps, a row a step.

        Parameters
        ----------
        steps : int
            How many there are.
        ends : sequence of int
            How many samples of all epochs have been seen where an epoch ends among the steps, which
            are shared out evenly.
        """
        raise NotImplementedError

    def note_steps(self, steps: int) -> None:
        """So many steps have been taken."""

    def end_epoch(self, samples_seen: int) -> None:
        """An epoch has ended; `samples_seen` counts those of all epochs."""

    def stop_or_slow_down(self) -> tuple[bool, str]:
        """Nothing improves any more: whether to stop, and what is to be said."""
        return True, "Stopping."


class Descent(Optimizer):
    """Gradient descent, with or without momentum, by one of three schedules of the rate."""

    def __init__(
        self,
        learning_rate_init: float,
        shapes: list[Array],
        *,
        schedule: str,
        momentum: float,
        nesterov: bool,
        power_t: float,
    ) -> None:
        super().__init__(learning_rate_init, shapes, states=1 if momentum > 0 else 0)
        self.schedule = schedule
        self.momentum = float(momentum)
        self.nesterov = nesterov
        self.power_t = float(power_t)

    @property
    def core_name(self) -> str:  # type: ignore[override]
        """The formula the core steps by: without momentum, all three are one."""
        if self.momentum == 0:
            return "sgd"
        return "nesterov" if self.nesterov else "momentum"

    def scalars(self, steps: int, ends: Sequence[int] = ()) -> Array:
        """Momentum and rate, the same for all steps of an epoch."""
        rates = [self.learning_rate, *map(self._rate_after, ends)]
        rows = np.array([self._row(rate) for rate in rates])
        return np.repeat(rows, steps // len(rates), axis=0)

    def _row(self, rate: float) -> tuple[float, ...]:
        m = self.momentum
        if m == 0:
            return (rate,)
        return (m, rate, m * m, (1 + m) * rate) if self.nesterov else (m, rate)

    def _rate_after(self, samples_seen: int) -> float:
        """The rate of the epoch after one that ends there."""
        if self.schedule != "invscaling":
            return self.learning_rate
        return float(self.learning_rate_init / (samples_seen + 1) ** self.power_t)

    def end_epoch(self, samples_seen: int) -> None:
        """Lower the rate, where that is the schedule."""
        self.learning_rate = self._rate_after(samples_seen)

    def stop_or_slow_down(self) -> tuple[bool, str]:
        """Stop, or go on with a fifth of the rate."""
        if self.schedule != "adaptive":
            return True, "Stopping."
        if self.learning_rate <= _LOWEST_RATE:
            return True, "Learning rate too small. Stopping."
        self.learning_rate /= 5.0
        return False, f"Setting learning rate to {self.learning_rate:f}"


class Adam(Optimizer):
    """Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015)."""

    core_name = "adam"

    def __init__(
        self,
        learning_rate_init: float,
        shapes: list[Array],
        *,
        beta_1: float,
        beta_2: float,
        epsilon: float,
    ) -> None:
        super().__init__(learning_rate_init, shapes, states=2)
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)
        self.t = 0

    def _rates(self, t: Array) -> Array:
        """The rates of steps, counted from 1, with the bias of both means corrected."""
        unbiased: Array = np.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        return self.learning_rate_init * unbiased

    def scalars(self, steps: int, ends: Sequence[int] = ()) -> Array:
        """A rate a step, and what all steps share."""
        rows = np.empty((steps, 4))
        rows[:, 0] = self._rates(np.arange(self.t + 1, self.t + 1 + steps, dtype=float))
        rows[:, 1:] = 1 - self.beta_1, 1 - self.beta_2, self.epsilon
        return rows

    def note_steps(self, steps: int) -> None:
        """Count the steps."""
        self.t += steps
        self.learning_rate = float(self._rates(np.array(float(self.t))))


def optimizer_of(estimator: Any, parameters: list[Array]) -> Optimizer:
    """A new optimizer, as the settings of an estimator have it."""
    rate = estimator.learning_rate_init
    if estimator.solver == "adam":
        return Adam(
            rate,
            parameters,
            beta_1=estimator.beta_1,
            beta_2=estimator.beta_2,
            epsilon=estimator.epsilon,
        )
    return Descent(
        rate,
        parameters,
        schedule=estimator.learning_rate,
        momentum=estimator.momentum,
        nesterov=estimator.nesterovs_momentum,
        power_t=estimator.power_t,
    )
