"""The time that callbacks take between epochs, beside an epoch: python -m benchmarks.callbacks

Three callbacks stand between two that read the clock, from the first hook at the end of an epoch to
the last at the beginning of the next. An epoch is one of 60,000 images of 784 pixels by
backpropagation in float32, its accuracies included.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.problem import BATCH, CLASSES, EPOCH_IMAGES, HIDDEN, INPUTS
from benchmarks.report import table
from benchmarks.timing import duration
from kobai import SGD, MultiLayerNet, Trainer, TwoLayerNet
from kobai.callbacks import Callback, CSVLogger, EarlyStopping, ReduceLROnPlateau

EPOCHS = 15
INTRODUCTION = """\
`EarlyStopping` that keeps the best weights, `ReduceLROnPlateau` and `CSVLogger` with test data;
medians over the epochs of one training.

"""


class First(Callback):
    """Notes when the hooks of an epoch's end begin."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_epoch_end(self, *_: Any, **__: Any) -> None:
        self.times.append(time.perf_counter())


class Last(Callback):
    """Notes when those of the next epoch's beginning have run."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        self.times.append(time.perf_counter())


def measure_one(net: TwoLayerNet | MultiLayerNet) -> tuple[float, float]:
    """The seconds of an epoch, and those that its callbacks take."""
    rng = np.random.default_rng(0)
    x = rng.random((EPOCH_IMAGES, INPUTS), np.float32)
    x *= rng.random(x.shape, np.float32) < 0.2
    t = rng.integers(0, CLASSES, EPOCH_IMAGES)
    first, last = First(), Last()
    with tempfile.TemporaryDirectory() as folder:
        three = [
            EarlyStopping(patience=EPOCHS, restore_best_weights=True),
            ReduceLROnPlateau(patience=EPOCHS),
            CSVLogger(Path(folder, "log.csv")),
        ]
        trainer = Trainer(net, SGD(lr=0.1), batch_size=BATCH, rng=0)
        test = x[:10_000], t[:10_000]
        trainer.fit(x, t, *test, epochs=EPOCHS, progress=False, callbacks=[first, *three, last])
    epochs = np.diff(last.times)
    between = np.subtract(last.times[1:], first.times[:-1])
    return statistics.median(epochs), statistics.median(between)


def measure() -> str:
    """Markdown: a table of two networks."""
    nets = (
        TwoLayerNet(INPUTS, HIDDEN, CLASSES, rng=0, dtype=np.float32),
        MultiLayerNet(INPUTS, [100, 100], CLASSES, "sigmoid", "xavier", rng=0, dtype=np.float32),
    )
    rows = []
    for net in nets:
        epoch, between = measure_one(net)
        sizes = "-".join(
            map(str, [INPUTS, *(param.size for param in net.params.values() if param.ndim == 1)])
        )
        rows.append([sizes, duration(epoch), duration(between), f"{100 * between / epoch:.2f} %"])
    return INTRODUCTION + table(("network", "an epoch", "three callbacks", "share"), rows)


if __name__ == "__main__":
    print(measure())
