"""The solvers "sgd" and "adam": epochs of steps that the core takes, many in one call."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning

from kobai import _core
from kobai._training.interrupts import Interrupts
from kobai.sklearn.callbacks import Watchers
from kobai.sklearn.data import HeldOut, TrainingData
from kobai.sklearn.messages import Messages
from kobai.sklearn.network import as_core_takes
from kobai.sklearn.objectives import Batches, Objective
from kobai.sklearn.rates import optimizer_of
from kobai.sklearn.rows import core_rows
from kobai.sklearn.stopping import Progress

Array = npt.NDArray[Any]

# The longest that one call of the core should last: Ctrl-C waits for its end.
_CALL_SECONDS = 0.1
# Multiplications a second of one slow core: until calls are measured, they are planned by it.
_FLOPS = 1e9
# More epochs in a call would not be faster; their orders of the samples would only take memory.
_MAX_EPOCHS = 64
_MAX_SAMPLES = 1 << 17

# The half-width of central differences.
_HALF_WIDTH = 1e-4


class Epochs:
    """Takes the steps of one fit, epoch after epoch, in place on the arrays of the estimator."""

    def __init__(
        self, estimator: Any, data: TrainingData, objective: Objective, interrupts: Interrupts
    ) -> None:
        self._of = estimator
        self._data = data
        self._objective = objective
        self._core_loss = objective.core_loss()
        # Floats of either type are read where they stand.
        self._x = core_rows(data.x, data.x.dtype)
        self._interrupts = interrupts
        self._sizes = batch_sizes(estimator.batch_size, len(data.rows))
        self._order = np.arange(len(data.rows))
        self._difference = None if estimator.gradient == "backprop" else (_HALF_WIDTH, "auto")
        self._activations = estimator._activations()
        # What a numerical gradient costs is known once one has been measured.
        self._steps_a_call = 1
        if self._difference is None:
            flops = 6 * int(self._sizes[0]) * sum(each.size for each in estimator.coefs_)
            self._steps_a_call = max(1, int(_CALL_SECONDS * _FLOPS / flops))

    def take(self, most: float) -> list[float]:
        """Take the steps of the next epochs, at most so many; their losses, as they are reported.

        There are several epochs only where one call of the core takes them. Handlers of signals,
        which the caller defers, run between the calls of a longer epoch.
        """
        samples, sizes = len(self._order), self._sizes
        room = min(self._steps_a_call // len(sizes), _MAX_SAMPLES // samples, _MAX_EPOCHS)
        count = int(min(most, max(room, 1)))
        order = np.concatenate([self._next_order() for _ in range(count)])
        ends = [self._of.t_ + samples * k for k in range(1, count)]
        losses = np.concatenate([*self._calls(Batches(order, np.tile(sizes, count)), ends)])
        return [float(each @ sizes) / samples for each in losses.reshape(count, -1)]

    def _calls(self, steps: Batches, ends: Sequence[int]) -> Iterator[Array]:
        """Take the steps, as many in each call as the time of a call allows."""
        first = start = 0
        while first < len(steps.sizes):
            if first > 0:
                self._interrupts.run_pending()
            sizes = steps.sizes[first : first + self._steps_a_call]
            samples = steps.samples[start : start + int(sizes.sum())]
            yield self._call(Batches(samples, sizes), ends)
            first, start = first + len(sizes), start + len(samples)

    def _next_order(self) -> npt.NDArray[np.int64]:
        """The samples in the order of the next epoch: shuffled with scikit-learn's draws."""
        if self._of.shuffle:
            places = np.arange(len(self._order))
            self._of._random_state.shuffle(places)
            self._order = self._order[places]
        rows = self._data.rows
        return self._order if len(rows) == len(self._data.t) else rows[self._order]

    def _call(self, steps: Batches, ends: Sequence[int]) -> Array:
        """Take the steps in one call; the losses of their batches, as they are reported.

        Within them, epochs end after `ends` samples of all that have been seen.
        """
        of, data = self._of, self._data
        optimizer = of._optimizer
        count = len(steps.sizes)
        before = time.perf_counter()
        losses, penalties = _core.network_train(
            as_core_takes(of.coefs_, of.intercepts_, self._activations, self._core_loss),
            self._x,
            data.t,
            data.weights,
            *steps,
            optimizer.core_name,
            optimizer.scalars(count, ends),
            self._weight_decays(steps),
            optimizer.states,
            self._difference,
        )
        optimizer.note_steps(count)
        a_step = (time.perf_counter() - before) / count
        self._steps_a_call = max(1, int(_CALL_SECONDS / a_step))
        return self._objective.reported(losses, penalties, steps, data.weights)

    def _weight_decays(self, steps: Batches) -> Array:
        """What each batch weighs the squares of the weights by: `alpha`, a sample of the batch."""
        if self._data.weights is None:
            return np.asarray(self._of.alpha / steps.sizes)
        totals = steps.sums(self._data.weights)
        shares: Array = np.zeros(len(totals))
        with np.errstate(over="ignore"):
            np.divide(self._of.alpha, totals, out=shares, where=totals > 0)
        return np.asarray(np.minimum(shares, np.finfo(shares.dtype).max))


def batch_sizes(batch_size: int | str, samples: int) -> npt.NDArray[np.int64]:
    """How many samples each step of an epoch takes; the last one takes what is left."""
    if batch_size == "auto":
        size = min(200, samples)
    else:
        if int(batch_size) > samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than "
                "sample size. It is going to be clipped",
                stacklevel=2,
            )
        size = min(int(batch_size), samples)
    sizes = np.full(-(-samples // size), size)
    sizes[-1] = samples - size * (len(sizes) - 1)
    return sizes


def fit_stochastic(
    estimator: Any, data: TrainingData, objective: Objective, *, incremental: bool
) -> None:
    """Train by epochs until nothing improves, or `max_iter` of them; one epoch if `incremental`.

    Ctrl-C ends the training after the last whole call of the core, with a warning.
    """
    of = estimator
    if not incremental or not hasattr(of, "_optimizer"):
        pairs = zip(of.coefs_, of.intercepts_, strict=True)
        of._optimizer = optimizer_of(of, list(chain.from_iterable(pairs)))
    held_out = HeldOut(data, objective) if of.early_stopping else None
    interrupts = Interrupts()
    epochs = Epochs(of, data, objective, interrupts)
    messages = Messages(of.verbose, 1 if incremental else of.max_iter)
    watchers = Watchers(of, data, objective, held_out, interrupts)
    progress = Progress(of)
    is_watched = incremental or of.early_stopping or of.verbose or of.callbacks is not None
    of.n_iter_ = 0
    try:
        with interrupts, messages, watchers:
            while not watchers.are_done and of.n_iter_ < of.max_iter:
                watchers.begin_epoch(of.n_iter_)
                most = 1 if is_watched else progress.epochs_to_a_stall
                with interrupts.deferred():
                    for loss in epochs.take(min(most, of.max_iter - of.n_iter_)):
                        _record(of, loss, len(data.rows))
                        _judge(of, progress, held_out, messages)
                        of._optimizer.end_epoch(of.t_)
                watchers.end_epoch(of.n_iter_ - 1)
                if progress.is_stalled:
                    is_over, what_now = of._optimizer.stop_or_slow_down()
                    messages.say(f"{progress.complaint()} {what_now}")
                    if is_over:
                        break
                    of._no_improvement_count = 0
                if incremental:
                    break
                if of.n_iter_ == of.max_iter:
                    warnings.warn(
                        f"Stochastic Optimizer: Maximum iterations ({of.max_iter}) "
                        "reached and the optimization hasn't converged yet.",
                        ConvergenceWarning,
                        stacklevel=2,
                    )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
    if held_out is not None:
        of.coefs_, of.intercepts_ = of._best_coefs, of._best_intercepts


def _record(estimator: Any, loss: float, samples: int) -> None:
    estimator.n_iter_ += 1
    estimator.loss_ = loss
    estimator.t_ += samples
    estimator.loss_curve_.append(loss)


def _judge(
    estimator: Any, progress: Progress, held_out: HeldOut | None, messages: Messages
) -> None:
    """Look whether the epoch has improved anything, and tell it."""
    of = estimator
    messages.epoch(of.n_iter_, of.loss_, of._optimizer.learning_rate)
    if held_out is None:
        progress.note_loss(of.loss_)
        return
    loss = of._held_out_loss(held_out)
    score = -loss if of.scoring == "loss" else float(of._held_out_score(held_out))
    of.validation_loss_curve_.append(loss)
    of.validation_scores_.append(score)
    messages.score(score)
    progress.note_score(score)
