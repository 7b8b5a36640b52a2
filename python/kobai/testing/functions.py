"""`check_gradient`: the gradient of any function beside the differences of its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from kobai._validation import FloatArray, overlaps_itself, real_array
from kobai.testing.checking import Given, compare
from kobai.testing.layout import Layout
from kobai.testing.moved import MovedFunction
from kobai.testing.options import check_options
from kobai.testing.report import GradientReport
from kobai.testing.verdicts import Floats

Point = npt.ArrayLike | Mapping[str, npt.ArrayLike]


def check_gradient(
    f: Callable[[Any], Any],
    grad: Callable[[Any], Any] | npt.ArrayLike | Mapping[str, npt.ArrayLike],
    x: Point,
    *,
    elements: str | int = "auto",
    directions: str | int = "auto",
    seed: int = 0,
) -> GradientReport:
    """Check a gradient against the differences of its function, without a tolerance to guess.

    Each derivative is found from central differences with an error bar, truncation and the measured
    noise of `f`. An element of the gradient is right within its bar, and wrong if it lies outside
    by more than the bar.

    Parameters
    ----------
    f : callable
        Takes what `x` is, returns a real number. It may read `x` through a closure, as the course
        does: a writable float array is moved in place, and every element is put back bit for bit.
        It must not change its argument.
    grad : callable or array_like or dict
        The gradient to check: a function of `x`, or what it returned. With a function, the rounding
        of the gradient itself can be told from a mistake.
    x : array_like or dict of array_like
        Where to check, any shape; or several arrays by name.
    elements : {"auto", "all"} or int, default "auto"
        How many elements are looked at by themselves, mostly at six values of `f` each. ``"auto"``
        is all of up to 4,096, and else up to 1,000, fewer of more than 40,000, chosen so that rows
        and columns come in turn.
    directions : "auto" or int, default "auto"
        How many random directions are asked, in which every element moves. ``"auto"`` is none where
        each element is looked at by itself, else three. From a direction that is wrong, a search
        by halves leads to the elements.
    seed : int, default 0
        What the choice and the directions are drawn with.

    Returns
    -------
    GradientReport
        To print, to plot, or to ask: ``report.passed``, ``report.worst``, ``report.patterns``.

    Raises
    ------
    TypeError
        If an argument is of the wrong type, or `f` returns something other than a real number.
    ValueError
        If the gradient has another shape than `x`, or `f` changes its argument.

    Notes
    -----
    An element is *at a kink* if the slopes to its left and to its right differ by more than is
    unknown of them, *not finite* if the gradient or `f` around it is not, and *undecided* if the
    bar is too wide to tell it from half or twice as much, or it lies just outside the bar. An `f`
    that answers twice differently is told so, and its spread counts as noise.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai.testing import check_gradient
    >>> x = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> report = check_gradient(lambda x: np.sum(x[0] * x[1]), lambda x: x[::-1], x)
    >>> report.passed
    True
    >>> report = check_gradient(lambda x: np.sum(x[0] * x[1]), lambda x: -x[::-1], x)
    >>> report.passed, str(report.patterns[0])
    (False, 'x: the sign is wrong')
    """
    if not callable(f):
        raise TypeError(f"f must be callable, got {type(f).__name__}")
    check_options(elements, directions, seed)
    is_single = not isinstance(x, Mapping)
    named: Mapping[str, npt.ArrayLike] = x if isinstance(x, Mapping) else {"x": x}
    arrays = {name: _movable(name, array) for name, array in named.items()}
    layout = Layout(arrays, is_single=is_single)
    argument = x if is_single and arrays["x"] is x else arrays["x"] if is_single else arrays
    moved = MovedFunction(
        layout, arrays, lambda: f(argument if is_single else dict(arrays)), seed=seed
    )
    if callable(grad):
        ask = _asking(grad, layout, lambda: argument if is_single else dict(arrays))
        given = Given(*ask(), lambda: ask()[0])
        moved.check_unchanged()
    else:
        given = Given(*layout.gradient("grad", grad), None)
    found = compare(moved, given, elements=elements, directions=directions, seed=seed)
    return GradientReport(found)


def assert_gradient(
    f: Callable[[Any], Any],
    grad: Callable[[Any], Any] | npt.ArrayLike | Mapping[str, npt.ArrayLike],
    x: Point,
    *,
    elements: str | int = "auto",
    directions: str | int = "auto",
    seed: int = 0,
) -> None:
    """Raise an AssertionError that shows the report unless `check_gradient` passes.

    Takes and raises what `check_gradient` does.

    Raises
    ------
    AssertionError
        If an element or a direction is wrong or not finite, or nothing could be found right.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai.testing import assert_gradient
    >>> assert_gradient(lambda x: np.sum(np.exp(x)), np.exp, [0.0, 1.0])
    """
    report = check_gradient(f, grad, x, elements=elements, directions=directions, seed=seed)
    if not report.passed:
        raise AssertionError(f"\n{report}")


def _asking(
    grad: Callable[[Any], Any], layout: Layout, argument: Callable[[], Any]
) -> Callable[[], tuple[Floats, Floats | None]]:
    return lambda: layout.gradient("what grad returns", grad(argument()))


def _movable(name: str, value: npt.ArrayLike) -> FloatArray:
    """`value` itself if it is a writable float array, and else a float copy."""
    if (
        type(value) is np.ndarray
        and value.dtype in (np.float32, np.float64)
        and value.flags.writeable
        and value.flags.aligned
        and not overlaps_itself(value)
    ):
        return value
    return np.array(real_array(name, value))
