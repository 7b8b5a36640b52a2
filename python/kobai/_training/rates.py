"""Learning rates that are functions of the step: tried before a run, and known again after it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from kobai._training.optimizers import ours
from kobai._validation import non_negative_float, shown
from kobai.optimizers.base import BaseOptimizer

# A function of the step, at some steps of a run.
Rates = list[list[float]]

# How many steps, evenly spread over a run, are looked at before it, and told by a checkpoint.
_TRIED, _TOLD = 10_000, 64


def spread_steps(first: int, total: int, count: int) -> list[int]:
    """About `count` of the `total` steps from the number `first` on; all, where those are few.

    The first and the last are among them, and such as are each twice as far from the first as the
    one before: schedules change fast at the beginning, or jump at parts of a run.
    """
    doubled = {(1 << k) - 1 for k in range(total.bit_length())}
    spread = {k * (total - 1) // count for k in range(count + 1)}
    return sorted(first + step for step in doubled | spread if step < total)


def check_rates(
    optimizer: Any, total: int, state: Mapping[str, Any] | None = None, taken: int = 0
) -> None:
    """Raise if the learning rate, a function, is none at a step of a run.

    What the function itself raises is left to the step at which it does.

    Parameters
    ----------
    optimizer : optimizer
        It is looked at if it is kobai's own.
    total : int
        How many steps the whole run takes.
    state : dict, optional
        With what the optimizer will go on, if not from where it is.
    taken : int
        How many of the steps have been taken then.

    Raises
    ------
    TypeError, ValueError
        The message names the step.
    """
    own = _by_function(optimizer)
    if own is not None:
        updates = own.iter if state is None else state["iter"]
        for step in spread_steps(max(updates - taken, 0), total, _TRIED):
            _rate(own, step)


def rates_of(optimizer: Any, taken: int, total: int) -> Rates | None:
    """What a learning rate that is a function is at steps of a run; None if it is a number.

    `taken` is how many of the `total` steps the run has taken.
    """
    own = _by_function(optimizer)
    if own is None:
        return None
    rates: Rates = []
    for step in spread_steps(max(own.iter - taken, 0), total, _TOLD):
        # A hook may have put in another function, which is none at later steps.
        with contextlib.suppress(TypeError, ValueError):
            rate = _rate(own, step)
            rates += [] if rate is None else [[step, rate]]
    return rates


def check_same_rates(saved: object, optimizer: Any) -> None:
    """Raise a ValueError if the learning rate is another function than that of a saved run."""
    own = _by_function(optimizer)
    if own is None:
        if saved is not None:
            raise ValueError(f"rates must be null, got {shown(saved)}")
        return
    for step, rate in _checked(saved):
        now = _rate(own, step)
        if now != rate:
            got = "none" if now is None else now
            raise ValueError(f"its run had lr({step}) {rate}, this one has {got}")


def _by_function(optimizer: Any) -> BaseOptimizer | None:
    own = ours(optimizer)
    return own if own is not None and callable(own.lr) else None


def _rate(optimizer: BaseOptimizer, step: int) -> float | None:
    """The learning rate of a step; None where the function itself raises."""
    lr: Any = optimizer.lr
    try:
        rate = lr(step)
    except Exception:
        return None
    return non_negative_float(f"lr({step})", rate)


def _checked(saved: object) -> Iterable[tuple[int, float]]:
    for pair in saved if isinstance(saved, list) else [saved]:
        if not isinstance(pair, list) or [*map(type, pair)] != [int, float] or pair[0] < 0:
            raise ValueError(f"rates must be pairs of a step and a number, got {shown(pair)}")
        yield pair[0], pair[1]
