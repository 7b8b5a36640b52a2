"""A class as it was defined, to find what has been replaced since."""

from __future__ import annotations

import operator
from collections.abc import Sequence

_NOTHING: frozenset[str] = frozenset()


class Snapshot:
    """Attributes of a class, at least two, as they are when this is made.

    A subclass, an instance or a patch of the class may replace them later.
    """

    def __init__(self, cls: type, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._set = frozenset(names)
        self._values_in = operator.attrgetter(*names)
        self._originals = self._values_in(cls)

    def replaced_in(self, instance: object) -> frozenset[str]:
        """The names of the attributes that `instance` or its class has replaced."""
        values = self._values_in(type(instance))
        if values == self._originals and self._set.isdisjoint(instance.__dict__):
            return _NOTHING
        both = zip(self._names, values, self._originals, strict=True)
        by_class = {name for name, value, original in both if value is not original}
        return frozenset(by_class | (self._set & instance.__dict__.keys()))
