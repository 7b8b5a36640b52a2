"""Regression by each loss, of a noisy sine and of diabetes: python -m benchmarks.regression

Draws docs/images/sine.png and docs/images/diabetes.png, and writes how well the fits do into
docs/networks.md and its translation. The data of diabetes are those of scikit-learn.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks import pictures
from benchmarks.facts import WRITTEN_PAGES
from benchmarks.pages import page_table, write_section
from benchmarks.problem import Array, Split
from kobai import Adam, MultiLayerNet, Trainer
from kobai.callbacks import EarlyStopping
from kobai.losses import AbsoluteError, Huber, Loss, Pinball, SquaredError

MEANS: dict[str, Loss] = {
    "squared error": SquaredError(),
    "absolute error": AbsoluteError(),
    "Huber, delta 0.2": Huber(delta=0.2),
}
QUANTILES: dict[str, Loss] = {f"pinball {q}": Pinball(quantile=q) for q in (0.1, 0.5, 0.9)}
LOSSES = {**MEANS, **QUANTILES}
LOW, MEDIAN, HIGH = QUANTILES

COLOURS = (pictures.FIRST, pictures.SECOND, pictures.THIRD)

# Of the targets of the sine, so many are this much too high.
FAR_SHARE, FAR = 0.05, 3.0
FOLDS = 5


class Architecture(NamedTuple):
    """The hidden layers, and what goes with them."""

    hidden: list[int]
    activation: str
    weight_init_std: str
    weight_decay: float
    learning_rate: float


SINE = Architecture([32, 32], "tanh", "xavier", 0.0, 0.005)
DIABETES = Architecture([32, 16], "relu", "he", 0.03, 0.002)
LINEAR = Architecture([], "identity", "xavier", 0.03, 0.002)


def fitted(net_of: Architecture, loss: Loss, train: Split, validation: Split) -> MultiLayerNet:
    """A network trained until the loss of other data no longer improves."""
    hidden, activation, std, decay, lr = net_of
    net = MultiLayerNet(train[0].shape[1], hidden, 1, activation, std, decay, loss=loss, rng=0)
    stopping = EarlyStopping(patience=40, restore_best_weights=True)
    trainer = Trainer(net, Adam(lr=lr), batch_size=40, rng=0)
    trainer.fit(*train, *validation, epochs=500, progress=False, callbacks=[stopping])
    return net


def noisy_sine(rng: np.random.Generator, samples: int) -> Split:
    """Noise that grows from left to right, and a few targets that are far too high."""
    x = rng.uniform(-3, 3, samples)
    noise = rng.normal(0, 0.1 + 0.05 * (x + 3))
    is_far = rng.random(samples) < FAR_SHARE
    return x[:, np.newaxis], (np.sin(x) + noise + FAR * is_far)[:, np.newaxis]


def sine() -> list[list[str]]:
    """Fit the sine, draw it; a line for each loss."""
    rng = np.random.default_rng(0)
    train, validation, test = (noisy_sine(rng, samples) for samples in (2000, 1000, 4000))
    nets = {name: fitted(SINE, loss, train, validation) for name, loss in LOSSES.items()}
    figure = pictures.new_figure(10, 4)
    grid = np.linspace(-3, 3, 301)[:, np.newaxis]
    for axes, losses in zip(figure.subplots(1, 2, sharey=True), (MEANS, QUANTILES), strict=True):
        axes.plot(*train, ".", color=pictures.DATA, markersize=3)
        axes.plot(grid, np.sin(grid), "--", color="black", linewidth=1, label="sine")
        for name, colour in zip(losses, COLOURS, strict=True):
            axes.plot(grid, nets[name].predict(grid), color=colour, linewidth=2, label=name)
        axes.set(xlabel="x", ylim=(-2, 4.5))
        axes.legend(loc="upper left")
        pictures.tidy(axes)
    pictures.save(figure, "sine.png")
    lines = []
    for name, net in nets.items():
        distance = np.sqrt(np.mean((net.predict(grid) - np.sin(grid)) ** 2))
        is_central = name not in (LOW, HIGH)
        line = _line(name, net.predict(test[0]), test[1])
        lines.append(["noisy sine", *line, f"{distance:.2f}" if is_central else ""])
    return lines


def folds(samples: int) -> Iterator[tuple[Array, Array, Array]]:
    """Indices to train with, to stop by and to judge by; every sample is judged by once."""
    pieces = np.array_split(np.random.default_rng(0).permutation(samples), FOLDS)
    for k in range(FOLDS):
        test, validation, *train = (pieces[(k + i) % FOLDS] for i in range(FOLDS))
        yield np.concatenate(train), validation, test


def cross_validated(net_of: Architecture, loss: Loss, x: Array, t: Array) -> Array:
    """What networks answer for samples that they were not trained with."""
    answers = np.empty_like(t)
    for train, validation, test in folds(len(x)):
        mean, unit = t[train].mean(), t[train].std()
        scaled = (t - mean) / unit
        net = fitted(net_of, loss, (x[train], scaled[train]), (x[validation], scaled[validation]))
        answers[test] = mean + unit * net.predict(x[test])
    return answers


def diabetes() -> list[list[str]]:
    """Fit the diabetes data of scikit-learn, all ten features, draw it; a line for each loss."""
    from sklearn.datasets import load_diabetes

    x, t = load_diabetes(return_X_y=True)
    x, t = x / x.std(axis=0), t[:, np.newaxis]
    answers = {name: cross_validated(DIABETES, loss, x, t) for name, loss in LOSSES.items()}
    _draw_diabetes(answers, t)
    linear = cross_validated(LINEAR, SquaredError(), x, t)
    named = {"squared error, no hidden layer": linear, **answers}
    return [["diabetes", *_line(name, answer, t), ""] for name, answer in named.items()]


def _draw_diabetes(answers: dict[str, Array], t: Array) -> None:
    figure = pictures.new_figure(10, 4)
    left, right = figure.subplots(1, 2, sharey=True)
    left.plot(answers["squared error"], t, ".", color=pictures.FIRST, markersize=4)
    left.plot([25, 300], [25, 300], "--", color="black", linewidth=1)
    left.set(xlabel="squared error: the network's answer", ylabel="progression after a year")
    order = np.argsort(answers[MEDIAN][:, 0])
    low, median, high = (answers[name][order, 0] for name in QUANTILES)
    place = np.arange(len(order))
    right.fill_between(place, low, high, color=pictures.SECOND, alpha=0.25, label=f"{LOW} to 0.9")
    right.plot(place, median, color=pictures.SECOND, label=MEDIAN)
    right.plot(place, t[order], ".", color=pictures.DATA, markersize=4)
    right.set(xlabel="patients in the order of the median")
    right.legend(loc="upper left")
    for axes in (left, right):
        pictures.tidy(axes)
    pictures.save(figure, "diabetes.png")


def _line(name: str, answer: Array, t: Array) -> list[str]:
    """How well an answer does: R2, the mean absolute error, and the share of targets below it."""
    below = f"{np.mean(t < answer):.0%}"
    if name in (LOW, HIGH):  # not meant to be near the targets
        return [name, "", "", below]
    explained: Any = 1 - np.sum((t - answer) ** 2) / np.sum((t - t.mean()) ** 2)
    error = np.abs(t - answer).mean()
    return [name, f"{explained:.2f}", f"{error:.{2 if error < 10 else 0}f}", below]


def main() -> int:
    header = [
        "data",
        "loss",
        "R²",
        "mean absolute error",
        "targets below",
        "distance from the sine",
    ]
    text = page_table(header, [*sine(), *diabetes()], 4)
    for page in WRITTEN_PAGES:
        write_section(page, "regression", text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
