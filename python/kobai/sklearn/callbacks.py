"""The callbacks of a fit: kobai's hooks, called between epochs."""

from __future__ import annotations

import time
from types import SimpleNamespace, TracebackType
from typing import Any

from kobai._training.callbacks import Hooks, checked_callbacks
from kobai._training.history import History
from kobai._training.interrupts import Interrupts
from kobai.networks import MultiLayerNet
from kobai.sklearn.data import HeldOut, TrainingData
from kobai.sklearn.objectives import Objective
from kobai.sklearn.rates import Optimizer


class Rate:
    """The optimizer as callbacks know it: its learning rate, to be looked at and to be set."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer

    @property
    def lr(self) -> float:
        """The learning rate that the next steps begin with."""
        of = self._optimizer
        return of.learning_rate_init if of.core_name == "adam" else of.learning_rate

    @lr.setter
    def lr(self, rate: float) -> None:
        self._optimizer.learning_rate_init = self._optimizer.learning_rate = float(rate)


class Watchers:
    """The callbacks of one fit, as a context manager.

    Hooks are called as those of a `Trainer` are: `trainer`
    has `net`, `optimizer`, whose `lr` may be set, `history` and `estimator`; `net` is a
    `MultiLayerNet` whose parameters are the arrays of `coefs_` and `intercepts_`; the history has a
    loss an epoch.
    """

    def __init__(
        self,
        estimator: Any,
        data: TrainingData,
        objective: Objective,
        held_out: HeldOut | None,
        interrupts: Interrupts,
    ) -> None:
        self._of = estimator
        self._data = data
        self._held_out = held_out
        self._interrupts = interrupts
        self._hooks: Hooks | None = None
        self._start = 0.0
        if estimator.callbacks is None:
            return
        has_classes = hasattr(estimator, "classes_")
        listed = checked_callbacks(
            estimator.callbacks, has_test=held_out is not None, has_accuracy=has_classes
        )
        self._net = network_of(estimator, objective)
        self._history = History(steps_per_epoch=1)
        trainer = SimpleNamespace(
            net=self._net,
            optimizer=Rate(estimator._optimizer),
            history=self._history,
            estimator=estimator,
        )
        self._hooks = Hooks(trainer, listed, self._history)

    @property
    def are_done(self) -> bool:
        """Whether a hook has ended the training."""
        return self._hooks is not None and self._hooks.is_stopped

    def __enter__(self) -> Watchers:
        """Tell the callbacks that the training begins."""
        if self._hooks is not None:
            self._hooks.begin_training(self._interrupts)
            self._take_parameters()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Tell them that it has ended, however it has."""
        if self._hooks is not None:
            self._hooks.end_training(self._interrupts)
            self._take_parameters()

    def begin_epoch(self, epoch: int) -> None:
        """An epoch, counted from 0, is about to begin."""
        if self._hooks is not None:
            self._hooks.begin_epoch(self._interrupts, epoch)
            self._take_parameters()
            self._start = time.perf_counter()

    def end_epoch(self, epoch: int) -> None:
        """An epoch has been recorded."""
        if self._hooks is not None:
            self._history.train_loss.append(self._of.loss_)
            self._hooks.note_recorded()
            self._hooks.end_epoch(self._interrupts, epoch, self._logs())
            self._take_parameters()

    def _logs(self) -> dict[str, float]:
        of, data = self._of, self._data
        logs = {"loss": of.loss_}
        if hasattr(of, "classes_"):
            logs["accuracy"] = of._score_of(data.x[data.rows], data.y[data.rows], None)
        if self._held_out is not None:
            held_out = self._held_out
            logs["val_loss"] = of.validation_loss_curve_[-1]
            if hasattr(of, "classes_"):
                logs["val_accuracy"] = of._score_of(held_out.x, held_out.y, None)
        logs["lr"] = Rate(of._optimizer).lr
        logs["seconds"] = time.perf_counter() - self._start
        return logs

    def _take_parameters(self) -> None:
        """Go on with the arrays of the network: a hook may have put others into it."""
        params, layers = self._net.params, range(1, len(self._of.coefs_) + 1)
        self._net.core_layers()
        self._of.coefs_ = [params[f"W{k}"] for k in layers]
        self._of.intercepts_ = [params[f"b{k}"] for k in layers]


def network_of(estimator: Any, objective: Objective) -> MultiLayerNet:
    """The network of an estimator, with its arrays as parameters."""
    sizes = [each.shape[0] for each in estimator.coefs_]
    net = MultiLayerNet(
        sizes[0],
        sizes[1:],
        estimator.coefs_[-1].shape[1],
        estimator._activations(),
        0.0,
        loss=objective.loss,
        dtype=estimator.coefs_[0].dtype,
    )
    for k, (weights, biases) in enumerate(
        zip(estimator.coefs_, estimator.intercepts_, strict=True), 1
    ):
        net.params[f"W{k}"], net.params[f"b{k}"] = weights, biases
    return net
