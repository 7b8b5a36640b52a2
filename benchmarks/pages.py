"""The tables of the READMEs and of the method's page, written from what was measured."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from benchmarks.main_table import Figure, Measured
from benchmarks.problem import ROOT
from benchmarks.rows import EPOCHS, NUMERICAL, STEPS, Row
from benchmarks.timing import duration

WHOLE_PAGES = ("README.md", "README.ja.md")
METHOD_PAGE = "docs/numerical-gradient.md"

_SECTION = re.compile(
    r"(?<=<!-- benchmark table: begin -->\n).*(?=<!-- benchmark table: end -->)", re.DOTALL
)


def write(measured: Measured) -> None:
    """Replace the tables; what a page says below them stays."""
    numerical = _table(
        "one gradient of 784-50-10, batch of 100", "faster than the loop", _numerical(measured)
    )
    peers = "of the fastest peer's"
    steps = _table(
        "one step by backpropagation, with its update",
        peers,
        _of(measured, STEPS, measured.fastest_peer_step()),
    )
    epochs = _table(
        "one epoch by backpropagation, 60,000 images",
        peers,
        _of(measured, EPOCHS, measured.fastest_peer_epoch()),
    )
    for page in WHOLE_PAGES:
        _replace(page, [numerical, steps, epochs])
    _replace(METHOD_PAGE, [numerical])


def _numerical(measured: Measured) -> Iterable[tuple[Figure, str]]:
    for figure in measured.present(NUMERICAL):
        loop = measured.loop(figure.row)
        if loop is not None:
            yield figure, f"{loop.summary.ratio_to(figure.summary)}x"


def _of(
    measured: Measured, rows: Iterable[Row], peer: Figure | None
) -> Iterable[tuple[Figure, str]]:
    for figure in measured.present(rows):
        if peer is not None:
            yield figure, figure.summary.ratio_to(peer.summary)


def _table(what: str, against: str, figures: Iterable[tuple[Figure, str]]) -> str:
    lines = [f"| {what} | type | time | {against} |", "|---|---|--:|--:|"]
    for figure, ratio in figures:
        time = duration(figure.seconds, figure.summary.digits)
        lines.append(f"| {figure.row.label} | {figure.row.dtype} | {time} | {ratio} |")
    return "\n".join(lines) + "\n"


def _replace(page: str, tables: Sequence[str]) -> None:
    file = ROOT / page
    text = file.read_text(encoding="utf-8")
    section = _SECTION.search(text)
    if section is None:
        raise ValueError(f"{page} must have a benchmark table between its two marks")
    below = section[0].rpartition("|\n")[2]
    written = "\n".join(tables) + below
    file.write_text(text[: section.start()] + written + text[section.end() :], encoding="utf-8")
