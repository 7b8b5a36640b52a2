"""What a network computes where its methods are overridden.

A subclass, an attribute of the instance or a patch of the class may replace what kobai's own class
came with. The core knows only the latter, so every method first asks what is replaced: what builds
on it follows it, and what cannot is refused.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, SupportsFloat, TypeVar

import numpy as np
import numpy.typing as npt

from kobai._difference import check_steps
from kobai._validation import HALF_WIDTH, FloatArray, positive_float, real_as_it_lies, targets
from kobai.functions import cross_entropy_error
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
_NAMES = frozenset(_METHODS)
_FORWARD = frozenset(("predict", "loss"))
_NOTHING: frozenset[str] = frozenset()
_methods_of: Callable[[type], tuple[Any, ...]] = operator.attrgetter(*_METHODS)

# Which method of which network asks its parent's for an answer, in each thread.
_asking = threading.local()

_Gradient = dict[str, FloatArray]
_Class = TypeVar("_Class", bound="type[Overridable]")


class Overridable:
    """A network that follows what is put in the place of its methods."""

    _came_with: ClassVar[tuple[Any, ...]]
    dtype: np.dtype[Any]

    def _replaced_methods(self) -> frozenset[str]:
        """The names of the methods that are not those of kobai's own class.

        Those of a subclass, of the instance or of a patched class.
        """
        methods = _methods_of(type(self))
        if methods == self._came_with and _NAMES.isdisjoint(self.__dict__):
            return _NOTHING
        both = zip(_METHODS, methods, self._came_with, strict=True)
        by_class = {name for name, now, then in both if now is not then}
        return frozenset(by_class | (_NAMES & self.__dict__.keys()))

    def loss_and_gradient(self, x: npt.ArrayLike, t: npt.ArrayLike) -> tuple[float, _Gradient]:
        """Loss and gradient by backpropagation, from one forward pass.

        Takes and raises what `loss` does.

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
            if _is_answered_by("gradient", "loss_and_gradient", replaced):
                with self._while_asking("gradient"):
                    return float(self.loss(x, t)), self._by_name(self.gradient(x, t))
            self._check_backpropagation("loss_and_gradient", replaced)
        return self._backpropagation(x, t)

    def _gradient(self, x: npt.ArrayLike, t: npt.ArrayLike) -> _Gradient:
        replaced = self._replaced_methods()
        if replaced:
            if _is_answered_by("loss_and_gradient", "gradient", replaced):
                with self._while_asking("loss_and_gradient"):
                    return self.loss_and_gradient(x, t)[1]
            self._check_backpropagation("gradient", replaced)
        return self._backpropagation(x, t)[1]

    def loss_and_numerical_gradient(
        self,
        x: npt.ArrayLike,
        t: npt.ArrayLike,
        h: SupportsFloat = HALF_WIDTH,
        method: str = "auto",
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
        if _is_answered_by("numerical_gradient", "loss_and_numerical_gradient", replaced):
            # The course's takes nothing but `x` and `t`.
            options = {} if (h, method) == (HALF_WIDTH, "auto") else {"h": h, "method": method}
            with self._while_asking("numerical_gradient"):
                gradient = self._by_name(self.numerical_gradient(x, t, **options))
            return float(self.loss(x, t)), gradient
        if not replaced.isdisjoint(_FORWARD):
            return float(self.loss(x, t)), self._differences_of_loss(x, t, h, method)
        return self._central_differences(x, t, h, method)

    def _numerical_gradient(
        self, x: npt.ArrayLike, t: npt.ArrayLike, h: SupportsFloat, method: str
    ) -> _Gradient:
        h = positive_float("h", h)
        replaced = self._replaced_methods()
        if _is_answered_by("loss_and_numerical_gradient", "numerical_gradient", replaced):
            with self._while_asking("loss_and_numerical_gradient"):
                return self.loss_and_numerical_gradient(x, t, h, method)[1]
        if not replaced.isdisjoint(_FORWARD):
            return self._differences_of_loss(x, t, h, method)
        return self._central_differences(x, t, h, method)[1]

    @contextmanager
    def _while_asking(self, name: str) -> Iterator[None]:
        """While the overridden method of that name is asked, which must not come back here."""
        entries = _asking.__dict__.setdefault("entries", set())
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
        """Refuse the derivative of a loss that is no longer the network's.

        An overridden `gradient` may add to the parent's what its own `loss` adds.
        """
        if "predict" in replaced or ("loss" in replaced and asked not in replaced):
            name = "predict" if "predict" in replaced else "loss"
            raise TypeError(
                f"{type(self).__name__} overrides {name}, of which the backpropagation it inherits "
                "knows nothing: override gradient as well, or take numerical_gradient "
                "(Trainer(net, gradient='numerical'))"
            )

    def _loss_of_prediction(self, x: npt.ArrayLike, t: npt.ArrayLike) -> Any:
        """The loss of what an overridden `predict` answers."""
        return self.dtype.type(cross_entropy_error(self._probabilities(self._predicted(x)), t))

    def _predicted(self, x: npt.ArrayLike) -> npt.NDArray[Any]:
        """What an overridden `predict` answers, one row a sample."""
        name = f"what {type(self).__name__}.predict returns"
        answer = real_as_it_lies(name, self.predict(x))
        samples = np.shape(x)[:1] if np.ndim(x) >= 2 else ()
        if answer.ndim != len(samples) + 1 or answer.shape[:-1] != samples:
            wanted = f"({samples[0]}, K)" if samples else "(K,)"
            raise ValueError(f"{name} must have shape {wanted}, got shape {answer.shape}")
        return answer

    def _correct_predictions(self, x: npt.NDArray[Any], t: npt.NDArray[Any]) -> int:
        """How many of the samples an overridden `predict` puts into the class of the target."""
        scores = self._predicted(x)
        answers = targets("t", t, scores.shape[:-1], scores.shape[-1])
        is_right = ~np.isnan(scores).any(axis=-1)
        if answers.ndim == scores.ndim:
            is_right &= ~np.isnan(answers).any(axis=-1)
            answers = answers.argmax(axis=-1)
        return int(np.count_nonzero(is_right & (scores.argmax(axis=-1) == answers)))

    def _differences_of_loss(
        self, x: npt.ArrayLike, t: npt.ArrayLike, h: float, method: str
    ) -> _Gradient:
        """The central difference of an overridden loss in every parameter, one after the other."""
        if method not in ("auto", "direct"):
            raise ValueError(
                f"method must be 'auto' or 'direct' where predict or loss is overridden, "
                f"got {method!r}"
            )
        params = dict(self._parameters())
        for key, param in params.items():
            _check_movable(self._called(key), param)
            check_steps(key, param, h)
        return {
            key: numerical_gradient(lambda _: self.loss(x, t), param, h)
            for key, param in params.items()
        }

    def predict(self, x: npt.ArrayLike) -> FloatArray:
        """Probabilities or scores of inputs."""
        raise NotImplementedError

    def loss(self, x: npt.ArrayLike, t: npt.ArrayLike) -> Any:
        """The mean loss of a batch."""
        raise NotImplementedError

    def gradient(self, x: npt.ArrayLike, t: npt.ArrayLike) -> Any:
        """Its derivative by the parameters."""
        raise NotImplementedError

    def numerical_gradient(self, x: npt.ArrayLike, t: npt.ArrayLike) -> Any:
        """Its central differences in the parameters."""
        raise NotImplementedError

    def _parameters(self) -> Mapping[str, Any]:
        """The parameters by name."""
        raise NotImplementedError

    def _called(self, key: str) -> str:
        """How users write the parameter of that name."""
        return f"params[{key!r}]"

    def _by_name(self, gradient: Any) -> _Gradient:
        """What `gradient` answers, by the names of the parameters."""
        raise NotImplementedError

    def _probabilities(self, predicted: FloatArray) -> FloatArray:
        """What the loss compares with targets, from what `predict` answers."""
        raise NotImplementedError

    def _backpropagation(self, x: npt.ArrayLike, t: npt.ArrayLike) -> tuple[float, _Gradient]:
        """Loss and gradient of the network itself."""
        raise NotImplementedError

    def _central_differences(
        self, x: npt.ArrayLike, t: npt.ArrayLike, h: float, method: str
    ) -> tuple[float, _Gradient]:
        """Loss and numerical gradient of the network itself."""
        raise NotImplementedError


def _is_answered_by(other: str, asked: str, replaced: frozenset[str]) -> bool:
    """Whether the parent's method `asked` is to answer what the overridden `other` does.

    Not where `asked` is overridden too: that has called its parent's.
    """
    return other in replaced and asked not in replaced


def _check_movable(name: str, param: Any) -> None:
    """Refuse a parameter that numerical_gradient would copy: `loss` does not see a copy."""
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


def came_with(cls: _Class) -> _Class:
    """Note the methods of one of kobai's own networks, so that what replaces them is found."""
    cls._came_with = _methods_of(cls)
    return cls
