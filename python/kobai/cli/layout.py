"""How lines are laid out: 80 columns, numbers with the digits that say something."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable

WIDTH = 80
_LABEL = 10


def printable(text: str) -> str:
    """`text` with escapes for what moves a terminal's cursor, or is no character at all."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


def columns(text: str) -> int:
    """How many columns of a terminal `text` takes: signs of East Asia take two."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )


def shown_path(path: str | os.PathLike[str], most: int = 40) -> str:
    """The name of a file, its beginning left out where it takes more than so many columns."""
    text = printable(os.fspath(path))
    if columns(text) <= most:
        return text
    while columns(text) > most - 3:
        text = text[1:]
    return f"...{text}"


def labelled(label: str, parts: Iterable[str]) -> str:
    """A label and what belongs to it, parts of it on as many lines as they take."""
    lines = [label.ljust(_LABEL - 1)]
    for part in parts:
        if columns(lines[-1]) + 1 + columns(part) > WIDTH and lines[-1].strip():
            lines.append(" " * (_LABEL - 1))
        lines[-1] += f" {part}"
    return "\n".join(lines)


def per_second(count: int, seconds: float) -> str:
    """How many there were a second, in three digits or to the unit."""
    rate = count / max(seconds, 1e-9)
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def duration(seconds: float) -> str:
    """A time in seconds, or in milliseconds where it is short."""
    if seconds >= 100:
        return f"{seconds:,.0f} s"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"
