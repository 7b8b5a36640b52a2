"""The values of any Python function around x, and its central difference.

The loop is written in Python, so that signals, exceptions and threads act on it as on any other.
"""

from kobai._difference.asking import Asked, InPlace, Stacked
from kobai._difference.constant import warn_of_a_constant
from kobai._difference.loop import Gradient, central_difference
from kobai._difference.outputs import Outputs
from kobai._difference.sampling import add_note
from kobai._difference.stacked import stacked_difference
from kobai._difference.steps import check_steps, element

__all__ = [
    "Asked",
    "Gradient",
    "InPlace",
    "Outputs",
    "Stacked",
    "add_note",
    "central_difference",
    "check_steps",
    "element",
    "stacked_difference",
    "warn_of_a_constant",
]
