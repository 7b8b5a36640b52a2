"""What is recorded between two epochs: accuracies, and the loss of the test data."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kobai._training.dataset import Array, Dataset
from kobai._training.history import History
from kobai._training.network import has_accuracy, mean_loss
from kobai._validation import real_number


class Scores(NamedTuple):
    """How well a network does at one moment; None where there is nothing to say."""

    train_acc: float | None
    test_acc: float | None
    test_loss: float | None

    def add_to(self, history: History) -> None:
        if self.train_acc is not None:
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
        knows_classes = has_accuracy(net)
        train_acc = _accuracy(net, *self._chosen(self._train, net)) if knows_classes else None
        if self._test is None:
            return Scores(train_acc, None, None)
        test = self._chosen(self._test, net)
        test_acc = _accuracy(net, *test) if knows_classes else None
        return Scores(train_acc, test_acc, mean_loss(net, *test))

    def _chosen(self, data: Dataset, net: Any) -> tuple[Array, Array]:
        """All samples that count, or as many as were asked for, evenly spread over them."""
        x, t = data.arrays(net.params.values())
        rows = data.counted
        count = len(x) if rows is None else len(rows)
        if self._samples is not None and self._samples < count:
            spread = np.arange(self._samples) * count // self._samples
            rows = spread if rows is None else rows[spread]
        return (x, t) if rows is None else (x[rows], t[rows])


def _accuracy(net: Any, x: Array, t: Array) -> float:
    return real_number("accuracy", net.accuracy(x, t))


def epoch_logs(history: History, epoch: int, lr: float | None, seconds: float) -> dict[str, float]:
    """What callbacks are told of an epoch, the one that was recorded last."""
    start = epoch * history.steps_per_epoch
    losses = history.train_loss[start : start + history.steps_per_epoch]
    logs = {"loss": sum(losses) / len(losses)}
    recorded = {
        "accuracy": history.train_acc,
        "val_loss": history.test_loss,
        "val_accuracy": history.test_acc,
    }
    logs |= {name: values[-1] for name, values in recorded.items() if values}
    if lr is not None:
        logs["lr"] = lr
    return logs | {"seconds": seconds}
