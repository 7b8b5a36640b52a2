"""Markdown that also reads well in a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns padded to one width, the first left-aligned."""
    lines = [header, *rows]
    widths = [max(_width(line[i]) for line in lines) for i in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "".join(_line(line, widths) for line in (header, rule, *rows))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padding = [width - _width(cell) for cell, width in zip(cells, widths, strict=True)]
    first = cells[0] + " " * padding[0]
    others = [" " * space + cell for cell, space in zip(cells[1:], padding[1:], strict=True)]
    return "| " + " | ".join([first, *others]) + " |\n"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
