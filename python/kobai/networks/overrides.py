"""Networks whose methods may be overridden.

A subclass, an instance or a patch of the class may replace methods of kobai's own class. The core
computes only the original ones, so every method first looks which are replaced. Methods that build
on a replaced one call it; where that is impossible, they raise.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, SupportsFloat, TypeVar

import numpy as np
import numpy.typing as npt

from kobai._difference import check_steps
from kobai._snapshot import Snapshot
from kobai._validation import HALF_WIDTH, FloatArray, any_real_array, positive_float, targets
from kobai.gradient import numerical_gradient

_METHODS = (
    "predict",
    "loss",
    "accuracy",
    "gradient",
    "numerical_gradient",
    "loss_and_gradient",
    "loss_and_numerical_gradient",
    "core_layers",
)
_FORWARD = frozenset(("predict", "loss"))

# What a network computes does not depend on these.
_IRRELEVANT = ("accuracy", "save", "load", "_methods", "_parts")

# In each thread, the overridden methods that are being called on behalf of the base class.
_active = threading.local()

_Gradient = dict[str, FloatArray]
_Class = TypeVar("_Class", bound="type[Overridable]")


class Overridable:
    """A network whose gradients follow the methods that a user replaces."""

    _methods: ClassVar[Snapshot]
    _parts: ClassVar[Snapshot]
    dtype: np.dtype[Any]

    def _replaced_methods(self) -> frozenset[str]:
        """The names of the methods that are not those of kobai's own class."""
        return self._methods.replaced_in(self)

    def loss_and_gradient(
        self, x: npt.ArrayLike, t: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> tuple[float, _Gradient]:
        """Loss and gradient by backpropagation, from one forward pass.

        Takes and raises what `loss` does; a TypeError, too, where `gradient` raises one.

        Returns
        -------
        loss : float
            What `loss` gives.
        grads : dict of ndarray
            The derivative by each parameter, in its shape and dtype.

        Examples
        --------
        >>> from kobai import TwoLayerNet
        >>> net = TwoLayerNet(2, 3, 4, weight_init_std=0.0)
        >>> loss, grads = net.loss_and_gradient([0.5, 1.0], 0)
        >>> print(f"{loss:.4f}", grads["b2"].round(4))
        1.3863 [-0.75  0.25  0.25  0.25]
        """
        replaced = self._replaced_methods()
        if replaced:
            if _follows("loss_and_gradient", "gradient", replaced):
                weights = _if_given(sample_weight)
                with self._calling("gradient"):
                    loss = float(self.loss(x, t, **weights))
                    return loss, self._by_name(self.gradient(x, t, **weights))
            self._check_backpropagation("loss_and_gradient", replaced)
        return self._backpropagation(x, t, sample_weight)

    def _gradient(
        self, x: npt.ArrayLike, t: npt.ArrayLike, sample_weight: npt.ArrayLike | None
    ) -> _Gradient:
        replaced = self._replaced_methods()
        if replaced:
            if _follows("gradient", "loss_and_gradient", replaced):
                with self._calling("loss_and_gradient"):
                    return self.loss_and_gradient(x, t, **_if_given(sample_weight))[1]
            self._check_backpropagation("gradient", replaced)
        return self._backpropagation(x, t, sample_weight)[1]

    def loss_and_numerical_gradient(
        self,
        x: npt.ArrayLike,
        t: npt.ArrayLike,
        h: SupportsFloat = HALF_WIDTH,
        method: str = "auto",
        *,
        sample_weight: npt.ArrayLike | None = None,
    ) -> tuple[float, _Gradient]:
        """Loss and numerical gradient, from one forward pass.

        Computed in float64 whatever the network's dtype: the quotient needs the digits. Takes and
        raises what `TwoLayerNet.numerical_gradient` does.

        Returns
        -------
        loss : float
            What `loss` gives, in double precision.
        grads : dict of ndarray
            The central difference in each parameter, in its shape and dtype.

        Examples
        --------
        >>> from kobai import TwoLayerNet
        >>> net = TwoLayerNet(2, 3, 4, weight_init_std=0.0)
        >>> loss, grads = net.loss_and_numerical_gradient([0.5, 1.0], 0)
        >>> print(f"{loss:.4f}", grads["b2"].round(4))
        1.3863 [-0.75  0.25  0.25  0.25]
        """
        h = positive_float("h", h)
        replaced = self._replaced_methods()
        if replaced:
            weights = _if_given(sample_weight)
            if _follows("loss_and_numerical_gradient", "numerical_gradient", replaced):
                # The course's numerical_gradient takes nothing but `x` and `t`.
                options: dict[str, Any] = dict(weights)
                if (h, method) != (HALF_WIDTH, "auto"):
                    options |= {"h": h, "method": method}
                with self._calling("numerical_gradient"):
                    gradient = self._by_name(self.numerical_gradient(x, t, **options))
                return float(self.loss(x, t, **weights)), gradient
            if not replaced.isdisjoint(_FORWARD):
                loss = float(self.loss(x, t, **weights))
                return loss, self._differences_of_loss(x, t, h, method, weights)
        return self._central_differences(x, t, h, method, sample_weight)

    def _numerical_gradient(
        self,
        x: npt.ArrayLike,
        t: npt.ArrayLike,
        h: SupportsFloat,
        method: str,
        sample_weight: npt.ArrayLike | None,
    ) -> _Gradient:
        h = positive_float("h", h)
        replaced = self._replaced_methods()
        if replaced:
            weights = _if_given(sample_weight)
            if _follows("numerical_gradient", "loss_and_numerical_gradient", replaced):
                with self._calling("loss_and_numerical_gradient"):
                    return self.loss_and_numerical_gradient(x, t, h, method, **weights)[1]
            if not replaced.isdisjoint(_FORWARD):
                return self._differences_of_loss(x, t, h, method, weights)
        return self._central_differences(x, t, h, method, sample_weight)[1]

    @contextmanager
    def _calling(self, name: str) -> Iterator[None]:
        """A context that calls the overridden method `name`; a TypeError if that calls back."""
        entries = _active.__dict__.setdefault("entries", set())
        entry = (id(self), name)
        if entry in entries:
            raise TypeError(
                f"{type(self).__name__}.{name} asks for what is computed by {name} itself: "
                f"call super().{name} there"
            )
        entries.add(entry)
        try:
            yield
        finally:
            entries.discard(entry)

    def _check_backpropagation(self, asked: str, replaced: frozenset[str]) -> None:
        """Raise if backpropagation would not give the derivative of the overridden loss.

        An overridden `gradient` may call the parent's and add the derivative of what `loss` adds.
        """
        if "predict" in replaced or ("loss" in replaced and asked not in replaced):
            name = "predict" if "predict" in replaced else "loss"
            raise TypeError(
                f"{type(self).__name__} overrides {name}, of which the backpropagation it inherits "
                "knows nothing: override gradient as well, or take numerical_gradient "
                "(Trainer(net, gradient='numerical'))"
            )

    def _predicted(self, x: npt.ArrayLike) -> npt.NDArray[Any]:
        """The values that an overridden `predict` returns, after checking their shape."""
        name = f"what {type(self).__name__}.predict returns"
        answer = any_real_array(name, self.predict(x))
        samples = np.shape(x)[:1] if np.ndim(x) >= 2 else ()
        if answer.ndim != len(samples) + 1 or answer.shape[:-1] != samples:
            wanted = f"({samples[0]}, K)" if samples else "(K,)"
            raise ValueError(f"{name} must have shape {wanted}, got shape {answer.shape}")
        return answer

    def _correct_predictions(self, x: npt.NDArray[Any], t: npt.NDArray[Any]) -> int:
        """The number of samples that an overridden `predict` classifies as their targets say."""
        scores = self._predicted(x)
        answers = targets("t", t, scores.shape[:-1], scores.shape[-1])
        is_right = ~np.isnan(scores).any(axis=-1)
        if answers.ndim == scores.ndim:
            is_right &= ~np.isnan(answers).any(axis=-1)
            answers = answers.argmax(axis=-1)
        return int(np.count_nonzero(is_right & (scores.argmax(axis=-1) == answers)))

    def _differences_of_loss(
        self, x: npt.ArrayLike, t: npt.ArrayLike, h: float, method: str, weights: dict[str, Any]
    ) -> _Gradient:
        """The central difference of an overridden loss: one parameter after the other is moved."""
        if method not in ("auto", "direct"):
            raise ValueError(
                f"method must be 'auto' or 'direct' where predict or loss is overridden, "
                f"got {method!r}"
            )
        params = dict(self._parameters())
        for key, param in params.items():
            _check_movable(self._display_name(key), param)
            check_steps(key, param, h)
        return {
            key: numerical_gradient(lambda _: self.loss(x, t, **weights), param, h)
            for key, param in params.items()
        }

    def predict(self, x: npt.ArrayLike) -> FloatArray:
        """Probabilities or scores of inputs."""
        raise NotImplementedError

    def loss(
        self, x: npt.ArrayLike, t: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> Any:
        """The mean loss of a batch."""
        raise NotImplementedError

    def gradient(
        self, x: npt.ArrayLike, t: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> Any:
        """Its derivative by the parameters."""
        raise NotImplementedError

    def numerical_gradient(
        self,
        x: npt.ArrayLike,
        t: npt.ArrayLike,
        *,
        h: SupportsFloat = HALF_WIDTH,
        method: str = "auto",
        sample_weight: npt.ArrayLike | None = None,
    ) -> Any:
        """Its central differences in the parameters."""
        raise NotImplementedError

    def _parameters(self) -> Mapping[str, Any]:
        """The parameters by name."""
        raise NotImplementedError

    def _display_name(self, key: str) -> str:
        """The parameter `key` as users write it."""
        return f"params[{key!r}]"

    def _by_name(self, gradient: Any) -> _Gradient:
        """The value that `gradient` returns, as a dict with the names of the parameters."""
        raise NotImplementedError

    def _backpropagation(
        self, x: npt.ArrayLike, t: npt.ArrayLike, sample_weight: npt.ArrayLike | None
    ) -> tuple[float, _Gradient]:
        """Loss and gradient by the core."""
        raise NotImplementedError

    def _central_differences(
        self,
        x: npt.ArrayLike,
        t: npt.ArrayLike,
        h: float,
        method: str,
        sample_weight: npt.ArrayLike | None,
    ) -> tuple[float, _Gradient]:
        """Loss and numerical gradient by the core."""
        raise NotImplementedError


def _follows(method: str, overridden: str, replaced: frozenset[str]) -> bool:
    """Whether our `method` must return what the user's `overridden` method computes.

    If `method` is replaced too, the user's version has called ours, which must not call back.
    """
    return overridden in replaced and method not in replaced


def _if_given(sample_weight: npt.ArrayLike | None) -> dict[str, Any]:
    """The keyword of weights, which a user's own methods need take only if there are any."""
    return {} if sample_weight is None else {"sample_weight": sample_weight}


def _check_movable(name: str, param: Any) -> None:
    """Raise if numerical_gradient would move a copy of `param`, which `loss` does not read."""
    if not (
        isinstance(param, np.ndarray)
        and param.dtype in (np.float32, np.float64)
        and param.flags.writeable
        and param.flags.aligned
    ):
        raise ValueError(
            f"{name} must be a writable, aligned array of native float32 or float64, so that it "
            "can be moved in place"
        )


def remember_original(cls: _Class) -> _Class:
    """Take snapshots of one of kobai's own networks, by which replaced attributes are found."""
    names = [name for name in dir(cls) if not name.startswith("__") and name not in _IRRELEVANT]
    cls._methods, cls._parts = Snapshot(cls, _METHODS), Snapshot(cls, names)
    return cls


def is_unchanged(net: object) -> bool:
    """Whether `net` is a network of kobai's with `params`, and computes what kobai's class does.

    Then nothing is replaced by which it does so, and no parameter is made up when it is asked for.
    """
    kind = type(net)
    return (
        issubclass(kind, Overridable)
        and kind.__getattribute__ is object.__getattribute__
        and type(net.__dict__.get("params")) is dict
        and not kind._parts.replaced_in(net)  # noqa: SLF001
    )
