"""What kobai sets out to show, held against what was measured."""

from __future__ import annotations

from benchmarks.main_table import Figure, Measured
from benchmarks.report import table
from benchmarks.rows import NUMERICAL
from benchmarks.timing import duration


def promises(measured: Measured) -> str:
    """Markdown: a table of what, measured, target."""
    loop = measured.seconds(NUMERICAL[0])
    peer = _seconds(measured.fastest_peer_step())
    times = measured.by_task
    step = times("trainer backprop")
    rows = [
        _at_least(
            "numerical gradient, against the notebook's loop", loop, times("mnist auto"), 50_000
        ),
        _at_least(
            "incremental, against the notebook's loop", loop, times("mnist incremental"), 500
        ),
        _at_most(
            "numerical gradient + update, against the fastest peer's backprop step",
            times("mnist auto step"),
            peer,
            1.0,
        ),
        _at_most(
            "numerical gradient of dense random input, against the same",
            times("dense auto"),
            peer,
            2.0,
        ),
        _at_least("Trainer backprop step, against the fastest peer's", peer, step, 4),
        _epoch(None if step is None else 600 * step),
    ]
    return table(["what", "measured", "target", ""], rows)


def _seconds(figure: Figure | None) -> float | None:
    return None if figure is None else figure.seconds


def _at_least(what: str, slow: float | None, fast: float | None, target: float) -> list[str]:
    goal = f"at least {target:,} times faster"
    if slow is None or fast is None:
        return [what, "not measured", goal, ""]
    ratio = slow / fast
    shown = f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.2f}"
    return [what, f"{shown} times faster", goal, _met(ratio >= target)]


def _at_most(what: str, time: float | None, other: float | None, target: float) -> list[str]:
    goal = f"at most {target} of its time"
    if time is None or other is None:
        return [what, "not measured", goal, ""]
    return [what, f"{time / other:.2f} of its time", goal, _met(time / other <= target)]


def _epoch(seconds: float | None) -> list[str]:
    what, goal = "an epoch of backprop, Trainer, float32", "under 40 ms"
    if seconds is None:
        return [what, "not measured", goal, ""]
    return [what, duration(seconds), goal, _met(seconds < 0.04)]


def _met(is_met: bool) -> str:
    return "met" if is_met else "not met"
