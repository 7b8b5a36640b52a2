"""Functions drawn at random on all scales below those of x: what bars do not see, counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.report import table
from kobai.differentiate import gradient

Floats = npt.NDArray[Any]
COUNT = 4000


class Drawn(NamedTuple):
    """One function a number: `f(x, i)`, its derivative, and the points."""

    name: str
    f: Callable[[Floats, Any], Floats]
    slope: Callable[[Floats, Any], Floats]
    x: Floats


def drawn(count: int) -> list[Drawn]:
    rng = np.random.default_rng(0)
    waves, phases = 10 ** rng.uniform(0, 6, count), rng.uniform(0, 6, count)
    centres, widths = rng.uniform(-3, 3, count), 10 ** rng.uniform(-6, 0, count)
    near = centres + widths * rng.uniform(-1, 1, count)

    def inside(x: Floats, i: Any) -> Floats:
        return (x - centres[i]) / widths[i]

    return [
        Drawn(
            "waves of 1 to 1e6 a unit",
            lambda x, i: np.sin(waves[i] * x + phases[i]),
            lambda x, i: waves[i] * np.cos(waves[i].astype(np.longdouble) * x + phases[i]),
            rng.uniform(-5, 5, count),
        ),
        Drawn(
            "bumps of width 1e-6 to 1",
            lambda x, i: np.exp(-(inside(x, i) ** 2)),
            lambda x, i: -2 * inside(x, i) / widths[i] * np.exp(-(inside(x, i) ** 2)),
            near,
        ),
        Drawn(
            "steps of width 1e-6 to 1",
            lambda x, i: np.tanh(inside(x, i)),
            lambda x, i: 1 / np.cosh(inside(x, i)) ** 2 / widths[i],
            near,
        ),
        Drawn(
            "poles 1e-6 to 1 away",
            lambda x, i: 1 / (x - centres[i]),
            lambda x, i: -1 / (x - centres[i]) ** 2,
            centres + widths,
        ),
    ]


def measure(count: int = COUNT) -> str:
    """Markdown: a row for each kind."""
    rows = []
    for kind in drawn(count):
        success, within, calls = [], [], []
        for i in range(count):
            part = slice(i, i + 1)

            def f(x: Floats, kind: Drawn = kind, part: slice = part) -> float:
                return float(kind.f(x, part)[0])

            with np.errstate(all="ignore"):
                found = gradient(f, kind.x[part].copy())
                exact = np.asarray(kind.slope(kind.x[part], part), np.float64)
            success.append(bool(found.success[0]))
            calls.append(int(found.nfev[0]))
            if success[-1]:
                within.append(bool(abs(found.df[0] - exact[0]) <= found.error[0]))
        shares = f"{np.mean(success):.1%}", f"{np.mean(within):.1%}"
        rows.append([kind.name, *shares, f"{np.median(calls):.0f}"])
    header = ("", "claims success", "of them, error within the bar", "values an element")
    return table(header, rows)
