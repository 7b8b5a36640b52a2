"""The central difference of a function that takes many points at a time."""

from __future__ import annotations

import numpy as np

from kobai._difference.asking import Stacked
from kobai._difference.loop import Gradient
from kobai._difference.moved import Function
from kobai._difference.outputs import Outputs
from kobai._difference.steps import blocks
from kobai._validation import FloatArray


def stacked_difference(
    f: Function, x: FloatArray, h: float, *, part: slice | None = None
) -> Gradient:
    """As `central_difference`, for an f that takes points stacked in front of the axes of `x`.

    f is given copies.
    """
    is_constant = True
    asked = Stacked(f, x, "x", Outputs(one_number=True))
    start, stop = (0, x.size) if part is None else (part.start, part.stop)
    quotients = np.empty(stop - start, x.dtype)
    for block in blocks("x", x, h, "take a larger h, or scale x", part):
        which = np.arange(start, stop, dtype=np.int64)[block.elements]
        values = asked.each(which, np.stack([block.up, block.down], axis=1))[..., 0]
        is_constant = is_constant and bool((values == values[0, 0]).all())
        with np.errstate(all="ignore"):
            quotients[block.elements] = (values[:, 0] - values[:, 1]) / np.asarray(block.step)
    is_constant = is_constant and quotients.size > 0 and bool((quotients == 0).all())
    return Gradient(quotients if part is not None else quotients.reshape(x.shape), is_constant)
