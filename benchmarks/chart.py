"""The bar chart for the README."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.contenders import KOBAI
from benchmarks.main_table import Figure, Measured
from benchmarks.timing import duration

OURS, OTHERS = "#c2410c", "#94a3b8"


def draw(measured: Measured, file: Path) -> bool:
    """Write an SVG; False where matplotlib is not installed."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure as Canvas
    except ImportError:
        return False
    figures = _bars(measured)
    with mpl.rc_context({"svg.hashsalt": "kobai", "font.size": 10}):
        canvas = Canvas(figsize=(8, 0.6 + 0.36 * len(figures)), layout="constrained")
        axes = canvas.add_subplot()
        _fill(axes, figures)
        canvas.savefig(file, metadata={"Date": None})
    return True


def _bars(measured: Measured) -> list[Figure]:
    named = [figure for figure in measured.figures.values() if figure.row.chart]
    return sorted(named, key=lambda figure: figure.seconds)


def _fill(axes: Any, figures: list[Figure]) -> None:
    seconds = [figure.seconds for figure in figures]
    colours = [OURS if figure.row.family == KOBAI else OTHERS for figure in figures]
    labels = [f"{figure.row.chart} ({figure.row.dtype})" for figure in figures]
    bars = axes.barh(labels, seconds, color=colours, height=0.72)
    axes.bar_label(bars, [duration(value) for value in seconds], padding=4)
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xlim(min(seconds) / 3, max(seconds) * 8)
    axes.set_xlabel("seconds a step: gradient and update, MNIST batch of 100, 784-50-10")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
