"""The central difference of any Python function, one element moved at a time.

The loop is Python's own, so that signals, exceptions, and threads at the end of a program do what
they do in any other loop.
"""

from kobai._difference.loop import Gradient, central_difference
from kobai._difference.steps import check_steps

__all__ = ["Gradient", "central_difference", "check_steps"]
