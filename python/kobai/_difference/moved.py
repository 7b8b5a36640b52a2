"""The array in which a function is asked about, and what it was before."""

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

    `x` is what is moved, a plain array; `argument` is what f is given, `x` itself or a view of it
    of another class; `name` is what the caller knows it as. `is_told` is whether there has been
    an error that says that f changes its argument.
    """

    def __init__(self, x: FloatArray, argument: FloatArray, name: str) -> None:
        self.x, self.argument, self.name = x, argument, name
        self.is_told = False
        self._form = argument.shape, argument.dtype
        self._kept = x.flatten()

    def indices(self) -> Iterator[Index]:
        """Those of all elements, in C order."""
        shape = self.x.shape
        return iter(range(shape[0])) if len(shape) == 1 else itertools.product(*map(range, shape))

    def check(self) -> None:
        """A ValueError unless all is as it was before, bit for bit."""
        has_form = (self.argument.shape, self.argument.dtype) == self._form
        if not has_form or self.x.tobytes() != self._kept.tobytes():
            raise self.changed()

    def changed(self) -> ValueError:
        """The error of an f that changes its argument."""
        self.is_told = True
        return ValueError(
            "f must not change its argument, which is moved from element to element: let it work "
            f"on a copy, as lambda x: f(x.copy()) does. {self.name} is as it was before"
        )

    def watched(self, f: Function) -> Function:
        """f, with a ValueError if a call changes its argument."""

        def ask(argument: FloatArray) -> Any:
            before = argument.shape, argument.dtype, np.asarray(argument).tobytes()
            value = f(argument)
            if (argument.shape, argument.dtype, np.asarray(argument).tobytes()) != before:
                raise self.changed()
            return value

        return ask

    def put_back(self) -> bool:
        """Make all as it was before; whether f had given the array itself another form."""
        array: Any = self.argument
        shape, dtype = self._form
        has_changed = (array.shape, array.dtype) != self._form or not array.flags.writeable
        if has_changed:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # new NumPy would rather not have them assigned
                array.flags.writeable = True
                array.dtype = dtype
                if array.size == self._kept.size:
                    array.shape = shape
                else:
                    array.resize(shape, refcheck=False)
        self.x[...] = self._kept.reshape(self.x.shape)
        return has_changed
