"""Steps, taken one after the other, or fused: many in one call of the core.

Both give the same parameters and losses, bit for bit. Before each call is decided whether steps can
be fused, which depends on the network, the optimizer and the trainer at that moment, and how many
are, which depends on how long they last.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from operator import is_
from typing import Any

import numpy as np

from kobai import _core
from kobai._training.dataset import Dataset, Samples
from kobai._training.interrupts import Interrupts
from kobai._training.optimizers import check_in_place
from kobai._training.task import TrainingTask
from kobai._training.weights import check_takes_weights
from kobai._validation import overlaps_itself, real_number

# The longest that one call of the core should last: Ctrl-C and the progress bar wait for its end.
_CALL_SECONDS = 0.05


class Stepper:
    """Takes the steps of a run.

    Attributes
    ----------
    is_whole : bool
        Whether the parameters are those after the last recorded step: false if an optimizer failed
        during its update.
    may_run_user_code : bool
        Whether the planned steps call anything but kobai's own code.
    """

    def __init__(
        self, current_task: Callable[[], TrainingTask], data: Dataset, interrupts: Interrupts
    ) -> None:
        self._current_task = current_task
        self._task = current_task()
        self._data = data
        self._interrupts = interrupts
        self._is_fused = False
        self._kind: object = None
        self._step_seconds: float | None = None
        # Arrays that are known not to overlap.
        self._disjoint: list[Any] = []
        # Arrays of a state, and the parameters that it is known to fit.
        self._fitting: list[Any] = []
        self.is_whole = True
        self.may_run_user_code = True

    def plan(self) -> int:
        """Decide how the next steps are taken; returns how many `take` may be given at most."""
        task = self._task = self._current_task()
        kind = id(task.net), id(task.optimizer), task.gradient, task.method
        if kind != self._kind:
            if self._data.weights is not None:
                check_takes_weights(task)
            self._kind, self._step_seconds = kind, None
        seconds = self._step_seconds
        is_standard = task.is_standard()
        self.may_run_user_code = not is_standard or callable(getattr(task.optimizer, "lr", None))
        # The first step is taken alone, to measure how long a step lasts. Long steps are taken
        # alone too, as Ctrl-C is served between two calls of the core.
        self._is_fused = (
            seconds is not None
            and seconds <= _CALL_SECONDS
            and is_standard
            and self._can_be_fused([*task.net.params.values(), *_state_arrays(task.optimizer)])
        )
        if seconds is None or not self._is_fused:
            return 1
        in_time = _CALL_SECONDS / max(seconds, 1e-9)
        return max(1, int(min(in_time, self._data.max_rows() / task.batch_size)))

    def take(self, steps: Sequence[Samples], losses: list[float]) -> None:
        """Take a step for each batch of samples, and add its loss to `losses`."""
        start = time.perf_counter()
        if not (self._is_fused and self._take_fused(steps, losses)):
            for samples in steps:
                self._step(samples, losses)
        self._step_seconds = (time.perf_counter() - start) / len(steps)

    def _take_fused(self, steps: Sequence[Samples], losses: list[float]) -> bool:
        """Take all steps in one call of the core; or none, if the core refuses one of them."""
        try:
            with self._interrupts.deferred():
                losses.extend(self._call(steps))
        except ValueError:
            # Taken one by one, the steps before it succeed, and its own error says what is wrong.
            return False
        return True

    def _step(self, samples: Samples, losses: list[float]) -> None:
        task = self._task
        x, t = self._data.arrays(task.net.params.values())
        weights = self._data.weights
        # Methods of users need not take weights.
        options = {} if weights is None else {"sample_weight": weights[samples]}
        loss, grads = task.loss_and_gradient(x[samples], t[samples], **options)
        loss = real_number("the loss", loss)
        with self._interrupts.deferred():
            self.is_whole = False
            answer = task.optimizer.update(task.net.params, grads)
            if answer is not None:
                check_in_place(task.optimizer, task.net.params, answer)
            losses.append(loss)
            self.is_whole = True

    def _can_be_fused(self, arrays: list[Any]) -> bool:
        """Whether the core can take steps with those arrays, which it copies and writes back.

        They must be writable, and overlap neither themselves, nor each other, nor the data.
        """
        if not _same(arrays, self._disjoint):
            if not all(isinstance(array, np.ndarray) for array in arrays):
                return False
            pairs = itertools.combinations(arrays, 2)
            if any(map(overlaps_itself, arrays)) or any(
                itertools.starmap(np.may_share_memory, pairs)
            ):
                return False
            self._disjoint = arrays
        are_writable = all(array.flags.writeable for array in arrays)
        return are_writable and not self._data.overlaps(arrays)

    def _start_state(self, optimizer: Any, params: dict[str, Any]) -> None:
        """Make the state of the optimizer, or check that it fits, unless it is known to."""
        if not optimizer.state_names:
            return
        arrays = [*params.values(), *_state_arrays(optimizer)]
        if not _same(arrays, self._fitting):
            optimizer.start(params)
            self._fitting = [*params.values(), *_state_arrays(optimizer)]

    def _call(self, steps: Sequence[Samples]) -> list[float]:
        """The losses of the steps, taken in one call; the core changes all parameters or none."""
        task = self._task
        net: Any = task.net
        optimizer: Any = task.optimizer
        network = net.core_network()
        data = self._data.for_core(np.concatenate(steps), net.dtype)
        self._start_state(optimizer, net.params)
        states = [getattr(optimizer, name) for name in optimizer.state_names]
        losses, _ = _core.network_train(
            network,
            data.x,
            data.t,
            data.weights,
            data.samples,
            np.array([len(samples) for samples in steps]),
            optimizer.core_name,
            optimizer.scalars_of_steps(optimizer.iter, len(steps)),
            None,
            [[state[key] for key in net.parameter_names()] for state in states],
            None if task.gradient == "backprop" else (task.h, task.method),
        )
        optimizer.iter += len(losses)
        found: list[float] = losses.tolist()
        return found


def _same(some: list[Any], others: list[Any]) -> bool:
    """Whether two lists hold the same objects."""
    return len(some) == len(others) and all(map(is_, some, others))


def _state_arrays(optimizer: Any) -> list[Any]:
    """The arrays of the state of an optimizer of kobai's, as far as there are any."""
    states = [getattr(optimizer, name) for name in optimizer.state_names]
    return [array for state in states if isinstance(state, dict) for array in state.values()]
