"""The samples of each step, and how a resumed run draws the same ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int64]

# NumPy's own bit generators, and the largest value of each number in their states: with a larger
# one, they would read memory out of bounds.
BIT_GENERATORS: tuple[type[np.random.BitGenerator], ...] = (
    np.random.PCG64,
    np.random.PCG64DXSM,
    np.random.MT19937,
    np.random.Philox,
    np.random.SFC64,
)
_STATE_LIMITS = {
    "state": 2**128 - 1,
    "inc": 2**128 - 1,
    "pos": 624,
    "buffer_pos": 4,
    "has_uint32": 1,
    "uinteger": 2**32 - 1,
}


class Batches:
    """The samples of each step, epoch after epoch.

    `counted` are the samples to draw from, if not all are. With `taken`, the batches after so many
    steps. The generator must have the state that it had at
    the start of the epoch in which those steps end; their draws of that epoch are repeated.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        samples: int,
        batch_size: int,
        sampling: str,
        *,
        counted: Samples | None = None,
        taken: int = 0,
    ) -> None:
        self._samples = samples if counted is None else len(counted)
        self.steps_per_epoch = math.ceil(self._samples / batch_size)
        self._rng = rng
        self._counted = counted
        self._batch_size = batch_size
        self._sampling = sampling
        self._start = rng.bit_generator.state
        self._epoch: Iterator[Samples] = iter(())
        self._left = 0
        again = taken % self.steps_per_epoch
        self._epoch_end = taken - again
        if again:
            self.draw(again)

    @property
    def at_end_of_epoch(self) -> bool:
        return self._left == 0

    def draw(self, limit: int) -> list[Samples]:
        """The samples of the next steps: `limit` of them, or fewer at the end of the epoch."""
        if self._left == 0:
            self._begin_epoch()
        drawn = list(itertools.islice(self._epoch, limit))
        self._left -= len(drawn)
        return drawn

    def _begin_epoch(self) -> None:
        # In this order: an interrupt may come after any line, and `state_at` must then be right.
        self._start = self._rng.bit_generator.state
        self._epoch_end += self.steps_per_epoch
        order = None
        if self._sampling == "shuffle":
            order = self._rows(self._rng.permutation(self._samples))
        self._epoch = (self._batch(order, k) for k in range(self.steps_per_epoch))
        self._left = self.steps_per_epoch

    def _batch(self, order: Samples | None, k: int) -> Samples:
        if order is None:
            return self._rows(self._rng.integers(0, self._samples, self._batch_size))
        return order[k * self._batch_size : (k + 1) * self._batch_size]

    def _rows(self, drawn: Samples) -> Samples:
        return drawn if self._counted is None else self._counted[drawn]

    def state_at(self, taken: int) -> Mapping[str, Any]:
        """The generator's state at the start of the epoch in which step `taken` ends.

        More steps than those may have been drawn, as long as they are of the same epoch.
        """
        return self._start if taken < self._epoch_end else self._rng.bit_generator.state


def state_like(template: Any, saved: object, name: str = "generator") -> Any:
    """`saved`, read from a file, as a state for a generator whose state now is `template`.

    Raises
    ------
    ValueError
        If it is no state of such a generator.
    """
    if isinstance(template, dict):
        if not isinstance(saved, dict) or saved.keys() != template.keys():
            raise ValueError(f"{name} must have the keys {sorted(template)}")
        return {key: state_like(template[key], saved[key], key) for key in template}
    if isinstance(template, str):
        if saved != template:
            raise ValueError(f"{name} must be {template}")
        return template
    if isinstance(template, np.ndarray):
        if not isinstance(saved, list) or len(saved) != len(template):
            raise ValueError(f"{name} must be {len(template)} numbers")
        limit = int(np.iinfo(template.dtype).max)
        return np.array([_natural(name, number, limit) for number in saved], template.dtype)
    return _natural(name, saved, _STATE_LIMITS[name])


def _natural(name: str, number: object, limit: int) -> int:
    if type(number) is not int or not 0 <= number <= limit:
        raise ValueError(f"{name} must be made of integers in 0..{limit}")
    return number
