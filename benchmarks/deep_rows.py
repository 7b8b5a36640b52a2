"""The rows of the tables of other networks than the notebook's."""

from __future__ import annotations

from benchmarks.contenders import (
    KOBAI,
    KOBAI_FUNCTIONS,
    KOBAI_OPTIMIZERS,
    REFERENCES,
    deeper,
    kobai_optimizers,
)
from benchmarks.contenders.kobai_functions import ACTIVATIONS, DEPTHS, LOSSES
from benchmarks.contenders.kobai_steps import NUMERICAL_STEPS
from benchmarks.contenders.notebook_loop import parameters_of, slice_of
from benchmarks.problem import CLASSES, DEEP_HIDDEN, EPOCH_STEPS, INPUTS
from benchmarks.rows import PEER_STEPS, STEPS, Row

_SIZES = (INPUTS, *DEEP_HIDDEN, CLASSES)
SIZES = "-".join(map(str, _SIZES))

_OF_LOOP = parameters_of(_SIZES) / sum(slice_of(len(_SIZES) - 1).values())
_OURS = deeper(KOBAI)

DEEP_NUMERICAL = (
    Row("the notebook's loop, NumPy", "float64", deeper(REFERENCES[0]), "mnist", _OF_LOOP),
    Row("kobai, net.numerical_gradient", "float64", _OURS, "mnist auto"),
    Row("the same + update", "float64", _OURS, "mnist auto step"),
    Row("kobai, Trainer step", "float64", _OURS, "trainer numerical", 1 / NUMERICAL_STEPS),
)


def _deeper(row: Row) -> Row:
    return Row(row.label, row.dtype, deeper(row.family), row.task, row.scale)


DEEP_PEERS = tuple(map(_deeper, PEER_STEPS))
DEEP_STEPS = tuple(map(_deeper, STEPS))
BACKPROP_DOUBLE = Row("kobai, net.gradient + update", "float64", _OURS, "backprop step float64")
TRAINER_STEP = DEEP_STEPS[-1]

OPTIMIZERS = tuple(
    Row(name, "float32", KOBAI_OPTIMIZERS, name, 1 / EPOCH_STEPS) for name in kobai_optimizers.NAMES
)


def function_row(name: str, depth: str, gradient: str) -> Row:
    """An activation or a loss by either gradient, in a network of so many hidden layers."""
    return Row(name, "float64", KOBAI_FUNCTIONS, f"{depth} {name} {gradient}")


FUNCTIONS = tuple(
    function_row(name, depth, gradient)
    for name in (*ACTIVATIONS, *LOSSES)
    for depth in DEPTHS
    for gradient in ("numerical", "backprop")
)
