"""Delays the handlers of signals until the end of a step."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any]

# The signals that tell a program to stop, or that its time is up. Others are not delayed: a
# profiler needs those of its clock at once.
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

# The function behind `signal.getsignal`, without its slow conversion to an enumeration: it is
# called at every step.
_handler_of: Callable[[int], Any] = getattr(signal.getsignal, "__wrapped__", signal.getsignal)


class Interrupts:
    """Defers the handlers of signals while a step is applied.

    As a context manager, in the main thread, it wraps the handlers of the signals above that are
    Python functions, such as Python's handler of SIGINT, which raises KeyboardInterrupt. A wrapped
    handler runs at once, except within `deferred`: there it runs, and raises, at the end. Handlers
    that are installed meanwhile are wrapped by the next `renew` or `deferred`, and stay installed
    when this context ends.
    """

    def __init__(self) -> None:
        self._deferring = False
        self._pending: dict[int, tuple[Handler, FrameType | None]] = {}
        self._wrappers: dict[int, Handler] = {}
        # Each wrapper with the handler it wraps, by identity, as handlers need not be hashable.
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
        self.run_pending()

    def renew(self) -> None:
        """Wrap the handlers that are installed now."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._wrap(number)

    def deferred(self) -> Deferred:
        """A context manager whose block is not interrupted: handlers run at its end."""
        for number, wrapper in self._wrappers.items():
            if _handler_of(number) is not wrapper:
                self._wrap(number)
        return Deferred(self)

    def begin(self) -> None:
        """Defer from now on."""
        self._deferring = True

    def end(self) -> None:
        """Run the deferred handlers, and later ones at once."""
        self._deferring = False
        self.run_pending()

    def run_pending(self) -> None:
        """Run the handlers that wait; the next ones wait again, if handlers are deferred."""
        while self._pending:
            number = next(iter(self._pending))
            handler, frame = self._pending.pop(number)
            handler(number, frame)

    def _wrap(self, number: int) -> None:
        handler = _handler_of(number)
        if not callable(handler) or id(handler) in self._wrapped:
            return

        def wrapper(number: int, frame: FrameType | None) -> Any:
            if self._deferring:
                # A signal that comes twice while it waits is handled once, as in the system.
                self._pending.setdefault(number, (handler, frame))
                return None
            return handler(number, frame)

        self._wrapped[id(wrapper)] = wrapper, handler
        # In a subinterpreter, signal.signal raises a ValueError.
        with contextlib.suppress(ValueError):
            signal.signal(number, wrapper)
            self._wrappers[number] = wrapper

    def _restore(self) -> None:
        """Install the original handlers again, where a wrapper is still installed."""
        for number in self._wrappers:
            handler = original = _handler_of(number)
            while id(original) in self._wrapped:
                original = self._wrapped[id(original)][1]
            if original is not handler:
                signal.signal(number, original)
        self._wrappers.clear()


class Deferred:
    """A block within which handlers of signals wait."""

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts

    def __enter__(self) -> None:
        self._interrupts.begin()

    def __exit__(self, *_: object) -> None:
        self._interrupts.end()
