"""The record of a training run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from kobai._training.plotting import draw_history

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["History"]


@dataclass(repr=False)
class History:
    """The losses and accuracies of a training run.

    Its repr is one line, in a notebook a small table.

    Attributes
    ----------
    train_loss : list of float
        The loss of each step's batch, before the step's update.
    train_acc, test_acc : list of float
        Accuracies at the start and after every epoch; `test_acc` stays empty without test data, and
        both do where the network knows no classes.
    steps_per_epoch : int
        The number of steps between two accuracies, and between two losses of the test data.
    interrupted : bool
        Whether Ctrl-C ended the training.
    test_loss : list of float
        The loss of the test data, at the start and after every epoch.
    nonfinite_step : int or None
        The first step whose loss is NaN or infinite: its index in `train_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import SGD, Trainer, TwoLayerNet
    >>> x, t = np.eye(4), np.arange(4)
    >>> net = TwoLayerNet(4, 8, 4, weight_init_std=1.0, rng=0)
    >>> history = Trainer(net, SGD(lr=3.0), batch_size=2, rng=0).fit(x, t, epochs=4)
    >>> history
    History(8 steps, 2 an epoch; last loss ...; train accuracy 1.0000)
    >>> history.train_acc
    [0.25, 0.25, 0.5, 0.75, 1.0]
    """

    train_loss: list[float] = field(default_factory=list)
    train_acc: list[float] = field(default_factory=list)
    test_acc: list[float] = field(default_factory=list)
    steps_per_epoch: int = 0
    interrupted: bool = False
    test_loss: list[float] = field(default_factory=list)

    @property
    def nonfinite_step(self) -> int | None:
        """The first step whose loss is NaN or infinite, counted from 0; None if there is none.

        Examples
        --------
        >>> from kobai import History
        >>> History(train_loss=[2.3, 1.9, float("inf"), float("nan")]).nonfinite_step
        2
        """
        return first_nonfinite(self.train_loss)

    def __repr__(self) -> str:
        parts = [f"{len(self.train_loss):,} steps, {self.steps_per_epoch:,} an epoch"]
        parts += [f"{name} {value}" for name, value in self._last_values()]
        return f"{type(self).__name__}({'; '.join([*parts, *self._remarks()])})"

    def _last_values(self) -> list[tuple[str, str]]:
        rows = (
            ("last loss", self.train_loss),
            ("test loss", self.test_loss),
            ("train accuracy", self.train_acc),
            ("test accuracy", self.test_acc),
        )
        return [(name, f"{values[-1]:.4f}") for name, values in rows if len(values)]

    def _remarks(self) -> list[str]:
        step = self.nonfinite_step
        return [
            *(["interrupted"] if self.interrupted else []),
            *([] if step is None else [f"loss not finite from step {step:,} on"]),
        ]

    def _repr_html_(self) -> str:
        rows = [
            ("steps", f"{len(self.train_loss):,}"),
            ("steps an epoch", f"{self.steps_per_epoch:,}"),
            *self._last_values(),
        ]
        lines = "".join(
            f"<tr><th style='text-align: left'>{escape(name)}</th><td>{escape(value)}</td></tr>"
            for name, value in rows
        )
        remarks = "".join(
            f"<tr><td colspan='2'>{escape(remark)}</td></tr>" for remark in self._remarks()
        )
        return f"<table>{lines}{remarks}</table>"

    def plot(self, figure: Figure | None = None) -> Figure:
        """Draw loss and accuracy side by side; needs matplotlib (``pip install kobai[plot]``).

        Where no accuracy was recorded, as in regression, the loss stands alone.

        A notebook shows the new figure once, at the end of the cell, whether or not it is the
        cell's last value.

        Parameters
        ----------
        figure : matplotlib.figure.Figure, optional
            Where to draw; a new pyplot figure by default.

        Returns
        -------
        matplotlib.figure.Figure
            The figure.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from kobai import History
        >>> from matplotlib.figure import Figure
        >>> history = History(train_loss=[2.3, 1.9, 1.7], train_acc=[0.1, 0.4], steps_per_epoch=3)
        >>> figure = history.plot(Figure(figsize=(8, 3)))  # without pyplot, or history.plot()
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['loss', 'accuracy']
        """
        return draw_history(self, figure)


def first_nonfinite(losses: Sequence[float], start: int = 0) -> int | None:
    """The index of the first loss from `start` on that is NaN or infinite."""
    return next((k for k in range(start, len(losses)) if not math.isfinite(losses[k])), None)
