"""Losses by name: as users write them, as files hold them, and as the core takes them."""

from __future__ import annotations

import dataclasses
from typing import Any

from kobai._validation import known_name, shown
from kobai.losses.absolute_error import AbsoluteError
from kobai.losses.base import Loss
from kobai.losses.binary_cross_entropy import BinaryCrossEntropy
from kobai.losses.cross_entropy import CrossEntropy
from kobai.losses.huber import Huber
from kobai.losses.pinball import Pinball
from kobai.losses.poisson import Poisson
from kobai.losses.squared_error import SquaredError

_LOSSES: dict[str, type[Any]] = {
    "cross_entropy": CrossEntropy,
    "squared_error": SquaredError,
    "binary_cross_entropy": BinaryCrossEntropy,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "pinball": Pinball,
    "poisson": Poisson,
}
_NAMES = {kind: name for name, kind in _LOSSES.items()}


def loss_named(name: str, loss: str | Loss) -> Loss:
    """The loss that the argument `name` stands for: a loss of kobai's, or the name of one."""
    if type(loss) in _NAMES:
        return loss  # type: ignore[return-value]
    if isinstance(loss, str):
        made: Loss = _LOSSES[known_name(name, loss, _LOSSES)]()
        return made
    if isinstance(loss, type) and loss in _NAMES:
        raise TypeError(f"{name} must be a loss, got its class: write {loss.__name__}()")
    known = ", ".join(map(repr, _LOSSES))
    raise TypeError(f"{name} must be one of {known}, or a loss of kobai.losses, got {shown(loss)}")


def core_loss(loss: Any) -> tuple[str, list[float]]:
    """The loss as the core takes it: its name, and the numbers of its formula."""
    return _NAMES[type(loss)], list(dataclasses.astuple(loss))


def described(loss: Any) -> dict[str, Any]:
    """The loss as JSON can hold it: its name and its settings."""
    return {"name": _NAMES[type(loss)], **dataclasses.asdict(loss)}


def from_description(description: Any) -> Loss:
    """The loss that `described` has described; a ValueError or TypeError if it is none."""
    if not isinstance(description, dict) or not isinstance(description.get("name"), str):
        raise TypeError(f"the loss must be described by its name, got {shown(description)}")
    settings = {key: value for key, value in description.items() if key != "name"}
    if description["name"] not in _LOSSES:
        raise ValueError(f"there is no loss {shown(description['name'])}")
    kind = _LOSSES[description["name"]]
    if settings.keys() != {field.name for field in dataclasses.fields(kind)}:
        raise ValueError(f"{kind.__name__} has other settings than {shown(sorted(settings))}")
    if not all(type(value) in (int, float) for value in settings.values()):
        raise TypeError(f"settings of a loss must be numbers, got {shown(settings)}")
    made: Loss = kind(**settings)
    return made
