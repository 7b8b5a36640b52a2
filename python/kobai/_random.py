"""Generators of random numbers: one rule for every argument `rng` of the package."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np
from numpy.random.mtrand import get_bit_generator

Rng = (
    int
    | Sequence[int]
    | np.random.Generator
    | np.random.RandomState
    | np.random.BitGenerator
    | np.random.SeedSequence
    | ModuleType
    | None
)


def generator(rng: Rng) -> np.random.Generator:
    """The generator that `rng` stands for.

    Parameters
    ----------
    rng : int, Generator, RandomState, `numpy.random`, ... or None
        An int, or a sequence of them, is a seed, and so is a `SeedSequence`; None draws one from
        the system. A `Generator` is used as it is, a `BitGenerator` gets one. A `RandomState`
        lends its bit generator: both then draw from one stream, by the methods of `Generator`. The
        module `numpy.random` lends that of its global functions, so that ``np.random.seed`` decides
        what is drawn.

    Returns
    -------
    numpy.random.Generator
        The generator.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If a seed is negative.
    """
    if isinstance(rng, ModuleType):
        if rng is not np.random:
            raise TypeError(f"rng must be a seed or a generator, got the module {rng.__name__}")
        return np.random.Generator(get_bit_generator())
    if isinstance(rng, np.random.RandomState):
        # default_rng takes a RandomState only since NumPy 2.
        return np.random.Generator(rng._bit_generator)  # noqa: SLF001
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        wanted = "a seed (integers of at least 0), a generator of NumPy, numpy.random or None"
        raise type(error)(f"rng must be {wanted}, got {rng!r}") from error
