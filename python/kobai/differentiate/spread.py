"""Elements in blocks, for whoever asks f."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kobai._difference import Asked, InPlace, Outputs, Stacked
from kobai._validation import FloatArray
from kobai._workers import Workers
from kobai.differentiate.curvature import Axes, Mixed, along_axes, joined_axes, mixed_rows
from kobai.differentiate.elements import Found, derivatives
from kobai.differentiate.noise import Noise
from kobai.differentiate.plan import Plan

Numbers = npt.NDArray[np.float64]


class Task:
    """The derivatives by a block of elements: f and x travel with it, once for a block.

    Parameters
    ----------
    f : callable
    x : ndarray
        The point, of which each block has a copy.
    vectorized : bool
        Whether f takes points stacked.
    outputs : Outputs
        What f returns.
    known : tuple
        The values at x, and their noise.
    """

    def __init__(
        self,
        f: Callable[[Any], Any],
        x: FloatArray,
        vectorized: bool,
        outputs: Outputs,
        known: tuple[Numbers, Noise],
    ) -> None:
        self.f, self.x, self.vectorized = f, np.ascontiguousarray(x), vectorized
        self.outputs, self.known = outputs, known

    def asked(self) -> Asked:
        """The way to ask f at a copy of x."""
        x = np.array(self.x)
        if self.vectorized:
            return Stacked(self.f, x, "x", self.outputs)
        return InPlace(self.f, x, x, "x", self.outputs)

    def __call__(self, plan: Plan) -> Found:
        """The derivatives by the elements of a plan."""
        return derivatives(self.asked(), plan, *self.known)


class AxesTask(Task):
    """The second derivatives along the axes of a block of elements."""

    def __call__(self, plan: Plan) -> Axes:  # type: ignore[override]
        """Those of the elements of a plan."""
        center, noise = self.known
        return along_axes(self.asked(), plan, float(center[0]), noise)


class MixedTask(Task):
    """The mixed second derivatives of a block of rows."""

    def __init__(self, task: Task, plan: Plan, axes: Axes) -> None:
        super().__init__(task.f, task.x, task.vectorized, task.outputs, task.known)
        self._plan, self._axes = plan, axes

    def __call__(self, rows: Sequence[int]) -> list[Mixed]:  # type: ignore[override]
        """Those of some rows."""
        asked, center = self.asked(), float(self.known[0][0])
        return mixed_rows(asked, self._plan, self._axes, center, rows)


def spread(task: Task, plan: Plan, workers: Workers) -> list[Any]:
    """What `workers` find for the elements of a plan, in blocks."""
    blocks = workers.blocks(plan.which.size)
    sizes = [block.stop - block.start for block in blocks]
    return workers.results(task.f, task, [plan.part(block) for block in blocks], sizes)


def joined(parts: Sequence[Found]) -> Found:
    """Blocks that follow each other, as one."""
    return Found(
        np.concatenate([part.numbers for part in parts], axis=1),
        np.concatenate([part.status for part in parts]),
        np.concatenate([part.nfev for part in parts]),
        np.concatenate([part.is_constant for part in parts]),
    )


def second_derivatives(task: Task, plan: Plan, workers: Workers) -> tuple[Axes, list[Mixed]]:
    """The second derivatives along the axes, and the mixed ones of each row but the last."""
    rows = range(plan.which.size - 1)
    first = AxesTask(task.f, task.x, task.vectorized, task.outputs, task.known)
    axes = joined_axes(spread(first, plan, workers))
    # Rows become shorter: blocks of every so manieth are about equally long.
    count = len(workers.blocks(len(rows)))
    blocks = [rows[i::count] for i in range(count)]
    sizes = [sum(plan.which.size - 1 - row for row in block) for block in blocks]
    found = workers.results(task.f, MixedTask(task, plan, axes), blocks, sizes)
    in_order: list[Any] = [None] * len(rows)
    for block, parts in zip(blocks, found, strict=True):
        for row, part in zip(block, parts, strict=True):
            in_order[row] = part
    return axes, in_order
