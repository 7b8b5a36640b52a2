"""What the pictures of the docs have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.problem import ROOT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGES = ROOT / "docs" / "images"

DATA, FIRST, SECOND, THIRD = "#94a3b8", "#c2410c", "#1d4ed8", "#15803d"

# A palette for the picture makes its file four times as small.
_COLOURS = 64


def new_figure(width: float, height: float) -> Figure:
    """A figure that opens no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def tidy(axes: Any) -> None:
    """Axes without a frame."""
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, name: str) -> None:
    """Write a picture of the docs, the same bytes for the same figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(120)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    Image.fromarray(pixels).quantize(_COLOURS).save(IMAGES / name, optimize=True)
