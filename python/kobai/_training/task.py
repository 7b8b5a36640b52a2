"""What is trained and how, as it stands at one moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy.typing as npt

from kobai._training.network import Trainable, is_unchanged
from kobai._training.optimizers import Optimizer, is_plain_descent

Array = npt.NDArray[Any]


class TrainingTask(NamedTuple):
    """A trainer's settings, frozen: those of one step, or of the steps of one call of the core.

    Attributes
    ----------
    net, optimizer, batch_size, gradient, method, sampling
        As `Trainer` has them.
    loss_and_gradient : callable
        The trainer's, of a batch.
    is_overridden : bool
        Whether a class or an instance put one in the place of the trainer's own.
    """

    net: Trainable
    optimizer: Optimizer
    batch_size: int
    gradient: str
    method: str
    sampling: str
    loss_and_gradient: Callable[[Array, Array], tuple[float, Any]]
    is_overridden: bool

    def is_standard(self) -> bool:
        """Whether the core takes such steps: nothing of them is the user's own."""
        return (
            not self.is_overridden and is_unchanged(self.net) and is_plain_descent(self.optimizer)
        )
