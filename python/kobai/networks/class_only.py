"""Class methods that cannot be called on an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    class_only = classmethod
else:

    class class_only(classmethod):  # noqa: N801
        """A class method that raises when an instance calls it, which would ignore the result."""

        def __get__(self, instance, owner=None):
            """The method bound to the class; for an instance, a function that raises."""
            if instance is None:
                return super().__get__(instance, owner)

            def refuse(*_: object, **__: object) -> NoReturn:
                name, method = type(instance).__name__, self.__name__
                raise TypeError(
                    f"{method} makes a new network and would leave this one as it is: "
                    f"write net = {name}.{method}(...)"
                )

            return refuse
