"""Pictures of a training run; the only module that knows matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, NoReturn, Protocol

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Steps over which the loss is averaged for its bold line: about this many points in the picture.
_SMOOTH_POINTS = 100


class Curves(Protocol):
    """What is drawn."""

    @property
    def train_loss(self) -> Sequence[float]: ...
    @property
    def train_acc(self) -> Sequence[float]: ...
    @property
    def test_acc(self) -> Sequence[float]: ...


def draw_history(history: Curves, figure: Figure | None) -> Figure:
    """Loss a step on the left, accuracy an epoch on the right."""
    if figure is None:
        figure = _new_figure()
    loss_axes, accuracy_axes = figure.subplots(1, 2)
    loss = np.asarray(history.train_loss)
    loss_axes.plot(loss, color="tab:blue", alpha=0.3, linewidth=0.7, label="each batch")
    width = max(len(loss) // _SMOOTH_POINTS, 1)
    if width > 1:
        means = loss[: len(loss) // width * width].reshape(-1, width).mean(axis=1)
        centres = np.arange(len(means)) * width + width / 2
        loss_axes.plot(centres, means, color="tab:blue", label=f"mean of {width}")
    loss_axes.set(xlabel="iteration", ylabel="loss", title="Training loss", ylim=(0, None))
    if len(loss):
        loss_axes.legend()
    for name, values in (("train", history.train_acc), ("test", history.test_acc)):
        if values:
            accuracy_axes.plot(values, marker="o", markersize=3, label=name)
    accuracy_axes.set(xlabel="epoch", ylabel="accuracy", title="Accuracy", ylim=(0, 1))
    if history.train_acc:
        accuracy_axes.legend(loc="lower right")
    return figure


def save_history(history: Curves, stream: BinaryIO, kind: str) -> None:
    """Draw into a stream, in one of the formats of `known_formats`, with no window behind it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    draw_history(history, figure)
    figure.savefig(stream, format=kind, dpi=120)


def known_formats() -> list[str]:
    """The endings of names that tell Matplotlib what to write."""
    from matplotlib.figure import Figure

    return sorted(Figure().canvas.get_supported_filetypes())


def _new_figure() -> Figure:
    try:
        import matplotlib
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "plotting needs matplotlib: python -m pip install 'kobai[plot]'"
        ) from error
    figure = pyplot.figure(figsize=(10, 4), layout="constrained")
    if "inline" in matplotlib.get_backend().lower():
        # What IPython asks an object before it shows it.
        figure.__dict__["_ipython_display_"] = partial(_leave_pyplot, figure)
    return figure


def _leave_pyplot(figure: Figure) -> NoReturn:
    """Have a notebook show `figure` once.

    The inline backend shows all of pyplot's figures at the end of a cell, and the notebook shows
    the value of the cell's last line: a figure that is both would be there twice.
    """
    from matplotlib import pyplot

    pyplot.close(figure)
    # IPython's word for "as usual".
    raise NotImplementedError
