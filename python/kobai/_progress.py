"""Progress bars: drawn on a terminal and in a notebook, silent elsewhere, and never an error.

Standard error may also be a file, closed, without an `isatty`, or None, as in programs without a
console.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
from types import TracebackType
from typing import Any


class Bar:
    """A progress bar, as a context manager; `progress_bar` makes it."""

    def __init__(self, drawn: Any | None) -> None:
        self._drawn = drawn

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        drawn, self._drawn = self._drawn, None
        if drawn is not None:
            try:
                drawn.close()
            except Exception:
                drawn.disable = True

    @property
    def is_drawn(self) -> bool:
        """Whether it is seen."""
        return self._drawn is not None

    def advance(self, count: int) -> bool:
        """Advance by `count`; returns whether the bar was redrawn."""
        if self._drawn is None:
            return False
        try:
            return bool(self._drawn.update(count))
        except Exception:
            self._give_up()
            return False

    def note(self, text: str) -> None:
        """Show `text` after the bar, from the next time it is drawn."""
        if self._drawn is not None:
            try:
                self._drawn.set_postfix_str(text, refresh=False)
            except Exception:
                self._give_up()

    def _give_up(self) -> None:
        """Stop drawing, after the stream has failed."""
        if self._drawn is not None:
            self._drawn.disable = True
            self._drawn = None


def progress_bar(total: int, *, initial: int = 0, shown: bool = True, **options: Any) -> Bar:
    """A bar of `total` steps, `initial` of which are done.

    Parameters
    ----------
    total, initial : int
        How many there are, and how many are done.
    shown : bool, default True
        Whether to draw it, if standard error is a terminal or this is a notebook.
    **options
        What else `tqdm.tqdm` takes: `unit`, `desc`, `leave`, ...
    """
    options |= {"total": total, "initial": initial}
    try:
        if shown and _is_notebook():
            bar = _in_notebook(options)
            if bar is not None:
                return Bar(bar)
        if not (shown and (_is_notebook() or _is_terminal())):
            return Bar(None)
        # From the package, where programs replace the class to change all bars.
        from tqdm import tqdm

        return Bar(_without_thread(tqdm)(**options))
    except Exception:
        # The stream says that it is a terminal, but does not behave as one.
        return Bar(None)


def _without_thread(bars: Any) -> Any:
    """A subclass of `bars` that does not start tqdm's monitor thread, which would outlive the bar.

    The thread serves bars that look at the time only every so many steps. Ours look at every step.
    """
    if not isinstance(bars, type):
        return bars
    return functools.partial(type(bars.__name__, (bars,), {"monitor_interval": 0}), miniters=1)


def _is_terminal() -> bool:
    try:
        return sys.stderr is not None and bool(sys.stderr.isatty())
    except Exception:  # closed, or an object without such a method
        return False


def _is_notebook() -> bool:
    """Whether this is a Jupyter kernel, whose standard error is no terminal."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None:
        return False
    return "ipykernel.zmqshell" in sys.modules or "IPKernelApp" in getattr(shell, "config", ())


def _in_notebook(options: dict[str, Any]) -> Any | None:
    """Tqdm's bar for notebooks; None if the kernel or its front end has no widgets.

    `tqdm.auto` makes the same choice, but once a process, and warns if there are no widgets.
    """
    if any(name == "QT_API" or name.startswith("SPYDER") for name in os.environ):
        return None
    try:
        from tqdm import notebook

        has_widgets = getattr(notebook, "IProgress", None) is not None
        return _without_thread(notebook.tqdm_notebook)(**options) if has_widgets else None
    except Exception:
        return None


def write_line(text: str, stream: Any | None = None) -> None:
    """Print a line to standard output, or to `stream`, above a bar if there is one, and flush.

    Characters that the stream's encoding lacks are written as escapes. If the stream is None or
    closed, nothing happens.

    Raises
    ------
    Exception
        Whatever the stream raises.
    """
    stream = sys.stdout if stream is None else stream
    if stream is None or getattr(stream, "closed", False):
        return
    # If tqdm was never imported, there is no bar.
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)
    with contextlib.nullcontext() if tqdm is None else tqdm.external_write_mode(file=stream):
        try:
            stream.write(f"{text}\n")
        except UnicodeEncodeError:
            encoding = getattr(stream, "encoding", None) or "ascii"
            stream.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))
        # An object in the place of a stream may have no flush.
        getattr(stream, "flush", lambda: None)()


def _renew_lock() -> None:
    """Give tqdm a new lock: a lock that a thread of the parent held would never be released.

    tqdm takes its lock for every bar, also for one that is not shown.
    """
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        tqdm.set_lock(threading.RLock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
