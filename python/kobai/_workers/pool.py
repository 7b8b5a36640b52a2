"""A pool of processes that is gone when it is left, whatever happens.

`multiprocessing.Pool` waits for ever for a worker that was killed, and `ProcessPoolExecutor` waits
at its end for those that still compute. Here each worker has a pipe of its own, and the calling
thread waits for all pipes and for the ends of the processes at once.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType, TracebackType
from typing import Any

# How long to wait at a time, in seconds: a Ctrl-C that comes just before is seen only after it.
_GLANCE = 0.1

# How long a worker may take to end once there is no more work, in seconds.
_PATIENCE = 1.0


class WorkerError(RuntimeError):
    """A worker process ended before it had done its work."""


class _RemoteTraceback(Exception):  # noqa: N818 - it is no error, but where one was raised
    """Where an exception was raised in another process."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._text = text

    def __str__(self) -> str:
        return f"\n{self._text}"


class ProcessPool:
    """So many processes that know a task, given as bytes; a context manager.

    On leaving, the processes end: at once where there was an exception.
    """

    def __init__(self, task: bytes, count: int) -> None:
        self._task, self._count = task, count
        self._processes: list[BaseProcess] = []
        self._pipes: list[Connection] = []

    def __enter__(self) -> ProcessPool:
        context = multiprocessing.get_context()
        is_fork = context.get_start_method() == "fork"
        try:
            for _ in range(self._count):
                ours, theirs = context.Pipe()
                self._pipes.append(ours)
                # A forked process has copies of our ends, which would keep pipes from ending.
                inherited = [*self._pipes] if is_fork else []
                process = context.Process(
                    target=_serve, args=(theirs, self._task, inherited), daemon=True
                )
                with _no_interrupt():
                    process.start()
                    self._processes.append(process)
                theirs.close()
        except BaseException:
            self._end(at_once=True)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end(at_once=kind is not None)

    def results(self, blocks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Number and result of each block, as they come.

        Raises the exception of a task, with its own traceback as the cause, and `WorkerError`.
        """
        waiting = iter(enumerate(blocks))
        busy: dict[Connection, int] = {}
        for pipe in self._pipes:
            self._give(pipe, waiting, busy)
        ends = {process.sentinel: i for i, process in enumerate(self._processes)}
        while busy:
            ready = wait([*busy, *ends], _GLANCE)
            if not ready:
                continue
            for pipe in [pipe for pipe in busy if pipe in ready]:
                try:
                    kind, result = pickle.loads(pipe.recv_bytes())  # noqa: S301 - of our process
                except (EOFError, OSError):
                    raise self._death(self._pipes.index(pipe)) from None
                if kind == "error":
                    error, text = result
                    raise error from _RemoteTraceback(text)
                number = busy.pop(pipe)
                self._give(pipe, waiting, busy)
                yield number, result
            if not any(pipe in ready for pipe in self._pipes):
                raise self._death(next(ends[end] for end in ready if end in ends))

    def _give(
        self, pipe: Connection, waiting: Iterator[tuple[int, Any]], busy: dict[Connection, int]
    ) -> None:
        number, block = next(waiting, (None, None))
        if number is None:
            return
        try:
            pipe.send_bytes(pickle.dumps(block, protocol=pickle.HIGHEST_PROTOCOL))
        except OSError:
            raise self._death(self._pipes.index(pipe)) from None
        busy[pipe] = number

    def _death(self, i: int) -> WorkerError:
        process = self._processes[i]
        process.join(_PATIENCE)
        code = process.exitcode
        how = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        return WorkerError(f"a worker process ended {how} in the midst of its work")

    def _end(self, *, at_once: bool) -> None:
        with _no_interrupt():
            for pipe in self._pipes:
                pipe.close()
            for process in self._processes:
                if not at_once:
                    process.join(_PATIENCE)
                if process.is_alive():
                    process.kill()
                process.join()
                process.close()
            self._pipes, self._processes = [], []


def _serve(pipe: Connection, task: bytes, inherited: list[Connection]) -> None:
    """What a worker does: blocks come, results go, until the pipe ends."""
    # Ctrl-C goes to all processes of a terminal. The parent ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for connection in inherited:
        connection.close()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        function = None
        while True:
            block = pipe.recv_bytes()
            try:
                if function is None:
                    function = pickle.loads(task)  # noqa: S301 - of the parent
                answer = "done", function(pickle.loads(block))  # noqa: S301 - of the parent
            except BaseException as error:
                answer = "error", (error, traceback.format_exc())
            pipe.send_bytes(_pickled(answer))


def _end_with_parent() -> None:
    """A parent that was killed cannot end its workers: they end by themselves, whatever f does."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _pickled(answer: tuple[str, Any]) -> bytes:
    try:
        return pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        text = traceback.format_exc()
        replaced = RuntimeError(f"what a worker process found cannot travel: {error}")
        return pickle.dumps(("error", (replaced, text)))


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """Ctrl-C waits for the end of this: no process is lost between its birth and the list.

    To block the signal in this thread would not do: another thread may take it, and then Python
    calls the handler in this one all the same.
    """
    handler = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not (is_main and callable(handler)):
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if came:
            handler(*came[0])
