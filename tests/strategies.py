"""What hypothesis draws: arrays as users hold them, networks, and batches that fit them."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

DTYPES = (np.float32, np.float64)
LAYOUTS = ("C", "Fortran", "strided", "reversed", "read-only", "read-only strided")
WRITABLE = LAYOUTS[:4]


def laid_out(values, layout):
    """The same values in another memory layout."""
    if layout == "C":
        return np.array(values, order="C")
    if layout == "Fortran":
        return np.array(values, order="F")
    if layout == "reversed":
        backwards = (..., *(slice(None, None, -1),) * values.ndim)  # the dots keep a 0-d array one
        return np.array(values[backwards], order="C")[backwards]
    if layout == "read-only":
        array = np.array(values)
    else:
        filler = np.nan if values.dtype.kind == "f" else 1
        array = np.full([2 * n for n in values.shape], filler, values.dtype)
        array = array[(..., *(slice(1, None, 2),) * values.ndim)]
        array[...] = values
        if layout == "strided":
            return array
    array.flags.writeable = False
    return array


@st.composite
def layouts_of(draw, values, layouts=LAYOUTS):
    """`values`, drawn if they are a strategy, in any memory layout."""
    if isinstance(values, st.SearchStrategy):
        values = draw(values)
    return laid_out(values, draw(st.sampled_from(layouts)))


def shapes(min_dims=0, min_side=0):
    return hnp.array_shapes(min_dims=min_dims, max_dims=4, min_side=min_side, max_side=5)


def floats(dtype, bound, *, specials=False):
    width = np.dtype(dtype).itemsize * 8
    if specials:
        return st.floats(width=width)
    return st.floats(-bound, bound, width=width, allow_subnormal=False)


@st.composite
def arrays(draw, shape=None, dtypes=DTYPES, bound=1e3, *, specials=False, layouts=LAYOUTS):
    """Floating-point arrays of any shape, dtype and layout."""
    dtype = draw(st.sampled_from(dtypes))
    shape = shapes() if shape is None else shape
    elements = floats(dtype, bound, specials=specials)
    return draw(layouts_of(hnp.arrays(dtype, shape, elements=elements), layouts))


class Problem(NamedTuple):
    """A network's parameters and a batch for it."""

    params: dict
    x: np.ndarray
    t: np.ndarray

    @property
    def sizes(self):
        return *self.params["W1"].shape, len(self.params["b2"])


SIZES = st.integers(1, 6)
TARGETS = ("labels", "one-hot", "soft", "weights")


def matrix(generator, shape, scale, zeros):
    values = scale * generator.uniform(-1, 1, shape)
    values[generator.random(shape) < zeros] = 0
    return values


def targets_of(generator, kind, samples, classes):
    labels = generator.integers(0, classes, samples)
    if kind == "labels":
        return labels
    if kind == "one-hot":
        return np.eye(classes)[labels]
    weights = generator.random((samples, classes))
    # What the notebook uses as dummy targets sums to anything; a soft target sums to one.
    return weights if kind == "weights" else weights / weights.sum(axis=1, keepdims=True)


@st.composite
def problems(draw, weight_scales=(0.01, 1.0, 2.0), input_scales=(1.0,), kinds=TARGETS):
    """Networks of a few units and batches of a few samples.

    Sizes, scales, the share of exact zeros and the kind of target are drawn so that they shrink;
    the numbers themselves come from a seed.
    """
    inputs, hidden, classes, samples = (draw(SIZES) for _ in range(4))
    weight_scale = draw(st.sampled_from(weight_scales))
    input_scale = draw(st.sampled_from(input_scales))
    zeros = draw(st.sampled_from((0.0, 0.5, 0.9, 1.0)))
    kind = draw(st.sampled_from(kinds))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    params = {
        "W1": matrix(generator, (inputs, hidden), weight_scale, 0),
        "b1": matrix(generator, hidden, weight_scale, 0),
        "W2": matrix(generator, (hidden, classes), weight_scale, 0),
        "b2": matrix(generator, classes, weight_scale, 0),
    }
    x = matrix(generator, (samples, inputs), input_scale, zeros)
    return Problem(params, x, targets_of(generator, kind, samples, classes))
