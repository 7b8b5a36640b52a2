"""`check_network`: the gradient of a network beside the differences of its loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from kobai._validation import FloatArray
from kobai.testing.checking import Given, allow_for_rounding, allow_for_slack, compare
from kobai.testing.comparison import Comparison
from kobai.testing.kobai_networks import (
    double_copy,
    has_kinks,
    is_of_kobai,
    parameters_of,
    quotients,
    with_parameters,
)
from kobai.testing.layout import Layout
from kobai.testing.logarithm import Slack, slack_of
from kobai.testing.moved import MovedFunction
from kobai.testing.options import check_options
from kobai.testing.report import GradientReport
from kobai.testing.second_look import look_again
from kobai.testing.verdicts import Floats, Verdict, judge, scale_of

# Lines that are drawn at most where kinks of one of kobai's networks may make elements look wrong.
_MOST_LINES = 256


def check_network(
    net: Any,
    x: npt.ArrayLike,
    t: npt.ArrayLike,
    *,
    sample_weight: npt.ArrayLike | None = None,
    elements: str | int = "auto",
    directions: str | int = "auto",
    seed: int = 0,
) -> GradientReport:
    """Check the gradient of a network against the differences of its loss.

    kobai's own networks have all their difference quotients from the core, with error bars, in
    about a millisecond. Subclasses may override `gradient`, which is what is checked then. Of any
    other network the parameters are moved, and its loss is asked.

    Parameters
    ----------
    net : object
        It has ``params``, a dict of writable float arrays, ``loss(x, t)`` and ``gradient(x, t)``,
        a dict with the same keys, as the course's networks have. `loss` must read the arrays that
        stand in ``params``; they are as they were when this returns.
    x : array_like
        Inputs, one sample a row.
    t : array_like
        Targets, as the network's loss takes them.
    sample_weight : array_like, optional
        What the samples count; passed on to `loss` and `gradient` if it is given.
    elements, directions, seed
        As for `check_gradient`; kobai's own networks always have all their elements looked at.

    Returns
    -------
    GradientReport
        To print, to plot, or to ask: ``report.passed``, ``report.worst``, ``report.patterns``.

    Raises
    ------
    TypeError
        If the network lacks one of these, or a parameter is no float array.
    ValueError
        If the gradient has other keys or shapes than the parameters, or `loss` changes them.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai import TwoLayerNet
    >>> from kobai.testing import check_network
    >>> x, t = np.random.default_rng(0).random((5, 4)), [0, 1, 2, 1, 0]
    >>> check_network(TwoLayerNet(4, 6, 3, weight_init_std=0.5, rng=0), x, t)
    <GradientReport passed: 51 right>

    A network whose author forgot that the loss is a mean:

    >>> class Summed(TwoLayerNet):
    ...     def gradient(self, x, t):
    ...         return {key: len(x) * grad for key, grad in super().gradient(x, t).items()}
    >>> report = check_network(Summed(4, 6, 3, weight_init_std=0.5, rng=0), x, t)
    >>> report
    <GradientReport failed: 51 wrong>
    >>> report.patterns[0].kind, report.patterns[0].value
    ('factor', 5.0)
    """
    check_options(elements, directions, seed)
    options = {} if sample_weight is None else {"sample_weight": sample_weight}
    if is_of_kobai(net):
        return GradientReport(_of_kobai(net, x, t, options, seed))
    arrays = _parameters(net)
    layout = Layout(arrays)
    moved = MovedFunction(layout, arrays, lambda: net.loss(x, t, **options), seed=seed)
    ask = _asking(net, layout, x, t, options)
    row, rounding = ask()
    slack = partial(_slack, net, x, t, options, layout, row)
    given = Given(row, rounding, lambda: ask()[0], slack)
    moved.check_unchanged()
    found = compare(
        moved,
        given,
        elements=elements,
        directions=directions,
        seed=seed,
        samples=_samples(x),
    )
    return GradientReport(found)


def _of_kobai(
    net: Any, x: npt.ArrayLike, t: npt.ArrayLike, options: dict[str, Any], seed: int
) -> Comparison:
    twin, params = double_copy(net)
    layout = Layout(params, is_single="params" not in vars(net))
    given, rounding = _asking(net, layout, x, t, options)()
    found = quotients(twin, layout, x, t, options)
    if rounding is None:
        rounding = np.zeros(layout.size)
    # Probabilities near 1 are rounded, too, where the loss is next to nothing.
    rounding += float(np.finfo(np.float64).eps)
    np.add(found.bar, rounding, out=found.bar)
    scale = scale_of(given, found.estimate, found.bar, abs(found.loss))
    judged = judge(given, found.estimate, found.bar, scale)
    at = layout.row(params)
    comparison = Comparison(
        layout, at, given, found.estimate, found.bar, judged, rounding, samples=_samples(x)
    )
    comparison.line = lambda i: _moved(twin, params, layout, x, t, options, seed).line_of(i)
    if judged.verdict.any():
        f = _moved(twin, params, layout, x, t, options, seed)
        _reconsider(comparison, f, net, twin, x, t, options, scale, seed)
    return comparison


def _reconsider(
    found: Comparison,
    f: MovedFunction,
    net: Any,
    twin: Any,
    x: npt.ArrayLike,
    t: npt.ArrayLike,
    options: dict[str, Any],
    scale: float,
    seed: int,
) -> None:
    """Allow for the rounding of the gradient, then look along lines where there may be kinks."""
    layout = found.layout
    if hasattr(twin, "params"):
        allow_for_slack(found, partial(_slack, twin, x, t, options, layout, found.given))
    arrays = {name: np.array(array) for name, array in parameters_of(net).items()}
    moved = with_parameters(net, arrays)
    nudged = MovedFunction(layout, arrays, lambda: 0.0, seed=seed)
    ask = _asking(moved, layout, x, t, options)
    allow_for_rounding(found, nudged, lambda: ask()[0], seed)
    if net.dtype != np.float64:
        # What the same code answers in double precision is rounded far less.
        with np.errstate(invalid="ignore"):
            apart = 2 * np.abs(found.given - _asking(twin, layout, x, t, options)()[0])
        found.rounding += np.nan_to_num(apart, posinf=0.0)
        found.bar += np.nan_to_num(apart, posinf=0.0)
    found.judge_again(np.arange(layout.size), scale)
    if has_kinks(net):
        suspects = found.of_verdict(Verdict.WRONG, Verdict.UNDECIDED)
        look_again(found, f, scale, suspects, seed, _MOST_LINES)
    found.nfev = f.calls


def _moved(
    twin: Any,
    params: dict[str, FloatArray],
    layout: Layout,
    x: npt.ArrayLike,
    t: npt.ArrayLike,
    options: dict[str, Any],
    seed: int,
) -> MovedFunction:
    return MovedFunction(layout, params, lambda: twin.loss(x, t, **options), seed=seed)


def _asking(
    net: Any, layout: Layout, x: npt.ArrayLike, t: npt.ArrayLike, options: dict[str, Any]
) -> Callable[[], tuple[Floats, Floats | None]]:
    return lambda: layout.gradient("what gradient returns", net.gradient(x, t, **options))


def _slack(
    net: Any,
    x: npt.ArrayLike,
    t: npt.ArrayLike,
    options: dict[str, Any],
    layout: Layout,
    given: Floats,
) -> Slack | None:
    if options:
        return None

    def one_gradient(samples: Any, targets: Any) -> Floats:
        return _asking(net, layout, samples, targets, options)()[0]

    return slack_of(net, x, t, given, one_gradient, layout.slices)


def _samples(x: npt.ArrayLike) -> int | None:
    shape = np.shape(x)
    return shape[0] if len(shape) > 1 else None


def _parameters(net: Any) -> Mapping[str, FloatArray]:
    for name in ("params", "loss", "gradient"):
        if not hasattr(net, name):
            raise TypeError(f"net must have params, loss and gradient, lacks {name}")
    params = net.params
    if not isinstance(params, Mapping):
        raise TypeError(f"params must be a dict of arrays, got {type(params).__name__}")
    for name, array in params.items():
        is_array = isinstance(array, np.ndarray) and array.dtype in (np.float32, np.float64)
        if not is_array or not array.flags.writeable:
            raise TypeError(
                f"params[{name!r}] must be a writable array of float32 or float64, "
                f"got {type(array).__name__}"
            )
    return {str(name): np.asarray(array) for name, array in params.items()}
