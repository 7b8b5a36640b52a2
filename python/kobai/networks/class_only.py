"""Class methods that an instance does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    class_only = classmethod
else:

    class class_only(classmethod):  # noqa: N801
        """A class method that an instance refuses: what it answers would be lost there."""

        def __get__(self, instance, owner=None):
            """Bind it to the class, or answer an instance with what refuses the call."""
            if instance is None:
                return super().__get__(instance, owner)

            def refuse(*_: object, **__: object) -> NoReturn:
                name, method = type(instance).__name__, self.__name__
                raise TypeError(
                    f"{method} makes a new network and would leave this one as it is: "
                    f"write net = {name}.{method}(...)"
                )

            return refuse
