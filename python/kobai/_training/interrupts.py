"""Signals that wait for the end of a step, whoever handles them."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any]

# The signals by which a program is told to stop, or that its time is up. Others are left to those
# who handle them: a profiler wants its clock's at once.
_NAMES = (
    "SIGINT",
    "SIGBREAK",
    "SIGTERM",
    "SIGHUP",
    "SIGQUIT",
    "SIGALRM",
    "SIGXCPU",
    "SIGUSR1",
    "SIGUSR2",
)
_SIGNALS = tuple(int(getattr(signal, name)) for name in _NAMES if hasattr(signal, name))

# The function behind `signal.getsignal`, which makes an enumeration of what is no function: it is
# asked at every step.
_handler_of: Callable[[int], Any] = getattr(signal.getsignal, "__wrapped__", signal.getsignal)


class Interrupts:
    """Defers what handlers of signals do while a step is applied.

    As a context manager, and where signals can be handled (in the main thread), it wraps the
    handlers that are Python functions: Python's own of SIGINT, which raises KeyboardInterrupt, and
    the program's of the signals above. A wrapped handler runs at once, but within `deferred`, where
    it runs at the end; what it raises arrives there. Handlers that are installed meanwhile are
    wrapped when `renew` or `deferred` comes upon them, and stay when this is left.
    """

    def __init__(self) -> None:
        self._deferring = False
        self._pending: dict[int, tuple[Handler, FrameType | None]] = {}
        self._wrappers: dict[int, Handler] = {}
        # What each wrapper of this one wraps: by its identity, as handlers need not be hashable.
        self._wrapped: dict[int, tuple[Handler, Any]] = {}

    def __enter__(self) -> Interrupts:
        try:
            self.renew()
        except BaseException:
            self._restore()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()
        self._run_pending()

    def renew(self) -> None:
        """Wrap the handlers that are in place now."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._wrap(number)

    def deferred(self) -> Deferred:
        """A context manager: its block runs whole, signals during it are handled at its end."""
        for number, wrapper in self._wrappers.items():
            if _handler_of(number) is not wrapper:
                self._wrap(number)
        return Deferred(self)

    def begin(self) -> None:
        """Defer from now on."""
        self._deferring = True

    def end(self) -> None:
        """Handle what has been deferred, and what comes from now on at once."""
        self._deferring = False
        self._run_pending()

    def _wrap(self, number: int) -> None:
        handler = _handler_of(number)
        if not callable(handler) or id(handler) in self._wrapped:
            return

        def wrapper(number: int, frame: FrameType | None) -> Any:
            if self._deferring:
                # As signals themselves: one that comes again while it waits comes once.
                self._pending.setdefault(number, (handler, frame))
                return None
            return handler(number, frame)

        self._wrapped[id(wrapper)] = wrapper, handler
        # An interpreter that is not the main one must leave signals alone.
        with contextlib.suppress(ValueError):
            signal.signal(number, wrapper)
            self._wrappers[number] = wrapper

    def _run_pending(self) -> None:
        while self._pending:
            number = next(iter(self._pending))
            handler, frame = self._pending.pop(number)
            handler(number, frame)

    def _restore(self) -> None:
        """Put back what was wrapped, where a wrapper is still in place."""
        for number in self._wrappers:
            handler = original = _handler_of(number)
            while id(original) in self._wrapped:
                original = self._wrapped[id(original)][1]
            if original is not handler:
                signal.signal(number, original)
        self._wrappers.clear()


class Deferred:
    """A block within which signals wait."""

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts

    def __enter__(self) -> None:
        self._interrupts.begin()

    def __exit__(self, *_: object) -> None:
        self._interrupts.end()
