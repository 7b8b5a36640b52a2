"""The targets of kobai, and what was measured of them."""

from __future__ import annotations

from benchmarks.main_table import Figure, Measured
from benchmarks.report import table
from benchmarks.rows import NUMERICAL
from benchmarks.timing import Summary, duration

# The columns: what, measured, target, whether it is met.
PROMISE = ["what", "measured", "target", ""]


def promises(measured: Measured) -> str:
    """Markdown: the targets of the main tables."""
    loop = measured.figures.get(NUMERICAL[0])
    peer = measured.fastest_peer_step()
    of_task = measured.by_task
    step = of_task("trainer backprop")
    rows = [
        at_least(
            "numerical gradient, against the notebook's loop", loop, of_task("mnist auto"), 50_000
        ),
        at_least(
            "incremental, against the notebook's loop", loop, of_task("mnist incremental"), 500
        ),
        at_most(
            "numerical gradient + update, against the fastest peer's backprop step",
            of_task("mnist auto step"),
            peer,
            1.0,
        ),
        at_most(
            "numerical gradient of dense random input, against the same",
            of_task("dense auto"),
            peer,
            2.0,
        ),
        at_least("Trainer backprop step, against the fastest peer's", peer, step, 4),
        _epoch(None if step is None else step.summary.scaled(600)),
    ]
    return table(PROMISE, rows)


def at_least(what: str, slow: Figure | None, fast: Figure | None, target: float) -> list[str]:
    goal = f"at least {target:,} times faster"
    if slow is None or fast is None:
        return [what, "not measured", goal, ""]
    ratio = slow.summary.ratio_to(fast.summary)
    return [what, f"{ratio} times faster", goal, met(slow.seconds / fast.seconds >= target)]


def at_most(what: str, figure: Figure | None, other: Figure | None, target: float) -> list[str]:
    goal = f"at most {target} of its time"
    if figure is None or other is None:
        return [what, "not measured", goal, ""]
    ratio = figure.summary.ratio_to(other.summary)
    return [what, f"{ratio} of its time", goal, met(figure.seconds / other.seconds <= target)]


def _epoch(time: Summary | None) -> list[str]:
    what, goal = "an epoch of backprop, Trainer, float32", "under 40 ms"
    if time is None:
        return [what, "not measured", goal, ""]
    return [what, duration(time.median, time.digits), goal, met(time.median < 0.04)]


def met(is_met: bool) -> str:
    return "met" if is_met else "not met"
