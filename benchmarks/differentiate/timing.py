"""What kobai adds to the calls of f, and what a second worker saves."""

from __future__ import annotations

import contextlib
import pickle
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

import kobai
from benchmarks.report import table
from benchmarks.timing import duration
from kobai.differentiate import gradient, jacobian

ELEMENTS = 4000
CALL = 1e-3
ROUNDS = 7


def one_number(_: npt.NDArray[np.float64]) -> float:
    return 1.5


def ten_numbers(_: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return _TEN


_TEN = np.linspace(0, 1, 10)


def slow(x: npt.NDArray[np.float64]) -> float:
    """One millisecond, whatever else the machine does."""
    time.sleep(CALL)
    return float(x @ x)


def best(action: Callable[[], Any]) -> tuple[float, Any]:
    """The shortest of several times, and the last result."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        result = action()
        times.append(time.perf_counter() - start)
    return min(times), result


def calls_alone(f: Callable[[Any], Any], x: npt.NDArray[np.float64], count: int) -> float:
    def loop() -> None:
        for _ in range(count):
            f(x)

    return best(loop)[0]


def overhead() -> str:
    """Markdown: the time an evaluation takes beyond f itself."""
    cases: list[tuple[str, Callable[[], Any], Callable[[Any], Any], int]] = []
    for size in (20, 1000, 20_000):
        x = np.linspace(0.5, 2, size)
        cases += [
            (f"gradient, {size} elements", lambda x=x: gradient(one_number, x), one_number, size),
            (
                f"jacobian, {size} elements, 10 outputs",
                lambda x=x: jacobian(ten_numbers, x),
                ten_numbers,
                size,
            ),
            (
                f"numerical_gradient, {size} elements",
                lambda x=x: kobai.numerical_gradient(one_number, x),
                one_number,
                size,
            ),
        ]
    rows = []
    for name, action, f, size in cases:
        seconds, found = best(action)
        count = getattr(found, "calls", 2 * size)
        alone = calls_alone(f, np.linspace(0.5, 2, size), count)
        rows.append([name, str(count), duration((seconds - alone) / count)])
    return table(("f does nothing", "calls of f", "beyond f, a call"), rows)


@contextlib.contextmanager
def dask(count: int) -> Iterator[Any]:
    from distributed import Client, LocalCluster

    options = {"n_workers": count, "threads_per_worker": 1, "processes": True}
    with LocalCluster(**options, dashboard_address=None) as cluster, Client(cluster) as client:
        yield client.get_executor().map


@contextlib.contextmanager
def processes(count: int) -> Iterator[Any]:
    yield count


def workers() -> str:
    """Markdown: two workers against one, and the bytes that travel."""
    x = np.linspace(0.1, 1, ELEMENTS)
    start = time.perf_counter()
    expected = kobai.numerical_gradient(slow, x)
    alone = time.perf_counter() - start
    rows = [["this process", duration(alone), "", ""]]
    contenders = [("2 processes", processes(2))]
    with contextlib.suppress(ImportError):
        import distributed  # noqa: F401

        contenders.append(("Dask, LocalCluster of 2 processes", dask(2)))
    for name, context in contenders:
        with context as who:
            kobai.numerical_gradient(np.sum, x, workers=who)
            start = time.perf_counter()
            found = kobai.numerical_gradient(slow, x, workers=who)
            seconds = time.perf_counter() - start
        same = "same bits" if found.tobytes() == expected.tobytes() else "OTHER BITS"
        rows.append([name, duration(seconds), f"{seconds / alone:.2f}", same])
    text = table((f"{ELEMENTS} elements, f of 1 ms", "time", "of one's", ""), rows)
    return text + "\n" + _traffic(x)


def _traffic(x: npt.NDArray[np.float64]) -> str:
    rows = []
    for name, call in (("numerical_gradient", kobai.numerical_gradient), ("gradient", gradient)):
        sent: list[int] = []

        def watched(
            function: Callable[[Any], Any], blocks: Iterable[Any], sent: list[int] = sent
        ) -> Iterator[Any]:
            for block in blocks:
                sent.append(len(pickle.dumps((function, block))))
                yield function(block)

        call(np.sum, x, workers=watched)
        rows.append([name, str(len(sent)), f"{statistics.median(sent) / x.nbytes:.2f}"])
    return table(("what travels", "blocks", "bytes a block, of x's"), rows)


def measure() -> str:
    """Markdown: both."""
    return overhead() + "\n" + workers()
