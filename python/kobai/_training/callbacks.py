"""The callbacks of a run: their hooks are called, and asked whether the run is to end."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

import numpy as np

from kobai._training.history import History
from kobai._training.interrupts import Interrupts
from kobai._validation import shown
from kobai.callbacks import Callback
from kobai.callbacks.callback import HOOKS, Logs
from kobai.callbacks.monitor import NEED_CLASSES, NEED_TEST_DATA, Monitor


def checked_callbacks(callbacks: object, *, has_test: bool, has_accuracy: bool) -> list[Any]:
    """The callbacks as a list, after checking that each is one and gets what it monitors.

    Raises
    ------
    TypeError
        If something is no callback.
    ValueError
        If one monitors what there is not.
    """
    if callbacks is None:
        return []
    if isinstance(callbacks, Callback):
        callbacks = [callbacks]
    if isinstance(callbacks, (str, bytes)) or not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks must be a list of callbacks, got {shown(callbacks)}")
    listed = list(callbacks)
    for k, callback in enumerate(listed):
        first = next(i for i, each in enumerate(listed) if each is callback)
        if first < k:
            raise ValueError(f"callbacks[{k}] is callbacks[{first}] again: write it once")
        if isinstance(callback, type):
            raise TypeError(
                f"callbacks[{k}] must be a callback, got the class {callback.__name__}: "
                f"write {callback.__name__}()"
            )
        if not any(callable(getattr(callback, hook, None)) for hook in HOOKS):
            raise TypeError(
                f"callbacks[{k}] must have one of the hooks {', '.join(HOOKS)}, "
                f"got {shown(callback)}"
            )
        _check_hooks(k, callback)
        if isinstance(callback, Monitor):
            wanted = callback.monitor
            if wanted in NEED_CLASSES and not has_accuracy:
                raise ValueError(
                    f"callbacks[{k}] monitors {wanted}, but the network has no accuracy"
                )
            if wanted in NEED_TEST_DATA and not has_test:
                raise ValueError(f"callbacks[{k}] monitors {wanted}, which needs x_test and t_test")
    return listed


def _check_hooks(k: int, callback: Any) -> None:
    """Raise a TypeError if a hook does not take what it will be called with, as far as it tells."""
    for name in HOOKS:
        if not _has_own(callback, name):
            continue
        wanted = ("epoch", "logs") if "epoch" in name else ("logs",)
        try:
            signature = inspect.signature(getattr(callback, name))
        except (TypeError, ValueError):  # some functions written in C
            continue
        try:
            signature.bind(*wanted, trainer=None, net=None, history=None)
        except TypeError as error:
            raise TypeError(
                f"callbacks[{k}].{name} must take ({', '.join(wanted)}, **kwargs): {error}"
            ) from None


class Hooks:
    """The callbacks of a run.

    Attributes
    ----------
    callbacks : list
        All of them.
    evaluations : int
        How often the network has been evaluated: before the first epoch, and after each.
    told : int
        How many of the callbacks with a state have been told of the epoch that was recorded last.
    logs : dict or None
        What they are told of that epoch, once it is known.
    is_stopped : bool
        Whether a hook has ended the run.
    """

    def __init__(self, trainer: Any, callbacks: list[Any], history: History) -> None:
        self._trainer = trainer
        self._history = history
        self.callbacks = callbacks
        self._begun: list[Any] = []
        self.logs: Logs | None = None
        self.told = len(with_state(callbacks))
        self.evaluations = 0
        self.is_stopped = False

    @property
    def exist(self) -> bool:
        return bool(self.callbacks)

    @property
    def are_waiting(self) -> bool:
        """Whether callbacks with a state are still to be told of the last epoch."""
        return self.told < len(with_state(self.callbacks))

    def note_recorded(self) -> None:
        """An epoch has been recorded, or what is known before the first."""
        self.evaluations += 1
        self.told = 0 if self._history.train_loss else len(with_state(self.callbacks))
        self.logs = None

    def stop_if(self, answer: object) -> None:
        """End the run if a hook has answered True: other values, such as numbers, end nothing."""
        if isinstance(answer, (bool, np.bool_)) and answer:
            self.is_stopped = True

    @property
    def names(self) -> list[str]:
        """The classes of the callbacks that have a state."""
        return [type(each).__name__ for each in with_state(self.callbacks)]

    def states(self) -> list[Any]:
        return [each.state_dict() for each in with_state(self.callbacks)]

    def have_own(self, hook: str) -> bool:
        """Whether a callback does anything in that hook."""
        return any(_has_own(callback, hook) for callback in self.callbacks)

    def begin_training(self, interrupts: Interrupts) -> None:
        for callback in self.callbacks:
            self._begun.append(callback)
            self._call(interrupts, callback, "on_train_begin", {})

    def begin_epoch(self, interrupts: Interrupts, epoch: int) -> None:
        for callback in self.callbacks:
            self._call(interrupts, callback, "on_epoch_begin", epoch, {})

    def end_epoch(self, interrupts: Interrupts, epoch: int, logs: Logs) -> None:
        """Tell the callbacks of the epoch that was recorded last.

        A resumed run may have told some of them: then only the others with a state are told.
        """
        # A copy: callbacks may change what they are given.
        self.logs = dict(logs)
        stateful = with_state(self.callbacks)
        waiting = stateful[self.told :]
        for callback in waiting if self.told else self.callbacks:
            has_state = any(callback is each for each in stateful)
            self._call(interrupts, callback, "on_epoch_end", epoch, logs, counts=has_state)

    def end_training(self, interrupts: Interrupts) -> None:
        """Tell all callbacks that were told of the beginning, even if one of them raises."""
        errors = []
        for callback in self._begun:
            try:
                self._call(interrupts, callback, "on_train_end", self.logs or {})
            except BaseException as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _call(
        self,
        interrupts: Interrupts,
        callback: Any,
        name: str,
        *arguments: Any,
        counts: bool = False,
    ) -> None:
        is_interruptible = getattr(callback, "is_interruptible", True)
        with nullcontext() if is_interruptible else interrupts.deferred():
            if _has_own(callback, name):
                hook: Callable[..., object] = getattr(callback, name)
                trainer, history = self._trainer, self._history
                answer = hook(*arguments, trainer=trainer, net=trainer.net, history=history)
                self.stop_if(answer)
            self.told += counts


def with_state(callbacks: list[Any]) -> list[Any]:
    """The callbacks whose state a checkpoint holds."""
    names = ("state_dict", "load_state_dict")
    return [each for each in callbacks if all(callable(getattr(each, n, None)) for n in names)]


def _has_own(callback: Any, hook: str) -> bool:
    """Whether a callback has a hook that is not the empty one of `Callback`."""
    method = getattr(callback, hook, None)
    return callable(method) and getattr(method, "__func__", None) is not vars(Callback)[hook]
