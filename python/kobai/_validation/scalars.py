"""Single numbers: integers, and floats within a range."""

from __future__ import annotations

import math
import operator
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
import numpy.typing as npt

from kobai._validation.messages import shown

# The half-width of central differences, as in the course.
HALF_WIDTH = 1e-4


def integer(name: str, value: SupportsIndex) -> int:
    """`value` as an int."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {shown(value)}") from None


def positive_int(name: str, value: SupportsIndex) -> int:
    """`value` as an int of at least 1."""
    number = integer(name, value)
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {shown(number)}")
    return number


def non_negative_float(name: str, value: SupportsFloat) -> float:
    """`value` as a finite float of at least 0."""
    number = real_number(name, value)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{name} must be finite and not negative, got {number}")
    return number


def positive_float(name: str, value: SupportsFloat) -> float:
    """`value` as a finite float above 0."""
    number = real_number(name, value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be a positive finite number, got {number}")
    return number


def inner_fraction(name: str, value: SupportsFloat) -> float:
    """`value` as a float between 0 and 1, and neither of them."""
    number = real_number(name, value)
    if not 0 < number < 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {number}")
    return number


def real_number(name: str, value: SupportsFloat) -> float:
    """`value` as a float; text and integers beyond the range of floats are refused."""
    if isinstance(value, (str, bytes, bytearray)):
        raise TypeError(f"{name} must be a number, got {shown(value)}")
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError(
            f"{name} must be a number that a float can hold, got {shown(value)}"
        ) from error
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be a number, got {shown(value)}") from error


def float_dtype(name: str, value: npt.DTypeLike) -> np.dtype[Any]:
    """`value` as the dtype float32 or float64."""
    try:
        dtype = np.dtype(value)
    # NumPy raises a TypeError, a ValueError or a SyntaxError for what is no dtype.
    except Exception as error:
        raise TypeError(f"{name} must be float32 or float64, got {shown(value)}") from error
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} must be float32 or float64, got {dtype}")
    return dtype


def fraction(name: str, value: SupportsFloat, *, below_one: bool = False) -> float:
    """`value` as a float in [0, 1], or in [0, 1)."""
    number = real_number(name, value)
    if not (0 <= number < 1 or (number == 1 and not below_one)):
        raise ValueError(f"{name} must lie in [0, 1{')' if below_one else ']'}, got {number}")
    return number
