"""Which elements are looked at by themselves, where there are too many."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kobai.testing.layout import Layout
from kobai.testing.verdicts import Floats

Elements = npt.NDArray[np.intp]

# Up to so many elements, all are looked at.
MOST_OF_ALL = 4096

# Of more, so many are chosen, and fewer where f is likely to be slow.
CHOSEN = 1000
_LEAST_CHOSEN = 100
_NUMBERS_READ = 40_000_000


def chosen_elements(layout: Layout, given: Floats, wanted: str | int, seed: int) -> Elements:
    """The elements to look at, in ascending order.

    Small arrays are looked at as a whole, and of each other one elements are drawn so that its rows
    and columns come in turn, the largest one among them. In square matrices the element on the
    other side of the diagonal comes with each, so that a transpose is recognised.
    """
    if wanted == "all" or (wanted == "auto" and layout.size <= MOST_OF_ALL):
        return np.arange(layout.size)
    usual = max(_LEAST_CHOSEN, min(CHOSEN, _NUMBERS_READ // layout.size))
    count = min(usual if wanted == "auto" else int(wanted), layout.size)
    rng = np.random.default_rng(seed)
    parts = []
    for part, shape, share in zip(
        layout.slices, layout.shapes, _shares(layout, count), strict=True
    ):
        inside = _of_array(np.nan_to_num(given[part]), shape, share, rng)
        parts.append(inside + part.start)
    return np.sort(np.concatenate(parts)).astype(np.intp) if parts else np.arange(0)


def _shares(layout: Layout, count: int) -> list[int]:
    """How many elements of each array, of `count` in all: as equal as their sizes allow."""
    sizes = [part.stop - part.start for part in layout.slices]
    shares = [0] * len(sizes)
    left = count
    for place, k in enumerate(sorted(range(len(sizes)), key=sizes.__getitem__)):
        shares[k] = min(sizes[k], left // (len(sizes) - place))
        left -= shares[k]
    return shares


def _of_array(
    given: Floats, shape: tuple[int, ...], count: int, rng: np.random.Generator
) -> Elements:
    size = math.prod(shape)
    if count >= size:
        return np.arange(size)
    if count == 0:
        return np.arange(0)
    is_square = len(shape) == 2 and shape[0] == shape[1]
    drawn = (count + 1) // 2 if is_square else count
    index = tuple(_in_turn(length, drawn, rng) for length in shape)
    found = np.ravel_multi_index(index, shape)
    found[-1] = np.abs(given).argmax()
    if is_square:
        rows, columns = np.unravel_index(found, shape)
        found = np.concatenate((found, np.ravel_multi_index((columns, rows), shape)))
    return np.unique(found)


def _in_turn(length: int, count: int, rng: np.random.Generator) -> Elements:
    """So many numbers below `length`, each as often as any other, in random order."""
    rounds = -(-count // length)
    return np.concatenate([rng.permutation(length) for _ in range(rounds)])[:count]
