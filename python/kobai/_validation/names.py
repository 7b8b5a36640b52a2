"""Names out of a list."""

from __future__ import annotations

from collections.abc import Iterable

from kobai._validation.messages import shown


def known_name(name: str, value: object, known: Iterable[str]) -> str:
    """`value` as one of the names `known`, which are in lower case; its own case does not matter.

    `name` is what the caller knows it as.
    """
    names = tuple(known)
    wanted = ", ".join(map(repr, names[:-1])) + f" or {names[-1]!r}"
    if not isinstance(value, str):
        raise TypeError(f"{name} must be {wanted}, got {shown(value)}")
    if value.lower() not in names:
        raise ValueError(f"{name} must be {wanted}, got {shown(value)}")
    return value.lower()
