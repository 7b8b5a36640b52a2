"""The tables in the pages of the docs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmarks.problem import ROOT

PAGES = ("docs/is-my-gradient-right.md", "docs/is-my-gradient-right.ja.md")
_SECTION = re.compile(
    r"(?<=<!-- gradient checks (\d): begin -->\n).*?(?=<!-- gradient checks \1: end -->)", re.DOTALL
)


def write(tables: Sequence[str]) -> None:
    """Replace the tables, which stand between numbered marks."""
    for page in PAGES:
        file = ROOT / page
        text = file.read_text(encoding="utf-8")
        written, count = _SECTION.subn(lambda match: tables[int(match[1])], text)
        if count != len(tables):
            raise ValueError(f"{page} must have {len(tables)} tables between marks, has {count}")
        file.write_text(written, encoding="utf-8")
