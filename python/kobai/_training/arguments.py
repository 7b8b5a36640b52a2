"""Checks of the arguments of a trainer, which errors call by their names."""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from kobai._training.network import Array, checked_data
from kobai._validation import any_real_array, positive_int, sample_weights, shown

Split = tuple[Array, Array]


def check_choice(name: str, value: object, known: tuple[str, ...]) -> None:
    """Raise if a setting is none of those known."""
    wanted = f"{name} must be one of {', '.join(map(repr, known))}"
    if not isinstance(value, str):
        raise TypeError(f"{wanted}, got {shown(value)}")
    if value not in known:
        raise ValueError(f"{wanted}, got {value!r}")


def check_callback(name: str, value: object) -> None:
    """Raise if `value` is neither callable nor None."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be callable, got {shown(value)}")


def count(name: str, value: SupportsIndex) -> int:
    """`value` as an int of at least 1; True and floats are refused."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, got {value}")
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        raise TypeError(f"{name} must be an integer, got {value}: write {int(value)}")
    return positive_int(name, value)


def all_data(
    net: Any,
    x_train: npt.ArrayLike,
    t_train: npt.ArrayLike,
    x_test: npt.ArrayLike | None,
    t_test: npt.ArrayLike | None,
    sample_weight: npt.ArrayLike | None,
) -> tuple[Split, Split | None, Array | None]:
    """The arrays of a fit, after checking that `net` can be trained and tested on them."""
    if isinstance(x_test, (int, np.integer)):
        raise TypeError(
            f"x_test must be an array, got {x_test}: write epochs={x_test} or iterations={x_test}"
        )
    weights = None
    if sample_weight is not None:
        samples = any_real_array("x_train", x_train).shape[:1]
        weights = sample_weights("sample_weight", sample_weight, samples)
    train = _data(net, "train", x_train, t_train, weights)
    if x_test is None and t_test is None:
        return train, None, weights
    return train, _data(net, "test", x_test, t_test), weights


def _data(
    net: Any,
    which: str,
    x: npt.ArrayLike | None,
    t: npt.ArrayLike | None,
    weights: Array | None = None,
) -> Split:
    names = f"x_{which}", f"t_{which}"
    if x is None or t is None:
        raise ValueError(f"{names[0]} and {names[1]} must be given together")
    return checked_data(net, x, t, names, weights)


def total_steps(
    iterations: SupportsIndex | None, epochs: SupportsIndex | None, steps_per_epoch: int
) -> int:
    """How many steps a run takes."""
    if iterations is not None and epochs is None:
        return count("iterations", iterations)
    if epochs is not None and iterations is None:
        return count("epochs", epochs) * steps_per_epoch
    got = "neither" if iterations is None else "both"
    raise ValueError(f"exactly one of iterations and epochs must be given, got {got}")
