"""Weights of training samples: whether what a trainer asks takes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from kobai._training.task import TrainingTask
from kobai.networks.layered import LayeredNet


def check_takes_weights(task: TrainingTask) -> None:
    """Raise a TypeError unless all methods that steps ask take ``sample_weight=``."""
    if not _takes_weights(task.loss_and_gradient):
        owner = type(getattr(task.loss_and_gradient, "__self__", None)).__name__
        raise TypeError(_refusal(f"{owner}.loss_and_gradient", "a trainer"))
    if task.is_overridden:
        return
    for name in _asked(task.net, task.gradient):
        method = getattr(task.net, name, None)
        if callable(method) and not _takes_weights(method):
            raise TypeError(_refusal(f"{type(task.net).__name__}.{name}", "a network"))


def _asked(net: Any, gradient: str) -> tuple[str, ...]:
    """The names of the methods that steps of a trainer may call, as far as the network has them."""
    is_backprop = gradient == "backprop"
    if isinstance(net, LayeredNet):
        name = "gradient" if is_backprop else "numerical_gradient"
        return "loss", name, f"loss_and_{name}"
    if is_backprop and hasattr(net, "loss_and_gradient"):
        return ("loss_and_gradient",)
    return "loss", "gradient" if is_backprop else "numerical_gradient"


def _takes_weights(method: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(method).parameters
    except (TypeError, ValueError):  # some functions written in C
        return True
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return True
    named = parameters.get("sample_weight")
    return named is not None and named.kind is not named.POSITIONAL_ONLY


def _refusal(method: str, whose: str) -> str:
    name = method.split(".")[-1]
    return (
        f"sample_weight needs {whose} whose methods take it, {method} does not: "
        f"write def {name}(self, x, t, *, sample_weight=None)"
    )
