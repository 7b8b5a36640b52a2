"""The base of callbacks that watch whether a number still improves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, SupportsFloat, SupportsIndex

from kobai._validation import (
    integer,
    non_negative_float,
    real_number,
    shown,
)
from kobai.callbacks.callback import Callback, Logs

#: The numbers that can be monitored; those of them that need test data, and a network of classes.
MONITORED = ("loss", "accuracy", "val_loss", "val_accuracy")
NEED_TEST_DATA = ("val_loss", "val_accuracy")
NEED_CLASSES = ("accuracy", "val_accuracy")

_MODES = ("auto", "min", "max")


class Monitor(Callback):
    """Counts the epochs since a number has improved.

    Attributes
    ----------
    best : float or None
        The best value so far.
    wait : int
        The number of epochs since.
    """

    is_interruptible = False

    #: What else the state holds.
    _more: tuple[str, ...] = ()

    def __init__(
        self, monitor: str, patience: SupportsIndex, min_delta: SupportsFloat, mode: str
    ) -> None:
        if monitor not in MONITORED:
            raise ValueError(
                f"monitor must be one of {', '.join(map(repr, MONITORED))}, got {shown(monitor)}"
            )
        if mode not in _MODES:
            raise ValueError(
                f"mode must be one of {', '.join(map(repr, _MODES))}, got {shown(mode)}"
            )
        self.monitor = monitor
        self.patience = natural("patience", patience)
        self.min_delta = non_negative_float("min_delta", min_delta)
        self.mode = mode
        self._reset()

    def _reset(self) -> None:
        self.best: float | None = None
        self.wait = 0

    def on_train_begin(self, logs: Logs | None = None, **kwargs: Any) -> object:
        """Forget earlier trainings, unless this one is resumed.

        Examples
        --------
        >>> from kobai.callbacks import EarlyStopping
        >>> stopping = EarlyStopping("loss", patience=2)
        >>> stopping.wait = 1
        >>> stopping.on_train_begin({})
        >>> stopping.wait
        0
        """
        history = kwargs.get("history")
        if history is None or not history.train_loss:
            self._reset()
        return None

    def _value(self, logs: Logs | None) -> float:
        if logs is None or self.monitor not in logs:
            known = "nothing" if not logs else ", ".join(logs)
            raise ValueError(f"{type(self).__name__} monitors {self.monitor}, logs hold {known}")
        return real_number(self.monitor, logs[self.monitor])

    def _has_improved(self, value: float) -> bool:
        """Whether `value` is better than the best by more than `min_delta`; NaN never is."""
        if self.best is None:
            return not math.isnan(value)
        is_greater = self.mode == "max" or (self.mode == "auto" and "accuracy" in self.monitor)
        gain = value - self.best if is_greater else self.best - value
        return gain > self.min_delta

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` of another one continues with.

        Examples
        --------
        >>> from kobai.callbacks import EarlyStopping
        >>> stopping = EarlyStopping("loss")
        >>> stopping.on_epoch_end(0, {"loss": 0.5})
        False
        >>> stopping.state_dict()
        {'best': 0.5, 'wait': 0, 'best_epoch': 0, 'weights': None}
        """
        return {name: getattr(self, name) for name in ("best", "wait", *self._more)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue with what `state_dict` has returned.

        Raises
        ------
        TypeError, ValueError
            If it is no such state. Nothing has been changed then.

        Examples
        --------
        >>> from kobai.callbacks import ReduceLROnPlateau
        >>> first, second = ReduceLROnPlateau("loss"), ReduceLROnPlateau("loss")
        >>> first.wait = 3
        >>> second.load_state_dict(first.state_dict())
        >>> second.wait
        3
        """
        wanted = {"best", "wait", *self._more}
        if not isinstance(state, Mapping) or state.keys() != wanted:
            raise ValueError(f"state must be a dict with the keys {', '.join(sorted(wanted))}")
        loaded = {
            "best": None if state["best"] is None else real_number("best", state["best"]),
            "wait": natural("wait", state["wait"]),
            **self._checked(state),
        }
        for name, value in loaded.items():
            setattr(self, name, value)

    def _checked(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a state that only this class has."""
        raise NotImplementedError

    def check_fits(self, net: Any) -> None:
        """Raise a ValueError if the state is that of another network.

        Examples
        --------
        >>> from kobai import TwoLayerNet
        >>> from kobai.callbacks import EarlyStopping
        >>> EarlyStopping("loss").check_fits(TwoLayerNet(2, 3, 2, rng=0))
        """


def natural(name: str, value: SupportsIndex) -> int:
    """`value` as an int of at least 0."""
    count = integer(name, value)
    if isinstance(value, bool) or count < 0:
        raise ValueError(f"{name} must be an integer of at least 0, got {shown(value)}")
    return count
