"""What a trainer trains and how: its settings, looked at whenever they may have changed."""

from __future__ import annotations

import operator
from typing import Any, Literal, SupportsFloat, SupportsIndex

from kobai._random import Rng, generator
from kobai._training.arguments import check_choice, count
from kobai._training.history import History
from kobai._training.network import Array, Trainable, check_network, loss_and_gradient
from kobai._training.optimizers import Optimizer, check_optimizer
from kobai._training.task import TrainingTask
from kobai._validation import HALF_WIDTH, FloatArray, positive_float
from kobai.optimizers import SGD

_GRADIENTS = ("backprop", "numerical")
_METHODS = ("auto", "node", "incremental", "direct")
_SAMPLINGS = ("shuffle", "replacement")

# The settings that may be replaced during a fit.
_REPLACEABLE = {"net", "optimizer", "gradient", "method", "h"}


class Settings:
    """The settings of a `Trainer`, which documents them."""

    def __init__(
        self,
        net: Trainable,
        optimizer: Optimizer | None = None,
        *,
        batch_size: SupportsIndex = 100,
        gradient: Literal["backprop", "numerical"] = "backprop",
        method: str = "auto",
        h: SupportsFloat = HALF_WIDTH,
        sampling: Literal["shuffle", "replacement"] = "shuffle",
        rng: Rng = None,
    ) -> None:
        # Any: users get back the class they gave, not the protocol.
        self.net: Any = net
        self.optimizer: Optimizer = SGD(lr=0.1) if optimizer is None else optimizer
        self.batch_size = count("batch_size", batch_size)
        self.gradient: str = gradient
        self.method = method
        self.h = positive_float("h", h)
        self.sampling: str = sampling
        self.history = History()
        self._checked: tuple[object, ...] = (None,) * len(TrainingTask._fields)
        self._task()
        self._rng = generator(rng)

    def __repr__(self) -> str:
        gradient = repr(self.gradient)
        if self.gradient == "numerical":
            gradient += f", method={self.method!r}"
            gradient += f", h={self.h!r}" if self.h != HALF_WIDTH else ""
        return (
            f"{type(self).__name__}({_in_short(self.net)}, {_in_short(self.optimizer)}, "
            f"batch_size={self.batch_size}, gradient={gradient}, sampling={self.sampling!r})"
        )

    def loss_and_gradient(
        self, x: Array, t: Array, *, sample_weight: Array | None = None
    ) -> tuple[float, dict[str, FloatArray]]:
        """The loss of a batch, and its gradient as this trainer takes it.

        A subclass may override it: every step asks it then.

        Parameters
        ----------
        x, t : ndarray
            A batch, as the network's `loss` takes it.
        sample_weight : ndarray, optional
            What its samples count, where a fit was given weights.

        Returns
        -------
        loss : float
            The mean loss.
        grads : dict of ndarray
            The keys, shapes and dtype of the network's `params`.

        Examples
        --------
        >>> import numpy as np
        >>> from kobai import Trainer, TwoLayerNet
        >>> trainer = Trainer(TwoLayerNet(4, 8, 4, rng=0), gradient="numerical")
        >>> loss, grads = trainer.loss_and_gradient(np.eye(4), np.arange(4))
        >>> f"{loss:.4f}", grads["W1"].shape
        ('1.3863', (4, 8))
        """
        return loss_and_gradient(
            self.net, self.gradient, self.method, self.h, (x, t), sample_weight
        )

    def _task(self) -> TrainingTask:
        """The settings as they are now."""
        settings = (
            self.net,
            self.optimizer,
            self.batch_size,
            self.gradient,
            self.method,
            self.h,
            self.sampling,
        )
        # Networks and optimizers need not be comparable.
        if not all(map(operator.is_, settings, self._checked)):
            count("batch_size", self.batch_size)
            check_choice("gradient", self.gradient, _GRADIENTS)
            check_choice("method", self.method, _METHODS)
            positive_float("h", self.h)
            check_choice("sampling", self.sampling, _SAMPLINGS)
            check_network(self.net, self.gradient)
            check_optimizer(self.optimizer)
            self._checked = settings
        return TrainingTask(*settings, self.loss_and_gradient, self._is_overridden())

    def _is_overridden(self) -> bool:
        """Whether a subclass or the instance replaces `loss_and_gradient` or computes a setting."""
        kind, attributes = type(self), self.__dict__
        return (
            kind.loss_and_gradient is not _LOSS_AND_GRADIENT
            or "loss_and_gradient" in attributes
            or kind.__getattribute__ is not object.__getattribute__
            # A setting that is no attribute is a property of the subclass.
            or not attributes.keys() >= _REPLACEABLE
        )


_LOSS_AND_GRADIENT = Settings.loss_and_gradient


def _in_short(value: object) -> str:
    """The repr of a setting, or only its class where that takes more than one line."""
    text = repr(value)
    return text if len(text) <= 80 and "\n" not in text else f"<{type(value).__name__}>"
