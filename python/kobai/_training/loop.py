"""A training run: its steps, what is recorded between epochs, callbacks and checkpoints."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable

from kobai._progress import progress_bar
from kobai._training.callbacks import Hooks
from kobai._training.checkpoint import CheckpointWriter
from kobai._training.dataset import Dataset
from kobai._training.evaluation import Evaluation, epoch_logs
from kobai._training.history import History, first_nonfinite
from kobai._training.interrupts import Interrupts
from kobai._training.network import check_again, make_writable
from kobai._training.optimizers import last_rate
from kobai._training.sampling import Batches
from kobai._training.steps import Stepper
from kobai._training.task import TrainingTask

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
        hooks: Hooks,
        writer: CheckpointWriter | None,
        on_epoch: Callable[[History], object] | None,
        evaluate_samples: int | None,
    ) -> None:
        self._current_task = current_task
        self._train, self._test = data
        self._history = history
        self._total = total
        self._batches = batches
        self._hooks = hooks
        self._writer = writer
        self._on_epoch = on_epoch
        self._evaluation = Evaluation(*data, evaluate_samples)
        self._interrupts = Interrupts()
        self._steps = Stepper(current_task, self._train, self._interrupts)
        self._is_finite = history.nonfinite_step is None
        self._epoch_start = time.perf_counter()

    def go(self, *, progress: bool) -> History:
        """Train until the end, until a hook ends it, or until something is raised.

        Then, too, the history and a last checkpoint are those of the last whole step.
        """
        make_writable(self._current_task().net)
        try:
            with self._interrupts:
                try:
                    try:
                        self._take_steps(progress=progress)
                    except BaseException:
                        self._write()
                        raise
                    self._write()
                finally:
                    self._hooks.end_training(self._interrupts)
        except KeyboardInterrupt:
            self._history.interrupted = True
            raise
        return self._history

    def _take_steps(self, *, progress: bool) -> None:
        self._begin()
        losses, batches = self._history.train_loss, self._batches
        running = None
        is_new_epoch = True
        with progress_bar(
            self._total, initial=len(losses), shown=progress, unit="it", leave=False
        ) as bar:
            while (done := len(losses)) < self._total and not self._hooks.is_stopped:
                if is_new_epoch:
                    self._begin_epoch(done // batches.steps_per_epoch)
                    is_new_epoch = False
                    continue
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
                    is_new_epoch = True

    def _begin(self) -> None:
        """Tell callbacks; then do what a run lacks that begins, or that ended before it could."""
        hooks, history = self._hooks, self._history
        hooks.begin_training(self._interrupts)
        if hooks.have_own("on_train_begin"):
            self._follow_changes()
        if hooks.is_stopped:
            return
        if hooks.evaluations <= len(history.train_loss) // self._batches.steps_per_epoch:
            self._evaluate()
        elif hooks.are_waiting:
            self._tell_epoch()

    def _begin_epoch(self, epoch: int) -> None:
        if self._hooks.have_own("on_epoch_begin"):
            self._hooks.begin_epoch(self._interrupts, epoch)
            self._follow_changes()
        self._epoch_start = time.perf_counter()

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
        """Record how the network does; tell callbacks and `on_epoch`, which may change anything."""
        scores = self._evaluation.scores(self._current_task().net)
        with self._interrupts.deferred():
            scores.add_to(self._history)
            self._hooks.note_recorded()
        self._tell_epoch()
        if self._on_epoch is not None:
            self._hooks.stop_if(self._on_epoch(self._history))
            self._follow_changes()

    def _tell_epoch(self) -> None:
        """Tell callbacks of the epoch that was recorded last, if one was."""
        epoch = self._hooks.evaluations - 2
        if epoch < 0 or not self._hooks.exist:
            return
        logs = self._hooks.logs
        if logs is None:
            seconds = time.perf_counter() - self._epoch_start
            lr = last_rate(self._current_task().optimizer)
            logs = epoch_logs(self._history, epoch, lr, seconds)
        self._hooks.end_epoch(self._interrupts, epoch, logs)
        self._follow_changes()

    def _follow_changes(self) -> None:
        """Look at what a hook may have changed: handlers of signals, the network, the data."""
        self._interrupts.renew()
        net = self._current_task().net
        make_writable(net)
        self._renew_data()
        check_again(net, self._train.given, ("x_train", "t_train"), self._train.weights)
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
            writer.write(self._current_task(), history, self._batches.state_at(steps))
            self._writer = writer
