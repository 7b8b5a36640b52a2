"""One step of training, every way it is done, measured in one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contenders import KOBAI, PEERS, REFERENCES, name_of
from benchmarks.processes import Ask, Plan, Records, Worker, all_cores, interleave, workers
from benchmarks.rows import DENSE, EPOCHS, LOOP_OF, NUMERICAL, PEER_EPOCHS, PEER_STEPS, STEPS, Row
from benchmarks.timing import Summary


@dataclass(frozen=True)
class Figure:
    """What was measured for a row, at the number of threads that was best for it."""

    row: Row
    threads: int
    summary: Summary
    difference: float | None

    @property
    def seconds(self) -> float:
        return self.summary.median

    @property
    def is_wrong(self) -> bool:
        """NaN is wrong, too."""
        return self.difference is not None and not self.difference <= self.row.tolerance


@dataclass
class Measured:
    """All figures of a run, and why others are missing."""

    figures: dict[Row, Figure] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    rounds: int = 0

    def present(self, rows: Iterable[Row]) -> list[Figure]:
        return [self.figures[row] for row in rows if row in self.figures]

    def fastest(self, rows: Iterable[Row]) -> Figure | None:
        return min(self.present(rows), key=lambda figure: figure.seconds, default=None)

    def fastest_peer_step(self) -> Figure | None:
        return self.fastest(PEER_STEPS)

    def fastest_peer_epoch(self) -> Figure | None:
        return self.fastest(PEER_EPOCHS)

    def loop(self, row: Row) -> Figure | None:
        """The notebook's loop on the batch of a numerical row."""
        name = LOOP_OF[row.task]
        return next((figure for r, figure in self.figures.items() if r.task == name), None)

    def by_task(self, task: str) -> Figure | None:
        """The figure of kobai's row of this name; the first, if two rows state the same task."""
        of_kobai = (figure for row, figure in self.figures.items() if row.family == KOBAI)
        return next((figure for figure in of_kobai if figure.row.task == task), None)

    @property
    def wrong(self) -> list[Figure]:
        return [figure for figure in self.figures.values() if figure.is_wrong]


def measure(folder: Path, plan: Plan, *, is_quick: bool) -> Measured:
    counts = sorted({1, all_cores()})
    families = [(name, n) for name in (*REFERENCES, *PEERS, KOBAI) for n in counts]
    rows = dict.fromkeys((*NUMERICAL, *DENSE, *STEPS, *EPOCHS))
    return measure_rows(folder, plan, families, rows, _limits(is_quick=is_quick))


def measure_rows(
    folder: Path,
    plan: Plan,
    families: Sequence[tuple[str, int]],
    rows: Iterable[Row],
    limits: Mapping[Ask, int],
) -> Measured:
    """The rows, of families at so many threads each, all interleaved."""
    with workers(families, folder, plan.minimum) as started:
        measured = _who_came(started)
        ready = [worker for worker in started if not worker.missing]
        records = interleave(ready, plan, limits)
    measured.rounds = records.rounds
    counts = sorted({threads for _, threads in families})
    for row in rows:
        figure = _figure(row, records, counts)
        if figure is not None:
            measured.figures[row] = figure
    for ask, error in records.errors.items():
        words = f"{name_of(ask.family)}, {ask.task}, {ask.threads} threads failed: {error}"
        measured.skipped.append(words)
    return measured


def _who_came(started: Sequence[Worker]) -> Measured:
    measured = Measured()
    for worker in started:
        measured.versions.update(worker.versions)
        if worker.missing:
            words = f"{name_of(worker.family)} is skipped: {worker.missing}"
            if words not in measured.skipped:
                measured.skipped.append(words)
    return measured


def _limits(*, is_quick: bool) -> dict[Ask, int]:
    """Fewer rounds for what is long.

    `direct` takes seconds a gradient and one thread only makes it slower, so all are used.
    """
    limits = {}
    for threads in (1, all_cores()):
        for row in PEER_EPOCHS:
            limits[Ask(row.family, threads, row.task)] = 3 if is_quick else 9
        here = threads == all_cores()
        limits[Ask(KOBAI, threads, "mnist direct")] = (1 if is_quick else 2) if here else 0
        limits[Ask(KOBAI, threads, "dense direct")] = 1 if here and not is_quick else 0
    return limits


def _figure(row: Row, records: Records, counts: Iterable[int]) -> Figure | None:
    found = []
    for threads in counts:
        ask = Ask(row.family, threads, row.task)
        if ask in records.seconds and ask not in records.errors:
            summary = Summary.of(records.seconds[ask]).scaled(row.scale)
            found.append(Figure(row, threads, summary, records.differences.get(ask)))
    return min(found, key=lambda figure: figure.seconds, default=None)
