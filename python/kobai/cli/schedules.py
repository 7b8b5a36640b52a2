"""Learning rates that follow a schedule over the whole run."""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[int], float]

# The step schedule halves the learning rate after each of these shares of the run.
_THIRDS = 3


def _cosine(lr: float, total: int) -> Schedule:
    """From `lr` down to 0, along half a wave of the cosine.

    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017), without
    the restarts.
    """
    return lambda step: lr * 0.5 * (1.0 + math.cos(math.pi * min(step, total) / total))


def _step(lr: float, total: int) -> Schedule:
    """`lr` in the first third of the run, half of it in the second, a quarter in the last."""
    return lambda step: lr * 0.5 ** min(_THIRDS * step // total, _THIRDS - 1)


_SCHEDULES = {"cosine": _cosine, "step": _step}

CONSTANT = "constant"
NAMES = (CONSTANT, *_SCHEDULES)


def scheduled(name: str, lr: float, total: int) -> Schedule:
    """The learning rate as a function of the step, for a run of `total` steps."""
    return _SCHEDULES[name](lr, total)
