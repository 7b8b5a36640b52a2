"""The tables of the READMEs and of the method's page, written from what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.main_table import Figure, Measured
from benchmarks.problem import ROOT
from benchmarks.rows import EPOCHS, NUMERICAL, STEPS, Row
from benchmarks.timing import duration

WHOLE_PAGES = ("README.md", "README.ja.md")
METHOD_PAGE = "docs/numerical-gradient.md"


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
    text = (ROOT / page).read_text(encoding="utf-8")
    below = section(text, page, "benchmark table").rpartition("|\n")[2]
    write_section(page, "benchmark table", "\n".join(tables) + below)


def section(text: str, page: str, name: str) -> str:
    """What stands between the two marks of a section of that name in the text of a page."""
    return _parts(text, page, name)[1]


def write_section(page: str, name: str, written: str) -> None:
    """Replace what stands between the two marks of a section."""
    file = ROOT / page
    before, _, after = _parts(file.read_text(encoding="utf-8"), page, name)
    file.write_text(before + written + after, encoding="utf-8")


def _parts(text: str, page: str, name: str) -> tuple[str, str, str]:
    """What stands before a section, with its mark, in it, and behind it."""
    before, begin, rest = text.partition(f"<!-- {name}: begin -->\n")
    inside, end, after = rest.partition(f"<!-- {name}: end -->")
    if not end:
        raise ValueError(f"{page} must have the two marks of the section {name!r}")
    return before + begin, inside, end + after


def page_table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: int) -> str:
    """Markdown: a table whose last columns, so many, are numbers."""
    rule = ["---"] * (len(header) - numbers) + ["--:"] * numbers
    lines = ["| " + " | ".join(line) + " |\n" for line in (header, *rows)]
    return "".join([lines[0], "|" + "|".join(rule) + "|\n", *lines[1:]])
