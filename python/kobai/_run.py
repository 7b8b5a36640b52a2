"""One training run: its steps, the accuracies between them and its checkpoints."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from kobai._descent import Descent, InTheCore, StepByStep, can_run_in_core
from kobai._interrupts import Interrupts
from kobai._optimizers import SGD

if TYPE_CHECKING:
    from kobai._checkpoint import Keeper
    from kobai._sampling import Batches
    from kobai.training import History, Trainer

Data = tuple[npt.NDArray[Any], npt.NDArray[Any]]

# The share of the newest loss in the running mean that the progress bar shows.
_RUNNING_SHARE = 0.02


class Run:
    """Takes steps from where `history` ends until there are `total` of them."""

    def __init__(
        self,
        trainer: Trainer,
        data: tuple[Data, Data | None],
        history: History,
        total: int,
        batches: Batches,
        keeper: Keeper | None,
        on_epoch: Callable[[History], object] | None,
    ) -> None:
        self._trainer = trainer
        self._train, self._test = data
        self._history = history
        self._total = total
        self._batches = batches
        self._on_epoch = on_epoch
        self._keeper = keeper
        self._interrupts = Interrupts()

    def go(self, *, progress: bool) -> History:
        """Train until the end or Ctrl-C."""
        try:
            with self._interrupts:
                try:
                    self._take_steps(progress=progress)
                except KeyboardInterrupt:
                    self._history.interrupted = True
                self._keep()
        except KeyboardInterrupt:
            self._history.interrupted = True
        return self._history

    def _take_steps(self, *, progress: bool) -> None:
        from tqdm import tqdm

        losses, batches = self._history.train_loss, self._batches
        # A run that was interrupted between a step and the accuracies after it lacks those.
        if len(self._history.train_acc) <= len(losses) // batches.steps_per_epoch:
            # Labels that name no class, wherever they stand, are found here, before any step.
            self._evaluate()
        descent = self._descent()
        running = None
        with tqdm(
            total=self._total,
            initial=len(losses),
            unit="it",
            disable=None if progress else True,
            leave=False,
        ) as bar:
            while (done := len(losses)) < self._total:
                drawn = batches.draw(min(descent.most(), self._total - done))
                descent.take(drawn, losses)
                for loss in losses[done:]:
                    running = running or loss
                    running += _RUNNING_SHARE * (loss - running)
                if bar.update(len(drawn)):
                    bar.set_postfix_str(f"loss {running:.4f}", refresh=False)
                if batches.at_end_of_epoch:
                    self._end_epoch()

    def _end_epoch(self) -> None:
        self._evaluate()
        epochs = len(self._history.train_loss) // self._batches.steps_per_epoch
        if self._keeper is not None and epochs % self._keeper.every == 0:
            self._keep()

    def _evaluate(self) -> None:
        net, history = self._trainer.net, self._history
        train_acc = net.accuracy(*self._train)
        test_acc = None if self._test is None else net.accuracy(*self._test)
        with self._interrupts.held():
            history.train_acc.append(train_acc)
            if test_acc is not None:
                history.test_acc.append(test_acc)
        if self._on_epoch is not None:
            self._on_epoch(history)

    def _keep(self) -> None:
        """Write a checkpoint, unless there is nothing to keep, or a step of which only half is."""
        steps = len(self._history.train_loss)
        if self._keeper is None or steps == 0 or self._interrupts.cut_short:
            return
        with self._interrupts.held():
            self._keeper.keep(self._history, self._batches.state_at(steps))

    def _descent(self) -> Descent:
        trainer, optimizer = self._trainer, self._trainer.optimizer
        if type(optimizer) is SGD and can_run_in_core(trainer.net, *self._train):
            return InTheCore(trainer, optimizer, self._train, self._interrupts)
        return StepByStep(trainer, *self._train, self._interrupts)


def _renew_progress_lock() -> None:
    """Give tqdm a lock of this process: one that a thread of the parent held stays locked for ever.

    tqdm takes its lock for every bar, also for one that is not shown.
    """
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        tqdm.set_lock(threading.RLock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_progress_lock)
