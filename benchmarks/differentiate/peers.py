"""Gradients by kobai and by others, each with its defaults."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kobai.differentiate import gradient

Floats = npt.NDArray[np.float64]


class Answer(NamedTuple):
    """A gradient, the errors that it claims (NaN: none), where it claims success, calls of f."""

    df: Floats
    error: Floats
    success: npt.NDArray[np.bool_]
    calls: int


class Counted:
    """f, counting its calls."""

    def __init__(self, f: Callable[[Any], Any]) -> None:
        self.f, self.calls = f, 0

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        return self.f(x)


def of_kobai(f: Callable[[Any], Any], x: Floats) -> Answer:
    counted = Counted(f)
    found = gradient(counted, x)
    return Answer(found.df, found.error, found.success, counted.calls)


def of_scipy(f: Callable[[Any], Any], x: Floats) -> Answer:
    from scipy.differentiate import jacobian

    counted = Counted(f)

    def columns(points: Floats) -> Floats:
        flat = points.reshape(points.shape[0], -1)
        values = [counted(column) for column in np.ascontiguousarray(flat.T)]
        return np.array(values, np.float64).reshape(points.shape[1:])

    found = jacobian(columns, np.asarray(x, np.float64))
    return Answer(found.df, found.error, found.success, counted.calls)


def of_numdifftools(f: Callable[[Any], Any], x: Floats) -> Answer:
    from numdifftools import Gradient

    counted = Counted(f)
    found = Gradient(counted, full_output=True)(np.asarray(x, np.float64))
    df, error = (np.reshape(part, x.shape) for part in (found[0], found[1]))
    return Answer(df, error, np.isfinite(df), counted.calls)


def of_approx_derivative(f: Callable[[Any], Any], x: Floats) -> Answer:
    from scipy.optimize._numdiff import approx_derivative

    counted = Counted(f)
    df = np.reshape(approx_derivative(counted, np.asarray(x, np.float64)), x.shape)
    return Answer(df, np.full(x.shape, np.nan), np.isfinite(df), counted.calls)


CONTENDERS: dict[str, Callable[[Callable[[Any], Any], Floats], Answer]] = {
    "kobai": of_kobai,
    "scipy.differentiate": of_scipy,
    "numdifftools": of_numdifftools,
    "approx_derivative": of_approx_derivative,
}


def available() -> dict[str, Callable[[Callable[[Any], Any], Floats], Answer]]:
    """Those that are installed."""
    found = {}
    for name, ask in CONTENDERS.items():
        try:
            ask(lambda x: float(np.sum(x**2)), np.ones(2))
        except ImportError:
            continue
        found[name] = ask
    return found


def quietly(
    ask: Callable[[Callable[[Any], Any], Floats], Answer], f: Callable[[Any], Any], x: Floats
) -> Answer:
    """An answer without warnings: far steps lead some functions to overflow."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return ask(f, np.array(x))
