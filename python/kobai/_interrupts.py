"""Ctrl-C between steps only: it never leaves a step half-done."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


class Interrupts:
    """Holds Ctrl-C back while a step is applied.

    As a context manager it takes over SIGINT where that is possible: in the main thread, when
    Python's own handler is in place. Elsewhere it does nothing.

    Attributes
    ----------
    cut_short : bool
        Whether a block that was to run whole was left by an exception.
    """

    def __init__(self) -> None:
        self.cut_short = False
        self._held = False
        self._pending = False
        self._previous: Any = None

    def __enter__(self) -> Interrupts:
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._held:
            self._pending = True
        else:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Run the block whole; a Ctrl-C during it is raised at its end."""
        self._held = True
        try:
            yield
        except BaseException:
            self.cut_short = True
            raise
        finally:
            self._held = False
        if self._pending:
            self._pending = False
            raise KeyboardInterrupt
