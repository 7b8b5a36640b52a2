"""The array whose elements are moved, with a copy of its original elements."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kobai._difference.steps import Index
from kobai._validation import FloatArray

Function = Callable[[Any], Any]


class MovedArray:
    """An array whose elements are moved in place.

    Attributes
    ----------
    x : ndarray
        The array that is moved.
    argument : ndarray
        What f is given: `x` itself, or a view of it of another class.
    name : str
        What the user calls it.
    original : ndarray
        The elements as they were, in C order.
    has_raised : bool
        Whether there has been an error that says that f changes its argument.
    """

    def __init__(self, x: FloatArray, argument: FloatArray, name: str) -> None:
        self.x, self.argument, self.name = x, argument, name
        self.has_raised = False
        self._form = argument.shape, argument.dtype
        self.original = x.flatten()

    def indices(self, start: int = 0) -> Iterator[Index]:
        """The indices of the elements in C order, from that of number `start` on."""
        shape = self.x.shape
        if len(shape) == 1:
            return iter(range(start, shape[0]))
        return itertools.islice(itertools.product(*map(range, shape)), start, None)

    def check(self) -> None:
        """Raise a ValueError unless shape, dtype and all bits are the original ones."""
        has_form = (self.argument.shape, self.argument.dtype) == self._form
        if not has_form or self.x.tobytes() != self.original.tobytes():
            raise self.change_error()

    def change_error(self) -> ValueError:
        """The error that says that f changes its argument."""
        self.has_raised = True
        return ValueError(
            "f must not change its argument, which is moved from element to element: let it work "
            f"on a copy, as lambda x: f(x.copy()) does. {self.name} is as it was before"
        )

    def checked(self, f: Function) -> Function:
        """f, but it raises a ValueError if it changes its argument."""

        def ask(argument: FloatArray) -> Any:
            before = argument.shape, argument.dtype, np.asarray(argument).tobytes()
            value = f(argument)
            if (argument.shape, argument.dtype, np.asarray(argument).tobytes()) != before:
                raise self.change_error()
            return value

        return ask

    def restore_after(self, error: BaseException) -> None:
        """Restore the array after an error.

        If f gave its argument another shape, that is the cause of an IndexError or ValueError.
        """
        cause = None if self.has_raised else error
        if self.restore() and isinstance(error, (IndexError, ValueError)):
            raise self.change_error() from cause

    def restore(self) -> bool:
        """Restore shape, dtype and elements; whether f had changed shape, dtype or flags."""
        array: Any = self.argument
        shape, dtype = self._form
        has_changed = (array.shape, array.dtype) != self._form or not array.flags.writeable
        if has_changed:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # new NumPy deprecates assigning shape and dtype
                array.flags.writeable = True
                array.dtype = dtype
                if array.size == self.original.size:
                    array.shape = shape
                else:
                    array.resize(shape, refcheck=False)
        self.x[...] = self.original.reshape(self.x.shape)
        return has_changed
