"""Standard output and standard error, whose failure does not end the command."""

from __future__ import annotations

import contextlib
import errno
import os
import sys

from kobai._progress import write_line
from kobai.cli.layout import printable


class Output:
    """Prints lines to standard output, until it fails or its reader leaves.

    Attributes
    ----------
    quiet : bool
        Whether only lines marked `always` are printed.
    failure : str or None
        Why lines were lost, except that the reader has left.
    """

    def __init__(self) -> None:
        self.quiet = False
        self.failure: str | None = None
        self._is_over = False

    def line(self, text: str = "", *, always: bool = False) -> None:
        """Print a line; with `quiet`, only if `always`."""
        if not self._is_over and (always or not self.quiet):
            try:
                write_line(text)
            except Exception as error:
                self._end(error)

    def close(self) -> None:
        """Flush, so that nothing is left that could fail when the interpreter ends."""
        try:
            if not getattr(sys.stdout, "closed", True):
                sys.stdout.flush()
        except Exception as error:
            self._end(error)

    def _end(self, error: Exception) -> None:
        self._is_over = True
        if not _has_left(error):
            self.failure = self.failure or str(getattr(error, "strerror", None) or error)
        # At its end, the interpreter would try, and fail, to flush what is still buffered.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            try:
                os.dup2(nowhere, sys.stdout.fileno())
            finally:
                os.close(nowhere)


def _has_left(error: Exception) -> bool:
    """Whether the reader of a pipe has left; Windows calls that an invalid argument."""
    code = getattr(error, "errno", None)
    return code == errno.EPIPE or (os.name == "nt" and code == errno.EINVAL)


def complain(text: str) -> None:
    """Print one line to standard error, if there is one."""
    if sys.stderr is not None:
        with contextlib.suppress(Exception):
            write_line(printable(" ".join(text.split())), sys.stderr)
