"""What is trained and how: a snapshot of a trainer's settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kobai._training.network import Trainable
from kobai._training.optimizers import Optimizer
from kobai.networks.overrides import is_unchanged
from kobai.optimizers.base import is_original


class TrainingTask(NamedTuple):
    """A trainer's settings, frozen for one step, or for the steps of one call of the core.

    Attributes
    ----------
    net, optimizer, batch_size, gradient, method, h, sampling
        As `Trainer` has them.
    loss_and_gradient : callable
        The trainer's method, which takes a batch, and its weights if there are any.
    is_overridden : bool
        Whether a subclass or the instance replaces that method.
    """

    net: Trainable
    optimizer: Optimizer
    batch_size: int
    gradient: str
    method: str
    h: float
    sampling: str
    loss_and_gradient: Callable[..., tuple[float, Any]]
    is_overridden: bool

    def is_standard(self) -> bool:
        """Whether the core computes such steps: network, optimizer and trainer are kobai's own."""
        return not self.is_overridden and is_unchanged(self.net) and is_original(self.optimizer)
