"""A callback that ends a training that no longer improves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np

from kobai._validation import shown
from kobai.callbacks.callback import Logs
from kobai.callbacks.monitor import Monitor, natural


class EarlyStopping(Monitor):
    """Ends the training when a number has not improved for some epochs.

    Parameters
    ----------
    monitor : {"val_loss", "val_accuracy", "loss", "accuracy"}
        The number in `logs` to watch; those with ``val_`` need test data.
    patience : int, default 0
        How many epochs in a row without an improvement end the training; 0 is as 1.
    min_delta : float, default 0
        An improvement is a change by more than this.
    restore_best_weights : bool, default False
        Whether the network gets back the parameters of its best epoch, however the training ends:
        also if it was to end then, by Ctrl-C, or by an exception. A checkpoint still holds those of
        the last step.
    mode : {"auto", "min", "max"}
        Whether less or more is better; by default, more is of an accuracy.

    Attributes
    ----------
    best : float or None
        The best value so far.
    best_epoch : int or None
        The epoch it was reached in, counted from 0.
    wait : int
        The number of epochs since.

    Raises
    ------
    TypeError
        If an argument is of the wrong type.
    ValueError
        If `monitor` or `mode` is unknown, or a number is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import SGD, Trainer, TwoLayerNet
    >>> from kobai.callbacks import EarlyStopping
    >>> x, t = np.eye(4), np.arange(4)
    >>> net = TwoLayerNet(4, 8, 4, weight_init_std=1.0, rng=0)
    >>> stopping = EarlyStopping("val_accuracy", patience=3, restore_best_weights=True)
    >>> trainer = Trainer(net, SGD(lr=3.0), batch_size=2, rng=0)
    >>> history = trainer.fit(x, t, x, t, epochs=99, callbacks=[stopping])
    >>> len(history.train_acc), stopping.best_epoch, stopping.best
    (8, 3, 1.0)
    """

    _more = ("best_epoch", "weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        patience: SupportsIndex = 0,
        min_delta: SupportsFloat = 0.0,
        restore_best_weights: bool = False,
        mode: str = "auto",
    ) -> None:
        super().__init__(monitor, patience, min_delta, mode)
        self.restore_best_weights = bool(restore_best_weights)

    def _reset(self) -> None:
        super()._reset()
        self.best_epoch: int | None = None
        self.weights: dict[str, Any] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None, **kwargs: Any) -> bool:
        """True if the training is to end.

        Examples
        --------
        >>> from kobai.callbacks import EarlyStopping
        >>> stopping = EarlyStopping("loss")
        >>> [stopping.on_epoch_end(k, {"loss": loss}) for k, loss in enumerate([3.0, 2.0, 2.0])]
        [False, False, True]
        """
        value = self._value(logs)
        if self._has_improved(value):
            self.best, self.best_epoch, self.wait = value, epoch, 0
            if self.restore_best_weights and "net" in kwargs:
                params = kwargs["net"].params
                self.weights = {key: np.array(param) for key, param in params.items()}
            return False
        self.wait += 1
        return self.wait >= max(self.patience, 1)

    def on_train_end(self, logs: Logs | None = None, **kwargs: Any) -> object:
        """Give the network the best parameters, where that was asked for.

        Examples
        --------
        >>> from kobai import TwoLayerNet
        >>> from kobai.callbacks import EarlyStopping
        >>> net = TwoLayerNet(2, 3, 2, rng=0)
        >>> stopping = EarlyStopping("loss", restore_best_weights=True)
        >>> stopping.on_epoch_end(0, {"loss": 0.5}, net=net)
        False
        >>> net.params["b2"] += 1
        >>> stopping.on_train_end({}, net=net)
        >>> net.params["b2"]
        array([0., 0.])
        """
        if self.restore_best_weights and self.weights is not None and "net" in kwargs:
            _put_into(kwargs["net"].params, self.weights)
        return None

    def check_fits(self, net: Any) -> None:
        """Raise a ValueError if the best parameters are those of another network.

        Examples
        --------
        >>> from kobai import TwoLayerNet
        >>> from kobai.callbacks import EarlyStopping
        >>> EarlyStopping("loss").check_fits(TwoLayerNet(2, 3, 2, rng=0))
        """
        if self.weights is None:
            return
        best, params = map(_forms_of, (self.weights, net.params))
        if best != params:
            raise ValueError(f"the best weights must be those of the network, {params}, got {best}")

    def _checked(self, state: Mapping[str, Any]) -> dict[str, Any]:
        epoch, weights = state["best_epoch"], state["weights"]
        if weights is not None and not (
            isinstance(weights, Mapping)
            and all(isinstance(array, np.ndarray) for array in weights.values())
        ):
            raise TypeError(f"weights must be a dict of arrays, got {shown(weights)}")
        return {
            "best_epoch": None if epoch is None else natural("best_epoch", epoch),
            "weights": None if weights is None else dict(weights),
        }


def _forms_of(params: Mapping[str, Any]) -> dict[str, str]:
    return {key: f"{np.asarray(param).dtype} {np.shape(param)}" for key, param in params.items()}


def _put_into(params: Any, weights: Mapping[str, Any]) -> None:
    """Write `weights` into the arrays of `params`; where they do not fit, replace these."""
    for key, best in weights.items():
        param = params.get(key)
        if (
            isinstance(param, np.ndarray)
            and (param.shape, param.dtype) == (best.shape, best.dtype)
            and param.flags.writeable
        ):
            param[...] = best
        else:
            params[key] = np.array(best)
