"""A report as text: what was found, the worst elements, what the mistake looks like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap

import numpy as np

from kobai.testing.comparison import Comparison
from kobai.testing.directions import Direction
from kobai.testing.element import Element
from kobai.testing.patterns import Pattern
from kobai.testing.verdicts import Verdict

_SHOWN_DIRECTIONS = 12
_WIDTH = 100


def report_table(
    found: Comparison,
    passed: bool,
    worst: Sequence[Element],
    patterns: Sequence[Pattern],
    reasons: Mapping[str, int],
) -> str:
    """The whole report, in lines of at most about a hundred characters."""
    blocks = [
        [_headline(found, passed)],
        _arrays(found),
        _looks(patterns),
        _worst(worst),
        _directions(found.directions),
        [f"{number:,} undecided: {reason}" for reason, number in reasons.items()],
        _wrapped(f"note: {note}" for note in found.notes),
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def _headline(found: Comparison, passed: bool) -> str:
    verdict = found.judged.verdict
    numbers = np.bincount(verdict, minlength=len(Verdict)).tolist()
    said = [f"{numbers[kind]:,} {kind}" for kind in Verdict if numbers[kind]]
    wrong = sum(direction.verdict == Verdict.WRONG for direction in found.directions)
    if found.directions:
        said.append(f"{wrong} of {len(found.directions)} directions wrong")
    bad = numbers[Verdict.WRONG] or numbers[Verdict.NOT_FINITE] or wrong
    word = "RIGHT" if passed else "WRONG" if bad else "UNDECIDED"
    return f"gradient {word}: {verdict.size:,} elements, {', '.join(said) or 'nothing to look at'}"


def _arrays(found: Comparison) -> list[str]:
    verdicts = found.layout.arrays(found.judged.verdict)
    bars, given = found.layout.arrays(found.bar), found.layout.arrays(found.given)
    kinds = [kind for kind in Verdict if np.any(found.judged.verdict == kind)]
    rows = [["", "shape", *map(str, kinds), "largest", "bar"]]
    for name, verdict in verdicts.items():
        counts = [f"{np.count_nonzero(verdict == kind):,}" for kind in kinds]
        sizes = [_size(given[name]), _size(bars[name])]
        rows.append([name, str(verdict.shape), *counts, *sizes])
    return _aligned(rows)


def _size(array: np.ndarray) -> str:
    finite = np.abs(array[np.isfinite(array)])
    return f"{finite.max():.1e}" if finite.size else "-"


def _looks(patterns: Sequence[Pattern]) -> list[str]:
    return (
        ["what it looks like", *_wrapped(f"  {pattern}" for pattern in patterns)]
        if patterns
        else []
    )


def _worst(worst: Sequence[Element]) -> list[str]:
    telling = [element for element in worst if element.verdict != Verdict.RIGHT]
    if not telling:
        return []
    rows = [["worst", "given", "differences", "bar", "off by, bars", "verdict"]]
    for x in telling:
        off = abs(x.given - x.estimate) / x.bar if x.bar else float("inf")
        verdict = f"{x.verdict}: {x.reason}" if x.reason else str(x.verdict)
        if x.sides is not None:
            verdict += f" ({x.sides[0]:.6g} left, {x.sides[1]:.6g} right)"
        numbers = [f"{x.given:.8g}", f"{x.estimate:.8g}", f"{x.bar:.1e}", f"{off:.3g}"]
        rows.append([x.words, *numbers, verdict])
    return _aligned(rows, last_left=True)


def _directions(directions: Sequence[Direction]) -> list[str]:
    if not directions:
        return []
    rows = [["direction", "given", "differences", "bar", "Taylor rate", "verdict"]]
    shown = sorted(directions, key=lambda direction: direction.verdict != Verdict.WRONG)
    for x in shown[:_SHOWN_DIRECTIONS]:
        rate = "rounding" if np.isnan(x.rate) else f"{x.rate:.2f}"
        numbers = [f"{x.given:.8g}", f"{x.estimate:.8g}", f"{x.bar:.1e}", rate]
        rows.append([x.words, *numbers, str(x.verdict)])
    lines = _aligned(rows, last_left=True)
    more = len(directions) - _SHOWN_DIRECTIONS
    return [*lines, f"and {more} more"] if more > 0 else lines


def _wrapped(texts: Iterable[str]) -> list[str]:
    return [line for text in texts for line in wrap(text, _WIDTH, subsequent_indent="    ")]


def _aligned(rows: Sequence[Sequence[str]], *, last_left: bool = False) -> list[str]:
    """Columns under one another: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        if last_left:
            cells[-1] = row[-1]
        lines.append("  ".join(cells).rstrip())
    return lines
