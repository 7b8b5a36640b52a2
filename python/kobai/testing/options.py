"""The arguments that both checks take."""

from __future__ import annotations

from typing import Any

from kobai._validation import integer, shown


def check_options(elements: Any, directions: Any, seed: Any) -> None:
    """Raise unless they are what `check_gradient` takes."""
    for name, value, words in (
        ("elements", elements, ("auto", "all")),
        ("directions", directions, ("auto",)),
        ("seed", seed, ()),
    ):
        if isinstance(value, str):
            if value not in words:
                wanted = " or ".join([*map(repr, words), "an integer"])
                raise ValueError(f"{name} must be {wanted}, got {shown(value)}")
        elif integer(name, value) < 0:
            raise ValueError(f"{name} must not be negative, got {value}")
