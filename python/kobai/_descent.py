"""How steps are taken: one after the other, or many in one call of the core.

Both give the same parameters and losses, bit for bit.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from kobai import _core
from kobai._validation import HALF_WIDTH, are_labels, in_dtype, real_array
from kobai.networks import TwoLayerNet

if TYPE_CHECKING:
    from kobai._interrupts import Interrupts
    from kobai._optimizers import SGD
    from kobai.training import Trainer

# How long one call of the core may last: within it, neither Ctrl-C nor the progress bar is served.
_CALL_SECONDS = 0.05

_Array = npt.NDArray[Any]


class Descent(Protocol):
    """A way to take steps."""

    def most(self) -> int:
        """How many steps to take together at most."""

    def take(self, steps: Sequence[npt.NDArray[np.int64]], losses: list[float]) -> None:
        """Take a step for each batch of samples, and add its loss to `losses`."""


class StepByStep:
    """Gradient, update and record, one after the other."""

    def __init__(self, trainer: Trainer, x: _Array, t: _Array, interrupts: Interrupts) -> None:
        self._trainer = trainer
        self._x = x
        self._t = t
        self._interrupts = interrupts

    def most(self) -> int:
        return 1

    def take(self, steps: Sequence[npt.NDArray[np.int64]], losses: list[float]) -> None:
        trainer = self._trainer
        for samples in steps:
            loss, grads = trainer.loss_and_gradient(self._x[samples], self._t[samples])
            with self._interrupts.held():
                trainer.optimizer.update(trainer.net.params, grads)
                losses.append(loss)


class InTheCore:
    """Many steps of plain gradient descent a call.

    The first step is taken by itself to see how long one lasts: long ones stay by themselves, where
    Ctrl-C can reach them.
    """

    def __init__(
        self,
        trainer: Trainer,
        optimizer: SGD,
        data: tuple[_Array, _Array],
        interrupts: Interrupts,
    ) -> None:
        x, t = data
        self._trainer = trainer
        self._optimizer = optimizer
        self._first = StepByStep(trainer, x, t, interrupts)
        self._interrupts = interrupts
        self._step_seconds: float | None = None
        self._x = real_array("x_train", x)
        self._t = (
            t.astype(np.int64)
            if are_labels(t, x.shape[:1])
            else in_dtype(real_array("t_train", t), trainer.net.dtype)
        )

    def most(self) -> int:
        if self._step_seconds is None:
            return 1
        return max(1, int(_CALL_SECONDS / self._step_seconds))

    def take(self, steps: Sequence[npt.NDArray[np.int64]], losses: list[float]) -> None:
        start = time.perf_counter()
        if self._step_seconds is None or self._step_seconds > _CALL_SECONDS:
            self._first.take(steps, losses)
        else:
            with self._interrupts.held():
                losses.extend(self._call(steps))
        self._step_seconds = (time.perf_counter() - start) / len(steps)

    def _call(self, steps: Sequence[npt.NDArray[np.int64]]) -> list[float]:
        trainer = self._trainer
        losses = _core.network_train(
            trainer.net.core_layers(),
            self._x,
            self._t,
            np.concatenate(steps),
            np.array([len(samples) for samples in steps]),
            self._optimizer.lr,
            None if trainer.gradient == "backprop" else (HALF_WIDTH, trainer.method),
        )
        return [float(loss) for loss in losses]


def can_run_in_core(net: object, x: _Array, t: _Array) -> bool:
    """Whether the core can take whole steps: it copies parameters, and so must own them.

    Parameters that overlap each other or the data, or cannot be written, are left to NumPy.
    """
    if type(net) is not TwoLayerNet:
        return False
    arrays = [*net.params.values()]
    pairs = [*itertools.combinations(arrays, 2), *itertools.product(arrays, (x, t))]
    return all(array.flags.writeable for array in arrays) and not any(
        np.may_share_memory(one, other) for one, other in pairs
    )
