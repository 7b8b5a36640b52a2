"""The layout of lines: 80 columns, numbers with their significant digits."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable

WIDTH = 80
_LABEL = 10


def printable(text: str) -> str:
    """`text` with escapes for characters that cannot be printed or move a terminal's cursor."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


def columns(text: str) -> int:
    """The columns of a terminal that `text` takes: East Asian characters take two."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )


def shown_path(path: str | os.PathLike[str], limit: int = 40) -> str:
    """The name of a file, without its beginning if it takes more than `limit` columns."""
    text = printable(os.fspath(path))
    if columns(text) <= limit:
        return text
    while columns(text) > limit - 3:
        text = text[1:]
    return f"...{text}"


def labelled(label: str, parts: Iterable[str]) -> str:
    """A label followed by `parts`, wrapped into as many lines as they need."""
    lines = [label.ljust(_LABEL - 1)]
    for part in parts:
        if columns(lines[-1]) + 1 + columns(part) > WIDTH and lines[-1].strip():
            lines.append(" " * (_LABEL - 1))
        lines[-1] += f" {part}"
    return "\n".join(lines)


def per_second(count: int, seconds: float) -> str:
    """The number per second: three digits, or a whole number if it is 100 or more."""
    rate = count / max(seconds, 1e-9)
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def duration(seconds: float) -> str:
    """A time in seconds, or in milliseconds if it is below a second."""
    if seconds >= 100:
        return f"{seconds:,.0f} s"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"
