"""The tables of activations, losses and optimizers, with or without what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks import catalogue
from benchmarks.contenders.kobai_functions import DEPTHS
from benchmarks.deep_rows import OPTIMIZERS, function_row
from benchmarks.main_table import Measured
from benchmarks.pages import page_table
from benchmarks.problem import CLASSES, INPUTS
from benchmarks.timing import duration

WRITTEN_PAGES = ("docs/networks.md", "docs/networks.ja.md")

NOT_MEASURED = "-"

_COSTS = ["-".join(map(str, (INPUTS, *hidden, CLASSES))) for hidden in DEPTHS.values()]


def activation_table(measured: Measured) -> str:
    """Markdown: a row an activation."""
    header = ["activation", "formula", "kinks", "slope", "radius", "slope within", *_COSTS]
    return _with_costs(header, catalogue.activation_rows(), measured)


def loss_table(measured: Measured) -> str:
    """Markdown: a row a loss."""
    header = ["loss", "formula", "output", "kinks", "radius", "moves by at most", *_COSTS]
    return _with_costs(header, catalogue.loss_rows(), measured)


def _with_costs(
    header: Sequence[str], rows: Mapping[str, Sequence[str]], measured: Measured
) -> str:
    lines = [
        [f"`{name}`", *said, *(_cost(measured, name, depth) for depth in DEPTHS)]
        for name, said in rows.items()
    ]
    return page_table(header, lines, len(_COSTS))


def _cost(measured: Measured, name: str, depth: str) -> str:
    """The time of a numerical gradient, and how many of backpropagation's that is."""
    numerical, backprop = (
        measured.figures.get(function_row(name, depth, gradient))
        for gradient in ("numerical", "backprop")
    )
    if numerical is None or backprop is None:
        return NOT_MEASURED
    time = duration(numerical.seconds, numerical.summary.digits)
    return f"{time} ({numerical.summary.ratio_to(backprop.summary)})"


def optimizer_table(measured: Measured) -> str:
    """Markdown: a row an optimizer."""
    sgd = measured.fastest(OPTIMIZERS[:1])
    by_name = {figure.row.label: figure for figure in measured.present(OPTIMIZERS)}
    lines = []
    for call, step in catalogue.OPTIMIZERS.items():
        figure = by_name.get(call.partition("(")[0])
        if figure is None or sgd is None:
            cost = [NOT_MEASURED, NOT_MEASURED]
        else:
            ratio = figure.summary.ratio_to(sgd.summary)
            cost = [duration(figure.seconds, figure.summary.digits), ratio]
        lines.append([f"`{call}`", f"`{step}`", *cost])
    return page_table(["optimizer", "step", "time of a step", "of SGD's"], lines, 2)
