"""What a trainer needs of an optimizer, kobai's own or the user's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from kobai import optimizers
from kobai._validation import shown
from kobai.optimizers.base import BaseOptimizer

_OURS = frozenset(getattr(optimizers, name) for name in optimizers.__all__)


class Optimizer(Protocol):
    """What a `Trainer` needs of an optimizer.

    One that also has ``state_dict()``, a dict of numbers, text, arrays, lists and such dicts, and
    ``load_state_dict(state)`` can be held by a checkpoint.
    """

    def update(self, params: Any, grads: Any, /) -> object:
        """Change the arrays of `params`, a dict, in place by a step along those of `grads`."""


def check_optimizer(optimizer: object) -> None:
    """Raise a TypeError if `optimizer` has no update(params, grads)."""
    if isinstance(optimizer, type):
        raise TypeError(
            f"optimizer must be an optimizer, got the class {optimizer.__name__}: "
            f"write {optimizer.__name__}()"
        )
    update = getattr(optimizer, "update", None)
    if callable(update) and not isinstance(optimizer, Mapping):
        _check_takes_both(update)
        return
    meant = ""
    if isinstance(optimizer, (float, int)) and not isinstance(optimizer, bool):
        meant = f": write SGD(lr={optimizer})"
    elif isinstance(optimizer, str):
        names = {kind.__name__.lower(): kind.__name__ for kind in _OURS}
        meant = f": write {names.get(optimizer.lower(), 'SGD')}()"
    raise TypeError(f"optimizer must have update(params, grads), got {shown(optimizer)}{meant}")


def _check_takes_both(update: Callable[..., object]) -> None:
    try:
        signature = inspect.signature(update)
    except (TypeError, ValueError):  # some functions written in C
        return
    try:
        signature.bind("params", "grads")
    except TypeError as error:
        raise TypeError(f"optimizer must have update(params, grads): {error}") from None


def check_in_place(optimizer: object, params: Mapping[str, Any], answer: object) -> None:
    """Raise a TypeError if an update has answered other arrays instead of changing those it got."""
    if isinstance(answer, Mapping) and any(answer[key] is not params.get(key) for key in answer):
        raise TypeError(
            f"{type(optimizer).__name__}.update(params, grads) must change the arrays of params in "
            "place, got others that it returned"
        )


def last_rate(optimizer: object) -> float | None:
    """The learning rate of the last step, as far as the optimizer tells."""
    if isinstance(optimizer, BaseOptimizer):
        return optimizer.learning_rate(max(optimizer.iter - 1, 0))
    lr = getattr(optimizer, "lr", None)
    return float(lr) if isinstance(lr, (float, int)) else None


def ours(optimizer: object) -> BaseOptimizer | None:
    """`optimizer` itself if it is one of kobai's, with its own update; else None."""
    is_ours = type(optimizer) in _OURS and "update" not in vars(optimizer)
    return optimizer if is_ours and isinstance(optimizer, BaseOptimizer) else None


def described(optimizer: object) -> str:
    """What a resumed run must have in common with the optimizer of the run, but for `lr`.

    Raises
    ------
    TypeError
        If nobody knows what the optimizer remembers from step to step.
    """
    own = ours(optimizer)
    if own is not None:
        settings = ["lr=function"] if callable(own.lr) else []
        settings += [f"{name}={getattr(own, name)!r}" for name in own.setting_names]
        return f"{type(own).__name__}({', '.join(settings)})"
    check_has_state(optimizer)
    return type(optimizer).__name__


def check_has_state(optimizer: object) -> None:
    """Raise a TypeError unless a user's optimizer tells its state, by methods of its own."""
    kind = type(optimizer)
    methods = ("state_dict", "load_state_dict")
    is_inherited = isinstance(optimizer, BaseOptimizer) and any(
        getattr(kind, name) is getattr(BaseOptimizer, name) for name in methods
    )
    if is_inherited or not all(callable(getattr(optimizer, name, None)) for name in methods):
        name = kind.__name__
        changed = f"{name} with an update of its own" if kind in _OURS else name
        raise TypeError(
            "checkpoints need an optimizer of kobai.optimizers itself, or one with state_dict() "
            f"and load_state_dict(state) of its own, got {changed}"
        )
