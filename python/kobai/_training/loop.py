"""A training run: its steps, the accuracies between them, and its checkpoints."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

from kobai._progress import progress_bar
from kobai._training.checkpoint import CheckpointWriter
from kobai._training.dataset import Dataset
from kobai._training.history import History, first_nonfinite
from kobai._training.interrupts import Interrupts
from kobai._training.network import check_again, make_writable
from kobai._training.sampling import Batches
from kobai._training.steps import Stepper
from kobai._training.task import TrainingTask
from kobai._validation import real_number

# The share of the newest loss in the running mean that the progress bar shows.
_RUNNING_SHARE = 0.02

# The number of frames from the warning up to the line that called `fit` or `resume`.
_TO_THE_CALLER = 6


class Run:
    """Takes steps from where `history` ends until there are `total` of them."""

    def __init__(
        self,
        current_task: Callable[[], TrainingTask],
        data: tuple[Dataset, Dataset | None],
        history: History,
        total: int,
        batches: Batches,
        writer: CheckpointWriter | None,
        on_epoch: Callable[[History], object] | None,
    ) -> None:
        self._current_task = current_task
        self._train, self._test = data
        self._history = history
        self._total = total
        self._batches = batches
        self._writer = writer
        self._on_epoch = on_epoch
        self._interrupts = Interrupts()
        self._steps = Stepper(current_task, self._train, self._interrupts)
        self._is_finite = history.nonfinite_step is None

    def go(self, *, progress: bool) -> History:
        """Train until the end, or until something is raised.

        Then, too, the history and a last checkpoint are those of the last whole step.
        """
        make_writable(self._current_task().net)
        try:
            with self._interrupts:
                try:
                    self._take_steps(progress=progress)
                except BaseException:
                    self._write()
                    raise
                self._write()
        except KeyboardInterrupt:
            self._history.interrupted = True
            raise
        return self._history

    def _take_steps(self, *, progress: bool) -> None:
        losses, batches = self._history.train_loss, self._batches
        # A run that was interrupted between a step and the accuracies after it lacks those.
        if len(self._history.train_acc) <= len(losses) // batches.steps_per_epoch:
            self._evaluate()
        running = None
        with progress_bar(
            self._total, initial=len(losses), shown=progress, unit="it", leave=False
        ) as bar:
            while (done := len(losses)) < self._total:
                drawn = batches.draw(min(self._steps.plan(), self._total - done))
                self._steps.take(drawn, losses)
                for loss in losses[done:]:
                    running = loss if running is None else running
                    running += _RUNNING_SHARE * (loss - running)
                if self._is_finite and running is not None and not math.isfinite(running):
                    self._warn_if_not_finite(done)
                if bar.advance(len(drawn)):
                    bar.note(f"loss {running:.4f}")
                if batches.at_end_of_epoch:
                    self._end_epoch()

    def _warn_if_not_finite(self, start: int) -> None:
        step = first_nonfinite(self._history.train_loss, start)
        if step is None:
            return
        self._is_finite = False
        try:
            warnings.warn(
                f"the loss of step {step} (counted from 0) is {self._history.train_loss[step]}: "
                "training goes on, but the parameters may be lost; a smaller lr may help",
                RuntimeWarning,
                stacklevel=_TO_THE_CALLER,
            )
        except RuntimeWarning:
            # If warnings are errors, keep the last checkpoint, whose losses are finite.
            self._writer = None
            raise

    def _end_epoch(self) -> None:
        if self._steps.may_run_user_code:
            self._renew_data()
        self._evaluate()
        epochs = len(self._history.train_loss) // self._batches.steps_per_epoch
        if self._writer is not None and epochs % self._writer.every == 0:
            self._write()

    def _evaluate(self) -> None:
        net, history = self._current_task().net, self._history
        params = net.params.values()
        train_acc = real_number("accuracy", net.accuracy(*self._train.arrays(params)))
        test_acc = None
        if self._test is not None:
            test_acc = real_number("accuracy", net.accuracy(*self._test.arrays(params)))
        with self._interrupts.deferred():
            history.train_acc.append(train_acc)
            if test_acc is not None:
                history.test_acc.append(test_acc)
        if self._on_epoch is not None:
            self._on_epoch(history)
            self._follow_changes()

    def _follow_changes(self) -> None:
        """Look at what `on_epoch` may have changed: handlers of signals, the network, the data."""
        self._interrupts.renew()
        net = self._current_task().net
        make_writable(net)
        self._renew_data()
        check_again(net, self._train.given, ("x_train", "t_train"))
        if self._test is not None:
            check_again(net, self._test.given, ("x_test", "t_test"))

    def _renew_data(self) -> None:
        self._train.renew()
        if self._test is not None:
            self._test.renew()

    def _write(self) -> None:
        """Write a checkpoint, unless there is no step, or an optimizer failed during its update."""
        history, writer = self._history, self._writer
        steps = len(history.train_loss)
        if writer is None or steps == 0 or not self._steps.is_whole:
            return
        with self._interrupts.deferred():
            # If this one cannot be written, no other is tried.
            self._writer = None
            writer.write(
                self._current_task(),
                (history.train_loss, history.train_acc, history.test_acc),
                self._batches.state_at(steps),
            )
            self._writer = writer
