"""What tables of figures say in their cells."""

from __future__ import annotations

from benchmarks.main_table import Figure
from benchmarks.timing import Summary, duration

HEADER = ["what", "dtype", "threads", "time", "quartiles"]


def cells(figure: Figure) -> list[str]:
    """What every table says of a row."""
    summary = figure.summary
    return [
        figure.row.label,
        figure.row.dtype,
        str(figure.threads),
        duration(summary.median, summary.digits),
        _spread(summary),
    ]


def _spread(summary: Summary) -> str:
    if summary.rounds == 1:
        return "once"
    return f"{duration(summary.low)} to {duration(summary.high)}"


def error(figure: Figure) -> str:
    if figure.difference is None:
        return "-"
    return f"{figure.difference:.0e}" + (" WRONG" if figure.is_wrong else "")


def faster(figure: Figure, loop: Figure | None) -> str:
    if loop is None:
        return "-"
    return f"{loop.summary.ratio_to(figure.summary)}x"


def of_peer(peer: Figure | None) -> str:
    """The heading that names whose step is the measure."""
    if peer is None:
        return "of a peer's step"
    return f"of the fastest peer's step ({peer.row.label.split(',')[0]})"


def share(figure: Figure, peer: Figure | None) -> str:
    if peer is None:
        return "-"
    return figure.summary.ratio_to(peer.summary)
