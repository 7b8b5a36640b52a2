"""Graphs of ONNX: nodes, constants, inputs and outputs, put together one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kobai.sklearn.onnx.messages import integer, message, number, text

# The versions of the format and of the operators, which runtimes since 2021 know.
_IR_VERSION, _OPERATORS = 7, 13

FLOAT, INT64, STRING, BOOL, DOUBLE = 1, 7, 8, 9, 11
_ATTRIBUTE_FLOAT, _ATTRIBUTE_INT = 1, 2


class Graph:
    """A graph in the making; values are known by their names."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._values: list[tuple[int, bytes]] = []
        self._count = 0

    def value(self, operator: str, *inputs: str, name: str | None = None, **settings: Any) -> str:
        """The name of what an operator makes of values; `name` is given to outputs of the graph."""
        self._count += 1
        output = f"value{self._count}" if name is None else name
        node = b"".join(text(1, each) for each in inputs) + text(2, output) + text(4, operator)
        self._nodes.append(node + b"".join(_attribute(*each) for each in settings.items()))
        return output

    def constant(self, array: npt.ArrayLike) -> str:
        """The name of a constant; floats become single precision but for those of labels."""
        self._count += 1
        name = f"constant{self._count}"
        self._constants.append(_tensor(name, np.asarray(array)))
        return name

    def input(self, name: str, kind: int, shape: Sequence[int | str]) -> str:
        """Declare an input of the graph; a dimension that is text may be any."""
        self._values.append((11, _value_info(name, kind, shape)))
        return name

    def output(self, name: str, kind: int, shape: Sequence[int | str]) -> None:
        """Declare an output of the graph."""
        self._values.append((12, _value_info(name, kind, shape)))

    def file(self) -> bytes:
        """The content of a file that holds the graph."""
        graph = b"".join(message(1, node) for node in self._nodes) + text(2, "kobai")
        graph += b"".join(message(5, constant) for constant in self._constants)
        graph += b"".join(message(field, value) for field, value in self._values)
        head = integer(1, _IR_VERSION) + text(2, "kobai")
        return head + message(7, graph) + message(8, text(1, "") + integer(2, _OPERATORS))


def kind_of(labels: npt.NDArray[Any]) -> int:
    """The type of a tensor of such labels."""
    kinds = {"i": INT64, "u": INT64, "b": BOOL, "f": DOUBLE, "U": STRING, "O": STRING}
    if labels.dtype.kind not in kinds:
        raise ValueError(f"there are no labels of dtype {labels.dtype} in ONNX")
    return kinds[labels.dtype.kind]


def _attribute(name: str, value: float | int) -> bytes:
    if isinstance(value, int):
        content = integer(3, value) + integer(20, _ATTRIBUTE_INT)
    else:
        content = number(2, value) + integer(20, _ATTRIBUTE_FLOAT)
    return message(5, text(1, name) + content)


def _tensor(name: str, array: npt.NDArray[Any]) -> bytes:
    dims = b"".join(integer(1, size) for size in array.shape)
    if array.dtype == np.float32:
        return dims + integer(2, FLOAT) + text(8, name) + message(9, array.astype("<f4").tobytes())
    kind = kind_of(array)
    head = dims + integer(2, kind)
    if kind == STRING:
        return head + b"".join(text(6, str(each)) for each in array) + text(8, name)
    dtype = {INT64: "<i8", BOOL: "?", DOUBLE: "<f8"}[kind]
    return head + text(8, name) + message(9, array.astype(dtype).tobytes())


def _value_info(name: str, kind: int, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(
        message(1, integer(1, size) if isinstance(size, int) else text(2, size)) for size in shape
    )
    return text(1, name) + message(2, message(1, integer(1, kind) + message(2, dims)))
