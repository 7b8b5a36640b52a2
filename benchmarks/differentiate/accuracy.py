"""True errors beside claimed ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.differentiate.functions import CASES, LONG, Case
from benchmarks.differentiate.peers import available, quietly
from benchmarks.report import table

POINTS = 10


class Elements(NamedTuple):
    """One number an element."""

    true: npt.NDArray[np.float64]
    claimed: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]
    success: npt.NDArray[np.bool_]
    is_kink: npt.NDArray[np.bool_]
    calls: npt.NDArray[np.float64]


def noisy(f: Callable[[Any], Any], level: float, rng: np.random.Generator) -> Callable[[Any], Any]:
    if level == 0:
        return f
    return lambda x: f(x) * (1 + level * rng.uniform(-1, 1))


def elements_of(case: Case, ask: Callable[..., Any], points: int) -> Elements:
    """All elements of a case, at several points."""
    parts = []
    for seed in range(points):
        rng = np.random.default_rng(seed)
        x = case.point(rng)
        exact = np.asarray(case.gradient(x.astype(LONG)), LONG)
        answer = quietly(ask, noisy(case.f, case.noise, rng), x)
        true = np.abs(answer.df.astype(LONG) - exact).astype(np.float64)
        scale = np.abs(exact).astype(np.float64)
        kinks = np.zeros(x.shape, bool) if case.kinks is None else case.kinks(x)
        calls = np.full(x.shape, answer.calls / x.size)
        parts.append(Elements(true, answer.error, scale, answer.success, kinks, calls))
    return Elements(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def joined(parts: Iterable[Elements]) -> Elements:
    return Elements(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def relative(errors: npt.NDArray[np.float64], elements: Elements) -> npt.NDArray[np.float64]:
    """Relative to the derivative; where that is zero, as it is."""
    return errors / np.where(elements.scale > 0, elements.scale, 1)


def row(name: str, of: Elements) -> list[str]:
    claims = of.success & ~of.is_kink
    within = np.mean(of.true[claims] <= of.claimed[claims]) if claims.any() else np.nan
    with np.errstate(all="ignore"):
        true = np.median(relative(of.true, of)[claims]) if claims.any() else np.nan
        claimed = np.median(relative(of.claimed, of)[claims]) if claims.any() else np.nan
    has_bar = np.isfinite(of.claimed).any()
    found = f"{np.mean(~of.success[of.is_kink]):.0%}" if of.is_kink.any() and has_bar else ""
    return [
        name,
        f"{np.mean(of.success[~of.is_kink]):.2%}" if has_bar else "",
        f"{within:.2%}" if has_bar else "",
        f"{true:.1e}",
        f"{claimed:.1e}" if has_bar else "",
        f"{np.median(of.calls):.1f}",
        found,
    ]


HEADER = (
    "",
    "claims success",
    "of them, error within the bar",
    "true error, median",
    "claimed, median",
    "calls an element",
    "kinks told",
)


def measure(points: int = POINTS, *, whole: bool = False) -> str:
    """Markdown: a table of the contenders, and one of the kinds for kobai."""
    found = {
        name: {case.name: elements_of(case, ask, points) for case in CASES}
        for name, ask in available().items()
    }
    smooth = [case.name for case in CASES if case.is_smooth]
    text = "All functions:\n\n"
    text += table(HEADER, [row(name, joined(by.values())) for name, by in found.items()])
    text += "\nSmooth functions without noise, in float64:\n\n"
    rows = [row(name, joined(by[case] for case in smooth)) for name, by in found.items()]
    text += table(HEADER, rows)
    kinds = dict.fromkeys(case.kind for case in CASES)
    for name, by in found.items():
        if name != "kobai" and not whole:
            continue
        text += f"\n{name}, by kind:\n\n"
        rows = [
            row(kind, joined(by[case.name] for case in CASES if case.kind == kind))
            for kind in kinds
        ]
        text += table(HEADER, rows)
        if whole:
            text += f"\n{name}, by function:\n\n"
            text += table(HEADER, [row(case.name, by[case.name]) for case in CASES])
    return text
