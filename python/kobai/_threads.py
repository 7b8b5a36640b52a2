"""The threads of the core: their number, and their end before a fork or at exit."""

from __future__ import annotations

import atexit
import os
import sys
import warnings
from typing import SupportsIndex

from kobai import _core
from kobai._validation.messages import shown
from kobai._validation.scalars import integer


def num_threads() -> int:
    """Return the number of threads computations use.

    Returns
    -------
    int
        The number that `set_num_threads` has set, else that of the first of the environment
        variables `RAYON_NUM_THREADS`, `KOBAI_NUM_THREADS` and `OMP_NUM_THREADS` that sets one,
        else the number of cores this process may use, as its affinity and the quota of a container
        have it; fewer, once threads have been started, where the system grants no more.

    Examples
    --------
    >>> import kobai
    >>> kobai.num_threads() >= 1
    True
    """
    return _core.num_threads()


def set_num_threads(threads: SupportsIndex) -> None:
    """Set the number of threads computations use.

    Results do not depend on it. Threads are started when a computation is first worth them. Before
    a fork they end, and start again when needed, as many in the parent as in the child.

    Parameters
    ----------
    threads : int
        1 to 1024, the calling thread among them, or 0 for the default: what the environment
        says, see `num_threads`, else one a core.

    Raises
    ------
    TypeError
        If `threads` is no integer; a bool is none.
    ValueError
        If `threads` is negative or above 1024.

    Examples
    --------
    >>> import kobai
    >>> kobai.set_num_threads(2)
    >>> kobai.num_threads()
    2
    >>> kobai.set_num_threads(0)
    """
    if isinstance(threads, bool):
        raise TypeError(f"threads must be an integer, got {threads}")
    count = integer("threads", threads)
    if not 0 <= count <= _core.MAX_THREADS:
        raise ValueError(
            f"threads must lie in 1..{_core.MAX_THREADS}, or be 0 for the default, "
            f"got {shown(count)}"
        )
    _core.set_num_threads(count)


class _AfterExitHooks:
    """Closes the core after all exit hooks have run, the last moment before the interpreter ends.

    Only the registry of exit hooks refers to this object, and drops it when all hooks have run. So
    any program's exit hook, whenever it was registered, can still wait for a thread that computes.
    """

    def __del__(self) -> None:
        # `multiprocessing` also empties the registry, in children that go on. When the interpreter
        # empties it at its end, no Python code is running: there is no calling frame.
        if sys._getframe().f_back is None:  # noqa: SLF001
            _core.close()


def _nothing(_: object) -> None:
    """An exit hook that does nothing; its argument lives until all hooks have run."""


atexit.register(_nothing, _AfterExitHooks())

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_core.before_fork,
        after_in_parent=_core.after_fork_in_parent,
        after_in_child=_core.after_fork_in_child,
    )

_complaint = _core.thread_count_complaint()
if _complaint is not None:
    warnings.warn(_complaint, RuntimeWarning, stacklevel=3)
