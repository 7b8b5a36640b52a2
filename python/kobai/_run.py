"""One training run: its steps, the accuracies between them and its checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from kobai._descent import Descent, InTheCore, StepByStep, can_run_in_core
from kobai._interrupts import Interrupts
from kobai._optimizers import SGD
from kobai._progress import progress_bar

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
        losses, batches = self._history.train_loss, self._batches
        # A run that was interrupted between a step and the accuracies after it lacks those.
        if len(self._history.train_acc) <= len(losses) // batches.steps_per_epoch:
            # Labels that name no class, wherever they stand, are found here, before any step.
            self._evaluate()
        descent = self._descent()
        running = None
        with progress_bar(
            self._total, initial=len(losses), shown=progress, unit="it", leave=False
        ) as bar:
            while (done := len(losses)) < self._total:
                drawn = batches.draw(min(descent.most(), self._total - done))
                descent.take(drawn, losses)
                for loss in losses[done:]:
                    running = running or loss
                    running += _RUNNING_SHARE * (loss - running)
                if bar.advance(len(drawn)):
                    bar.note(f"loss {running:.4f}")
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
