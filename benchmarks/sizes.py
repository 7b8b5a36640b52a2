"""The points of the scaling tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.problem import BATCH, HIDDEN
from benchmarks.processes import all_cores

METHODS = ("node", "incremental", "backprop")


class Size(NamedTuple):
    """What one gradient is asked of, and with how many threads (0 for all)."""

    batch: int = BATCH
    hidden: int = HIDDEN
    density: float | None = None  # None for MNIST's images, else random ones
    threads: int = 0

    def task(self, method: str) -> str:
        return f"{method} {self.batch} {self.hidden} {self.density} {self.threads}"


@dataclass(frozen=True)
class Sweep:
    """One quantity through its range, everything else held."""

    title: str
    column: str
    points: tuple[tuple[float, Size], ...]


def sweeps() -> list[Sweep]:
    batches = (1, 10, 100, 1_000, 10_000)
    hidden = (10, 30, 100, 300, 1_000)
    densities = (0.05, 0.1, 0.2, 0.5, 1.0)
    return [
        Sweep("Batch, MNIST", "N", tuple((n, Size(batch=n)) for n in batches)),
        Sweep("Hidden units, MNIST", "H", tuple((n, Size(hidden=n)) for n in hidden)),
        Sweep(
            "Density of random inputs",
            "not zero",
            tuple((share, Size(density=share)) for share in densities),
        ),
        *(_threads(batch) for batch in (100, 1_000)),
    ]


def _threads(batch: int) -> Sweep:
    points = tuple((n, Size(batch=batch, threads=n)) for n in thread_counts())
    return Sweep(f"Threads, batch of {batch:,}, MNIST", "threads", points)


def thread_counts() -> list[int]:
    """1, 2, 4 and so on, then all."""
    cores = all_cores()
    return sorted({1 << k for k in range(cores.bit_length()) if 1 << k <= cores} | {cores})
