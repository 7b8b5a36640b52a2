"""`kobai check`: one gradient by the definition, in three ways, and by backpropagation."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

import kobai
from kobai.cli.data import Data, Net, check_fit, described, load_data, load_network
from kobai.cli.layout import duration, labelled, shown_path
from kobai.cli.options import METHODS, check_numbers
from kobai.cli.output import Output
from kobai.networks import MultiLayerNet, TwoLayerNet

Gradient = dict[str, npt.NDArray[Any]]

_DISAGREE = 1

# Hidden units of the network that is checked if none is given, as in `kobai train`.
_HIDDEN = 50

# `direct` is skipped if it would take longer than this.
_MAX_DIRECT_SECONDS = 60.0

# A shorter call is timed several times.
_REPEATED_BELOW_SECONDS = 0.1
_REPEATS = 9

_DOUBLE, _SINGLE = np.dtype(np.float64), np.dtype(np.float32)

# The bounds of differences between gradients: absolute, and relative to the largest element. The
# evaluators compute the same quotients; rounding moves them by about 1e-11 if the loss is about 10,
# and single precision by 6e-8 of each.
_NUMERICAL = {_DOUBLE: (1e-9, 1e-9), _SINGLE: (1e-9, 1e-6)}
# Backpropagation differs from them by h**2 / 6 times the third derivative, h = 1e-4, and in single
# precision by its own rounding.
_BACKPROP = {_DOUBLE: (1e-8, 1e-6), _SINGLE: (1e-7, 1e-4)}


# Activations whose slope or curvature jumps at 0. The quotient of a move across it is between two
# slopes; a hundredth of h leaves a hundredth of such moves.
_KINKED = ("relu", "leaky_relu", "elu")
_CLOSER = 1e-6


def run(options: argparse.Namespace, output: Output) -> int:
    """Print how far the gradients differ.

    Returns
    -------
    int
        The exit status: 1 if two of them differ by more than they may, else 0.
    """
    check_numbers(options)
    saved = None if options.network is None else load_network(options.network)
    data = load_data(options.data, "check", output)
    split = data.train if options.split == "train" else data.test
    rng = np.random.default_rng(options.seed)
    net = _fresh(data, rng) if saved is None else saved
    name = "fresh weights" if saved is None else shown_path(options.network)
    check_fit(net, name, *split, data.source)
    which = "training" if options.split == "train" else "test"
    size = min(options.batch_size, len(split[0]))
    chosen = rng.choice(len(split[0]), size, replace=False)
    x, t = split[0][chosen], split[1][chosen]
    output.line(labelled("network", described(net, str(net.dtype), f"from {name}")))
    output.line(
        labelled(
            "batch",
            [f"{size:,} of the {len(split[0]):,} {which} images", f"of {data.source}"],
        )
    )
    methods, skipped = _chosen(options.methods, net, x, t)
    if skipped:
        output.line(labelled("skipped", [*skipped]))
    gradients, seconds = _computed(net, x, t, methods)
    return _judge(gradients, seconds, net.dtype, output, partial(_near_kinks, net, x, t))


def _fresh(data: Data, rng: np.random.Generator) -> TwoLayerNet:
    classes = max(10, int(data.train[1].max()) + 1, int(data.test[1].max()) + 1)
    return TwoLayerNet(data.train[0].shape[1], _HIDDEN, classes, rng=rng)


def _chosen(
    wanted: tuple[str, ...] | None, net: Net, x: npt.NDArray[Any], t: npt.NDArray[Any]
) -> tuple[list[str], list[str]]:
    """The evaluators to use, `direct` first, and a remark if `direct` is skipped."""
    if wanted is not None:
        return [method for method in METHODS if method in wanted], []
    _, a_loss = _timed(lambda: net.loss(x, t))
    moves = 2 * sum(param.size for param in net.params.values())
    expected = moves * a_loss / kobai.num_threads()
    if expected <= _MAX_DIRECT_SECONDS:
        return list(METHODS), []
    return list(METHODS[1:]), [
        f"direct, which would take about {duration(expected)}:",
        "--methods direct,node computes it",
    ]


def _computed(
    net: Net, x: npt.NDArray[Any], t: npt.NDArray[Any], methods: list[str]
) -> tuple[dict[str, Gradient], dict[str, float]]:
    """Gradients by the names of their methods, the reference first, and the time of each."""
    gradients, seconds = {}, {}
    for method in methods:
        gradients[method], seconds[method] = _timed(
            partial(net.numerical_gradient, x, t, method=method)
        )
    gradients["backprop"], seconds["backprop"] = _timed(lambda: net.gradient(x, t))
    return gradients, seconds


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """The result of a call, and its time: the median of several calls, if it is short."""
    times: list[float] = []
    while len(times) < _REPEATS:
        start = time.perf_counter()
        answer = call()
        times.append(time.perf_counter() - start)
        if times[0] > _REPEATED_BELOW_SECONDS:
            break
    return answer, statistics.median(times)


def _judge(
    gradients: dict[str, Gradient],
    seconds: dict[str, float],
    dtype: np.dtype[Any],
    output: Output,
    near_kinks: Callable[[], Gradient | None],
) -> int:
    reference, *others = gradients
    largest = {key: _largest(array) for key, array in gradients[reference].items()}
    worst = {other: _differences(gradients[other], gradients[reference]) for other in others}
    scale = max(largest.values())
    bounds = {other: _bound(other, dtype, scale) for other in others}
    output.line()
    output.line(_row("", gradients))
    for key in largest:
        output.line(_row(key, [f"{of[key]:.1e}" for of in (largest, *worst.values())]))
    output.line(_row("bound", ["", *(f"{bound:.1e}" for bound in bounds.values())]))
    output.line(_row("time", [duration(taken) for taken in seconds.values()]))
    output.line()
    output.line(f"{reference}: its largest element; others: their largest difference from it")
    # A NaN lies within no bound.
    apart = {
        other: [key for key, value in worst[other].items() if not value <= bounds[other]]
        for other in others
    }
    if apart["backprop"]:
        closer = near_kinks()
        if closer is not None and _agree_at(gradients, reference, closer, bounds["backprop"]):
            where = ", ".join(apart.pop("backprop"))
            output.line(f"backprop differs from {reference} in {where}, where units cross a kink:")
            output.line(f"there it agrees with the difference of half-width {_CLOSER:g}")
    for other, keys in apart.items():
        if keys:
            output.line(f"{other} DISAGREES with {reference} in {', '.join(keys)}")
    if any(apart.values()):
        return _DISAGREE
    output.line("all gradients agree within the bound")
    return 0


def _near_kinks(net: Net, x: npt.NDArray[Any], t: npt.NDArray[Any]) -> Gradient | None:
    """The quotients of smaller moves, of which fewer cross a kink; None if there are no kinks."""
    if not isinstance(net, MultiLayerNet) or not set(_KINKED) & set(net.activations):
        return None
    return net.numerical_gradient(x, t, h=_CLOSER)


def _agree_at(
    gradients: dict[str, Gradient], reference: str, closer: Gradient, bound: float
) -> bool:
    """Whether each element of backprop is that of the reference or that of smaller moves."""
    return all(
        bool(
            (
                (np.abs(found - gradients[reference][key].astype(np.float64)) <= bound)
                | (np.abs(found - closer[key].astype(np.float64)) <= bound)
            ).all()
        )
        for key, found in gradients["backprop"].items()
    )


def _differences(one: Gradient, other: Gradient) -> dict[str, float]:
    """The largest difference in each parameter."""
    with np.errstate(invalid="ignore"):
        return {key: _largest(one[key].astype(np.float64) - other[key]) for key in one}


def _largest(array: npt.NDArray[Any]) -> float:
    return float(np.abs(array).max())


def _bound(name: str, dtype: np.dtype[Any], scale: float) -> float:
    absolute, relative = (_BACKPROP if name == "backprop" else _NUMERICAL)[dtype]
    return absolute + relative * scale


def _row(label: str, cells: Iterable[str]) -> str:
    return f"{label:10}" + "".join(f"{cell:>13}" for cell in cells)
