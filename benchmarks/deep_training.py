"""A deeper network by both gradients from one start: python -m benchmarks.deep_training

Draws docs/images/deep.png, and writes what came of it into docs/networks.md and its translation.
"""

from __future__ import annotations

import sys
import time
from typing import Literal, NamedTuple

import numpy as np

from benchmarks import pictures
from benchmarks.deep_rows import SIZES
from benchmarks.facts import WRITTEN_PAGES
from benchmarks.pages import page_table, write_section
from benchmarks.problem import (
    BATCH,
    CLASSES,
    DEEP_HIDDEN,
    INPUTS,
    Params,
    Split,
    largest_difference,
    load_splits,
)
from benchmarks.promises import met
from benchmarks.timing import duration
from kobai import Adam, History, MultiLayerNet, Trainer

STEPS = 2_000
TARGET_SECONDS = 60.0
SMOOTHED = 25

Gradient = Literal["numerical", "backprop"]


class Training(NamedTuple):
    """What came of a training; the time has the evaluations in it."""

    history: History
    params: Params
    seconds: float
    accuracy: float


def trained(gradient: Gradient, train: Split, test: Split) -> Training:
    net = MultiLayerNet(INPUTS, DEEP_HIDDEN, CLASSES, "sigmoid", "xavier", rng=0)
    trainer = Trainer(net, Adam(), batch_size=BATCH, gradient=gradient, rng=0)
    start = time.perf_counter()
    history = trainer.fit(*train, *test, iterations=STEPS)
    seconds = time.perf_counter() - start
    return Training(history, net.params, seconds, net.accuracy(*test))


def draw(numerical: History, backprop: History) -> None:
    """The losses of both, and how far they are apart."""
    figure = pictures.new_figure(10, 4)
    losses, apart = figure.subplots(1, 2)
    steps = np.arange(STEPS // SMOOTHED) * SMOOTHED + SMOOTHED / 2
    lines = (
        (backprop, "backpropagation", pictures.DATA, 6.0),
        (numerical, "numerical gradient", pictures.FIRST, 1.5),
    )
    for history, label, colour, width in lines:
        means = np.reshape(history.train_loss, (-1, SMOOTHED)).mean(axis=1)
        losses.plot(steps, means, color=colour, linewidth=width, label=label)
    losses.set(
        title=f"{SIZES} on MNIST, Adam", xlabel="step", ylabel=f"loss, mean of {SMOOTHED} batches"
    )
    losses.set_ylim(0, None)
    losses.legend()
    difference = np.abs(np.subtract(numerical.train_loss, backprop.train_loss))
    apart.plot(difference, color=pictures.SECOND, linewidth=0.7)
    apart.set(title="The difference of the two losses", xlabel="step", yscale="log")
    for axes in (losses, apart):
        pictures.tidy(axes)
    pictures.save(figure, "deep.png")


def report(numerical: Training, backprop: Training) -> str:
    """Markdown: a table of both."""
    rows = [
        [name, duration(run.seconds), f"{run.accuracy:.4f}", f"{run.history.train_loss[-1]:.6f}"]
        for name, run in (("numerical gradient", numerical), ("backpropagation", backprop))
    ]
    header = [f"{SIZES}, {STEPS:,} steps of Adam", "time", "test accuracy", "last batch's loss"]
    return page_table(header, rows, 3)


def main() -> int:
    train, test, words = load_splits()
    backprop, numerical = (trained(gradient, train, test) for gradient in ("backprop", "numerical"))
    draw(numerical.history, backprop.history)
    text = report(numerical, backprop)
    for page in WRITTEN_PAGES:
        write_section(page, "training", text)
    print(f"{words}\n\n{text}")
    apart = largest_difference(numerical.params, backprop.params)
    is_met = numerical.seconds < TARGET_SECONDS
    print(f"at the end, parameters differ by at most {apart:.0e}")
    print(f"target, under {TARGET_SECONDS:.0f} s: {met(is_met)}")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
