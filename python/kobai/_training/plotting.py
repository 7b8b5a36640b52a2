"""Pictures of a training run; matplotlib is imported where one is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO, Protocol

import numpy as np

from kobai._figure import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The bold line of the loss has about this many points, each the mean of several steps.
_SMOOTH_POINTS = 100


class Curves(Protocol):
    """The lists that are drawn."""

    @property
    def train_loss(self) -> Sequence[float]: ...
    @property
    def train_acc(self) -> Sequence[float]: ...
    @property
    def test_acc(self) -> Sequence[float]: ...
    @property
    def test_loss(self) -> Sequence[float]: ...
    @property
    def steps_per_epoch(self) -> int: ...


def draw_history(history: Curves, figure: Figure | None) -> Figure:
    """Loss a step on the left, accuracy an epoch on the right, if there is any."""
    if figure is None:
        figure = new_figure(10, 4)
    if history.train_loss and not (history.train_acc or history.test_acc):
        _draw_loss(history, figure.subplots())
    else:
        loss_axes, accuracy_axes = figure.subplots(1, 2)
        _draw_loss(history, loss_axes)
        _draw_accuracy(history, accuracy_axes)
    return figure


def _draw_loss(history: Curves, axes: Axes) -> None:
    loss = np.asarray(history.train_loss)
    axes.plot(loss, color="tab:blue", alpha=0.3, linewidth=0.7, label="each batch")
    width = max(len(loss) // _SMOOTH_POINTS, 1)
    if width > 1:
        means = loss[: len(loss) // width * width].reshape(-1, width).mean(axis=1)
        centres = np.arange(len(means)) * width + width / 2
        axes.plot(centres, means, color="tab:blue", label=f"mean of {width}")
    if history.test_loss:
        steps = np.arange(len(history.test_loss)) * history.steps_per_epoch
        axes.plot(
            steps,
            history.test_loss,
            color="tab:orange",
            marker="o",
            markersize=3,
            label="test data",
        )
    # The losses of some regressions are negative.
    is_negative = min([*loss, *history.test_loss], default=0.0) < 0
    axes.set(xlabel="iteration", ylabel="loss", title="Training loss")
    axes.set_ylim(None if is_negative else 0, None)
    if len(loss):
        axes.legend()


def _draw_accuracy(history: Curves, axes: Axes) -> None:
    for name, values in (("train", history.train_acc), ("test", history.test_acc)):
        if values:
            axes.plot(values, marker="o", markersize=3, label=name)
    axes.set(xlabel="epoch", ylabel="accuracy", title="Accuracy", ylim=(0, 1))
    if history.train_acc:
        axes.legend(loc="lower right")


def save_history(history: Curves, stream: BinaryIO, kind: str) -> None:
    """Draw into a stream, in one of `known_formats`, without opening a window."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    draw_history(history, figure)
    figure.savefig(stream, format=kind, dpi=120)


def known_formats() -> list[str]:
    """The file name endings of the formats that Matplotlib writes."""
    from matplotlib.figure import Figure

    return sorted(Figure().canvas.get_supported_filetypes())
