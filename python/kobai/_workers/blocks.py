"""Blocks of elements, and the work on one of them."""

from __future__ import annotations

import itertools
import os
import pickle
from collections.abc import Callable
from typing import Any

from kobai._difference import add_note


def cut(count: int, blocks: int) -> list[slice]:
    """``range(count)`` in at most so many slices, whose sizes differ by one at most."""
    blocks = max(1, min(blocks, count))
    ends = [count * i // blocks for i in range(blocks + 1)]
    return [slice(start, stop) for start, stop in itertools.pairwise(ends)]


class Remote:
    """`task` for another process: an exception that cannot travel becomes one that can.

    An exception travels as its class and arguments. One that cannot be made of them again would end
    the pool of processes instead of being raised.
    """

    def __init__(self, task: Callable[[Any], Any]) -> None:
        self._task, self._home = task, os.getpid()

    def __call__(self, block: Any) -> Any:
        """What the task makes of a block."""
        try:
            return self._task(block)
        except Exception as error:
            if os.getpid() == self._home or _travels(error):
                raise
            replaced = RuntimeError(f"f raised {type(error).__qualname__}: {error}")
            for note in getattr(error, "__notes__", ()):
                add_note(replaced, note)
            raise replaced from None


def _travels(error: Exception) -> bool:
    try:
        return type(pickle.loads(pickle.dumps(error))) is type(error)  # noqa: S301 - our own bytes
    except Exception:
        return False


def check_pickles(f: object, task: object) -> bytes:
    """The task as bytes; a TypeError that names `f` where it cannot be pickled."""
    try:
        return pickle.dumps(task, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        named = pickle_error(f)
        if named is None:
            raise
        raise named from error


def pickle_error(f: object) -> TypeError | None:
    """The error that says that `f` cannot be pickled, if that is so."""
    try:
        pickle.dumps(f)
    except Exception as cause:
        name = getattr(f, "__qualname__", type(f).__name__)
        return TypeError(
            f"f must be picklable to travel to other processes, but {name} is not ({cause}): "
            "define it with def at the top of a module, or use workers of threads, or of loky or "
            "Dask, which can send any function"
        )
    return None
