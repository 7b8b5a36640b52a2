"""Progress bars: drawn where somebody looks, silent elsewhere, and never a reason to fail.

Somebody looks at a terminal, and at the output of a notebook's cell. Standard error may also be a
file, closed, without an `isatty`, or missing altogether, as in programs without a window.
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

    def advance(self, count: int) -> bool:
        """Go on by `count`; whether the bar was drawn anew."""
        if self._drawn is None:
            return False
        try:
            return bool(self._drawn.update(count))
        except Exception:
            self._give_up()
            return False

    def note(self, text: str) -> None:
        """Show `text` behind the bar from the next drawing on."""
        if self._drawn is not None:
            try:
                self._drawn.set_postfix_str(text, refresh=False)
            except Exception:
                self._give_up()

    def _give_up(self) -> None:
        """Draw no more: what it was drawn on has gone."""
        if self._drawn is not None:
            self._drawn.disable = True
            self._drawn = None


def progress_bar(total: int, *, initial: int = 0, shown: bool = True, **options: Any) -> Bar:
    """A bar of `total` steps, `initial` of which are behind it.

    Parameters
    ----------
    total, initial : int
        How many there are, and how many are done.
    shown : bool, default True
        Whether to draw it where somebody looks.
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
        # By way of the package, for it is the class that others may have replaced.
        from tqdm import tqdm

        return Bar(_without_thread(tqdm)(**options))
    except Exception:
        # A stream that answers as a terminal and is none.
        return Bar(None)


def _without_thread(bars: Any) -> Any:
    """The class of bars, but that it starts no thread to watch them, which would outlive them.

    That thread is for bars that wait for many more steps before they look at the time. Ours look at
    every step.
    """
    if not isinstance(bars, type):
        return bars
    return functools.partial(type(bars.__name__, (bars,), {"monitor_interval": 0}), miniters=1)


def _is_terminal() -> bool:
    try:
        return sys.stderr is not None and bool(sys.stderr.isatty())
    except Exception:  # no such method, closed, or a stream of somebody's own
        return False


def _is_notebook() -> bool:
    """Whether this is a kernel of Jupyter's, whose standard error is no terminal."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None:
        return False
    return "ipykernel.zmqshell" in sys.modules or "IPKernelApp" in getattr(shell, "config", ())


def _in_notebook(options: dict[str, Any]) -> Any | None:
    """The notebook's own bar; None where the kernel or what shows its output has no widgets.

    `tqdm.auto` chooses alike, but once a process, and warns where there are none.
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
    """Print a line to standard output, or to `stream`, above a bar that may stand on a terminal.

    It is there when this returns. What the stream's encoding lacks is written as an escape.

    Raises
    ------
    Exception
        If it cannot be written: what the stream raises. One that is missing or closed takes
        everything.
    """
    stream = sys.stdout if stream is None else stream
    if stream is None or getattr(stream, "closed", False):
        return
    # Where no bar was ever made, there is none to write above.
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)
    with contextlib.nullcontext() if tqdm is None else tqdm.external_write_mode(file=stream):
        try:
            stream.write(f"{text}\n")
        except UnicodeEncodeError:
            encoding = getattr(stream, "encoding", None) or "ascii"
            stream.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))
        # A stream of somebody's own may only take text.
        getattr(stream, "flush", lambda: None)()


def _renew_lock() -> None:
    """Give tqdm a lock of this process: one that a thread of the parent held stays locked for ever.

    tqdm takes its lock for every bar, also for one that is not shown.
    """
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        tqdm.set_lock(threading.RLock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
