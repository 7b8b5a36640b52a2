"""The central difference of any Python function, one element moved at a time.

The loop is written in Python, so that signals, exceptions and threads act on it as on any other.
"""

from kobai._difference.loop import Gradient, central_difference
from kobai._difference.steps import check_steps

__all__ = ["Gradient", "central_difference", "check_steps"]
