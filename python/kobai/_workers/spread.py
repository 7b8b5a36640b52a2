"""Who computes the blocks: this process, a pool of ours, a map of the user's, or joblib."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kobai._progress import progress_bar
from kobai._validation import integer
from kobai._workers.blocks import Remote, check_pickles, cut, pickle_error
from kobai._workers.pool import ProcessPool

# So many blocks for each worker, so that all end at about the same time; and for a map, of which it
# is not known how many workers it has.
_BLOCKS_PER_WORKER = 4
_BLOCKS_OF_A_MAP = 32

# A progress bar appears after so many seconds.
_SHOW_AFTER = 2.0


@dataclass(frozen=True)
class Workers:
    """Who computes blocks.

    Attributes
    ----------
    count : int
        How many processes; 1 for this one, 0 for a map.
    map : callable, optional
        ``map(function, iterable)``.
    """

    count: int
    map: Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]] | None = None

    @property
    def is_this_process(self) -> bool:
        """Whether nothing is to be spread."""
        return self.map is None and self.count == 1

    def blocks(self, count: int) -> list[slice]:
        """``range(count)`` in blocks."""
        per_map = _BLOCKS_OF_A_MAP if self.map else _BLOCKS_PER_WORKER * self.count
        return cut(count, per_map)

    def results(
        self, f: object, task: Callable[[Any], Any], blocks: Sequence[Any], sizes: Sequence[int]
    ) -> list[Any]:
        """What `task` makes of each block; errors that say it cannot travel name `f`.

        `sizes` are the numbers of elements of the blocks, for the progress bar.
        """
        found: list[Any] = [None] * len(blocks)
        options: dict[str, Any] = {"unit": "element", "leave": False, "delay": _SHOW_AFTER}
        results = contextlib.closing(self._as_they_come(f, Remote(task), blocks))
        with progress_bar(sum(sizes), **options) as bar, results as numbered:
            for i, result in numbered:
                found[i] = result
                bar.advance(sizes[i])
        return found

    def _as_they_come(
        self, f: object, task: Remote, blocks: Sequence[Any]
    ) -> Generator[tuple[int, Any], None, None]:
        if self.map is None:
            count = min(self.count, len(blocks))
            with ProcessPool(check_pickles(f, task), count) as pool:
                yield from pool.results(blocks)
            return
        try:
            yield from enumerate(self.map(task, blocks))
        except Exception as error:
            # Each pool has its own error for this.
            is_of_pickle = "pickle" in f"{type(error).__name__} {error}".lower()
            named = pickle_error(f) if is_of_pickle else None
            if named is None:
                raise
            raise named from error


def workers_of(workers: Any) -> Workers:
    """Who computes, by the argument `workers`, as SciPy has it.

    An int is a number of processes, -1 as many as there are cores; None is what
    `joblib.parallel_config` says, if there is such a context; a callable is like `map`.
    """
    if workers is None:
        return _of_joblib()
    if callable(workers):
        return Workers(0, workers)
    if isinstance(workers, bool) or not hasattr(workers, "__index__"):
        raise TypeError(
            "workers must be a number of processes, a function like map, such as pool.map or "
            f"executor.map, or None, got {type(workers).__name__}"
        )
    count = integer("workers", workers)
    if count == -1:
        return Workers(_cores())
    if count < 1:
        raise ValueError(f"workers must be at least 1, or -1 for all cores, got {count}")
    return Workers(count)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _of_joblib() -> Workers:
    joblib = sys.modules.get("joblib")
    if joblib is None or joblib.effective_n_jobs(None) == 1:
        return Workers(1)

    def mapped(function: Callable[[Any], Any], blocks: Iterable[Any]) -> Iterable[Any]:
        results: list[Any] = joblib.Parallel()(joblib.delayed(function)(block) for block in blocks)
        return results

    return Workers(0, mapped)
