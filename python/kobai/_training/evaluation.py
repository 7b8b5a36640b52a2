"""What is recorded between two epochs: accuracies, and the loss of the test data."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kobai._training.dataset import Array, Dataset
from kobai._training.history import History
from kobai._training.network import mean_loss
from kobai._validation import real_number


class Scores(NamedTuple):
    """How well a network does at one moment; None where there are no test data."""

    train_acc: float
    test_acc: float | None
    test_loss: float | None

    def add_to(self, history: History) -> None:
        history.train_acc.append(self.train_acc)
        if self.test_acc is not None:
            history.test_acc.append(self.test_acc)
        if self.test_loss is not None:
            history.test_loss.append(self.test_loss)


class Evaluation:
    """Asks networks about the data of a run, or about so many samples of each set."""

    def __init__(self, train: Dataset, test: Dataset | None, samples: int | None) -> None:
        self._train, self._test = train, test
        self._samples = samples

    def scores(self, net: Any) -> Scores:
        train_acc = real_number("accuracy", net.accuracy(*self._chosen(self._train, net)))
        if self._test is None:
            return Scores(train_acc, None, None)
        test = self._chosen(self._test, net)
        test_acc = real_number("accuracy", net.accuracy(*test))
        return Scores(train_acc, test_acc, mean_loss(net, *test))

    def _chosen(self, data: Dataset, net: Any) -> tuple[Array, Array]:
        """All samples, or as many as were asked for, evenly spread over them."""
        x, t = data.arrays(net.params.values())
        if self._samples is None or self._samples >= len(x):
            return x, t
        rows = np.arange(self._samples) * len(x) // self._samples
        return x[rows], t[rows]


def epoch_logs(history: History, epoch: int, lr: float | None, seconds: float) -> dict[str, float]:
    """What callbacks are told of an epoch, the one that was recorded last."""
    start = epoch * history.steps_per_epoch
    losses = history.train_loss[start : start + history.steps_per_epoch]
    logs = {"loss": sum(losses) / len(losses), "accuracy": history.train_acc[-1]}
    if history.test_loss:
        logs |= {"val_loss": history.test_loss[-1], "val_accuracy": history.test_acc[-1]}
    if lr is not None:
        logs["lr"] = lr
    return logs | {"seconds": seconds}
