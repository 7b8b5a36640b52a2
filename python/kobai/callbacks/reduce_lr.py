"""A callback that lowers the learning rate where a training no longer improves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, SupportsFloat, SupportsIndex

from kobai._validation import fraction, non_negative_float, shown
from kobai.callbacks.callback import Logs
from kobai.callbacks.monitor import Monitor, natural


class ReduceLROnPlateau(Monitor):
    """Lowers the learning rate when a number has not improved for some epochs.

    Parameters
    ----------
    monitor : {"val_loss", "val_accuracy", "loss", "accuracy"}
        The number in `logs` to watch; those with ``val_`` need test data.
    factor : float, default 0.1
        What the learning rate is multiplied by, in [0, 1).
    patience : int, default 10
        How many epochs without an improvement it takes.
    min_delta : float, default 1e-4
        An improvement is a change by more than this.
    mode : {"auto", "min", "max"}
        Whether less or more is better; by default, more is of an accuracy.
    cooldown : int, default 0
        How many epochs after a reduction are not counted.
    min_lr : float, default 0
        The learning rate is not lowered below this.

    Attributes
    ----------
    best : float or None
        The best value so far.
    wait : int
        The number of epochs since.

    Raises
    ------
    TypeError
        If an argument is of the wrong type; when training begins, if the learning rate of the
        optimizer is no number.
    ValueError
        If `monitor` or `mode` is unknown, or a number is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import SGD, Trainer, TwoLayerNet
    >>> from kobai.callbacks import ReduceLROnPlateau
    >>> x, t = np.eye(4), np.arange(4)
    >>> trainer = Trainer(TwoLayerNet(4, 8, 4, rng=0), SGD(lr=0.5), rng=0)
    >>> slower = ReduceLROnPlateau("accuracy", factor=0.5, patience=2)
    >>> history = trainer.fit(x, t, epochs=5, callbacks=[slower])
    >>> history.train_acc, trainer.optimizer.lr
    ([0.25, 0.25, 0.25, 0.25, 0.25, 0.25], 0.125)
    """

    _more = ("resting",)

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        factor: float = 0.1,
        patience: SupportsIndex = 10,
        min_delta: SupportsFloat = 1e-4,
        mode: str = "auto",
        cooldown: SupportsIndex = 0,
        min_lr: SupportsFloat = 0.0,
    ) -> None:
        super().__init__(monitor, patience, min_delta, mode)
        self.factor = fraction("factor", factor, below_one=True)
        self.cooldown = natural("cooldown", cooldown)
        self.min_lr = non_negative_float("min_lr", min_lr)

    def _reset(self) -> None:
        super()._reset()
        self.resting = 0

    def on_train_begin(self, logs: Logs | None = None, **kwargs: Any) -> object:
        """Check that the learning rate is a number, and forget earlier trainings.

        Examples
        --------
        >>> from kobai import Trainer, TwoLayerNet
        >>> from kobai.callbacks import ReduceLROnPlateau
        >>> ReduceLROnPlateau().on_train_begin({}, trainer=Trainer(TwoLayerNet(2, 3, 2, rng=0)))
        """
        if "trainer" in kwargs:
            _rate_of(kwargs["trainer"].optimizer)
        return super().on_train_begin(logs, **kwargs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None, **kwargs: Any) -> object:
        """Lower the learning rate of the trainer's optimizer, where it is time to.

        Examples
        --------
        >>> from kobai import SGD, Trainer, TwoLayerNet
        >>> from kobai.callbacks import ReduceLROnPlateau
        >>> trainer = Trainer(TwoLayerNet(2, 3, 2, rng=0), SGD(lr=0.5))
        >>> slower = ReduceLROnPlateau("loss", factor=0.5, patience=1)
        >>> for epoch in range(3):
        ...     slower.on_epoch_end(epoch, {"loss": 1.0}, trainer=trainer)
        >>> trainer.optimizer.lr
        0.125
        """
        value = self._value(logs)
        if self.resting:
            self.resting, self.wait = self.resting - 1, 0
        if self._has_improved(value):
            self.best, self.wait = value, 0
        elif not self.resting:
            self.wait += 1
            if self.wait >= self.patience:
                optimizer = kwargs["trainer"].optimizer
                lr = _rate_of(optimizer)
                if lr > self.min_lr:
                    optimizer.lr = max(lr * self.factor, self.min_lr)
                    self.resting, self.wait = self.cooldown, 0
        return None

    def _checked(self, state: Mapping[str, Any]) -> dict[str, Any]:
        return {"resting": natural("resting", state["resting"])}


def _rate_of(optimizer: object) -> float:
    lr = getattr(optimizer, "lr", None)
    if lr is None or callable(lr):
        raise TypeError(
            "ReduceLROnPlateau needs an optimizer whose lr is a number, got "
            f"{type(optimizer).__name__} with lr {shown(lr)}"
        )
    return non_negative_float("lr", lr)
