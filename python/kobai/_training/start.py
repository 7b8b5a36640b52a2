"""The start of a run: what `fit` and `resume` are given is checked, and put together."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt

from kobai._training import resuming
from kobai._training.arguments import Split, all_data, check_callback, count, total_steps
from kobai._training.callbacks import Hooks, checked_callbacks
from kobai._training.checkpoint import CheckpointWriter, restore
from kobai._training.dataset import Dataset, counted_rows
from kobai._training.history import History
from kobai._training.identity import Identity, fingerprints
from kobai._training.interrupts import Interrupts
from kobai._training.loop import Run
from kobai._training.network import Array, has_accuracy
from kobai._training.rates import check_rates
from kobai._training.sampling import Batches
from kobai._training.task import TrainingTask
from kobai._training.weights import check_takes_weights

File = str | os.PathLike[str]


class Request(NamedTuple):
    """The arguments of `fit` and `resume`, as they were given."""

    x_train: npt.ArrayLike
    t_train: npt.ArrayLike
    x_test: npt.ArrayLike | None
    t_test: npt.ArrayLike | None
    iterations: SupportsIndex | None
    epochs: SupportsIndex | None
    on_epoch: Callable[[History], object] | None
    callbacks: Iterable[object] | None
    sample_weight: npt.ArrayLike | None
    evaluate_samples: SupportsIndex | None
    checkpoint: File | None
    checkpoint_every: SupportsIndex


class _Checked(NamedTuple):
    """The same, checked, for a network and the other settings of a trainer."""

    train: Split
    test: Split | None
    weights: Array | None
    callbacks: list[Any]
    evaluate_samples: int | None
    every: int

    @property
    def samples(self) -> int:
        """The number of training samples that count."""
        return len(self.train[0]) if self.weights is None else int(np.count_nonzero(self.weights))


def _checked(task: TrainingTask, request: Request) -> _Checked:
    check_callback("on_epoch", request.on_epoch)
    if request.sample_weight is not None:
        check_takes_weights(task)
    train, test, weights = all_data(
        task.net,
        request.x_train,
        request.t_train,
        request.x_test,
        request.t_test,
        request.sample_weight,
    )
    samples = request.evaluate_samples
    knows_classes = has_accuracy(task.net)
    return _Checked(
        train,
        test,
        weights,
        checked_callbacks(request.callbacks, has_test=test is not None, has_accuracy=knows_classes),
        None if samples is None else count("evaluate_samples", samples),
        count("checkpoint_every", request.checkpoint_every),
    )


class Start:
    """Makes the runs of a trainer.

    Parameters
    ----------
    trainer : Trainer
        The trainer, which hooks are given, and whose `history` is set.
    current_task : callable
        Its settings as they are now.
    rng : Generator
        What it draws samples with.
    """

    def __init__(
        self, trainer: Any, current_task: Callable[[], TrainingTask], rng: np.random.Generator
    ) -> None:
        self._trainer = trainer
        self._current_task = current_task
        self._rng = rng

    def new_run(self, request: Request) -> Run:
        """A run from its first step on."""
        task = self._current_task()
        checked = _checked(task, request)
        batches = self._batches(task, checked)
        history = History(steps_per_epoch=batches.steps_per_epoch)
        total = total_steps(request.iterations, request.epochs, history.steps_per_epoch)
        check_rates(task.optimizer, total)
        hooks = Hooks(self._trainer, checked.callbacks, history)
        writer = None
        if request.checkpoint is not None:
            data = _identity_of_data(checked)
            writer = CheckpointWriter(
                request.checkpoint, checked.every, task, self._rng, data, hooks, total
            )
        self._trainer.history = history
        return self._run(request, checked, history, total, batches, hooks, writer)

    def continued_run(self, request: Request, file: File) -> Run:
        """The rest of the run that wrote a checkpoint; the trainer is brought to where it was."""
        task, rng = self._current_task(), self._rng
        checked = _checked(task, request)
        steps_per_epoch = math.ceil(checked.samples / task.batch_size)
        history = History(steps_per_epoch=steps_per_epoch)
        hooks = Hooks(self._trainer, checked.callbacks, history)
        data = _identity_of_data(checked)
        saved = resuming.read(file, task, rng, data, hooks, steps_per_epoch)
        total = saved.total
        if request.iterations is not None or request.epochs is not None:
            total = total_steps(request.iterations, request.epochs, steps_per_epoch)
        else:
            hooks.is_stopped = saved.is_stopped
        if total < saved.steps:
            raise ValueError(f"{total} iterations are asked for, {saved.steps} are in {file}")
        check_rates(task.optimizer, total, saved.optimizer, saved.steps)
        place = file if request.checkpoint is None else request.checkpoint
        writer = CheckpointWriter(place, checked.every, task, rng, data, hooks, total, saved)
        with Interrupts() as interrupts, interrupts.deferred():
            restore(saved, task, rng, hooks)
            for name, values in saved.recorded.items():
                getattr(history, name).extend(values)
            self._trainer.history = history
        batches = self._batches(task, checked, taken=saved.steps)
        return self._run(request, checked, history, total, batches, hooks, writer)

    def _batches(self, task: TrainingTask, checked: _Checked, taken: int = 0) -> Batches:
        return Batches(
            self._rng,
            len(checked.train[0]),
            task.batch_size,
            task.sampling,
            counted=counted_rows(checked.weights),
            taken=taken,
        )

    def _run(
        self,
        request: Request,
        checked: _Checked,
        history: History,
        total: int,
        batches: Batches,
        hooks: Hooks,
        writer: CheckpointWriter | None,
    ) -> Run:
        train, test = checked.train, checked.test
        data = Dataset(*train, checked.weights), None if test is None else Dataset(*test)
        samples, on_epoch = checked.evaluate_samples, request.on_epoch
        return Run(
            self._current_task, data, history, total, batches, hooks, writer, on_epoch, samples
        )


def _identity_of_data(checked: _Checked) -> Identity:
    identity = fingerprints(checked.train, checked.test, checked.weights)
    return identity | {"evaluate_samples": checked.evaluate_samples}
