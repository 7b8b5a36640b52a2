"""A picture of errors against half-widths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kobai._figure import new_figure
from kobai.testing.element import Element
from kobai.testing.lines import Line

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_lines(drawn: Sequence[tuple[Element, Line]], figure: Figure | None) -> Figure:
    """The distance of the quotient from the gradient at each half-width, and the bars."""
    if figure is None:
        figure = new_figure(8, 5)
    axes = figure.subplots()
    for k, (element, line) in enumerate(drawn):
        with np.errstate(all="ignore"):
            error = np.abs(line.quotients - element.given)
        shown = np.isfinite(error) & (error > 0)
        label = f"{element.words}: {element.verdict}"
        axes.plot(line.widths[shown], error[shown], "o-", color=f"C{k}", markersize=3, label=label)
        if np.isfinite(element.bar) and element.bar > 0:
            axes.axhline(element.bar, color=f"C{k}", linestyle=":", linewidth=1)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="h, the half-width of the difference",
        ylabel="distance of the quotient from the gradient",
        title="The worst elements; dotted: their error bars",
    )
    if drawn:
        axes.legend()
    return figure
