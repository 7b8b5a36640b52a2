"""What hypothesis draws: networks of any depth, activations and loss, and batches that fit them."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from kobai import MultiLayerNet
from kobai.losses.named import from_description
from network_twin import ACTIVATIONS, LOSSES, Twin

# The settings of each loss that has any: its name, and what is drawn.
SETTINGS = {
    "cross_entropy": ("epsilon", (0.0, 1e-7, 0.1)),
    "huber": ("delta", (1.0, 0.1, 5.0)),
    "pinball": ("quantile", (0.5, 0.1, 0.9)),
}


class AnyProblem(NamedTuple):
    """A network, its twin that shares the parameters, and a batch."""

    net: MultiLayerNet
    twin: Twin
    x: np.ndarray
    t: np.ndarray
    weights: np.ndarray | None

    @property
    def data(self):
        return self.x, self.t

    def tolerance(self, h=1e-4):
        """1e-9 of the size of the loss, and what rounding may do where terms are far larger."""
        size = max(1.0, abs(self.twin.loss(*self.data, self.weights)))
        return 1e-9 * size + self.twin.rounding(*self.data, self.weights, h)


def made_loss(name, setting):
    settings = {} if setting is None else {SETTINGS[name][0]: setting}
    return from_description({"name": name, **settings})


def targets_of(generator, loss_name, samples, outputs):
    """Targets of a kind that the loss takes: labels or rows, columns or flat ones."""
    shape = (samples, outputs)
    if loss_name == "cross_entropy":
        kinds = (
            generator.integers(0, outputs, samples),
            np.eye(outputs)[generator.integers(0, outputs, samples)],
            generator.dirichlet(np.ones(outputs), samples),
            generator.random(shape),
        )
        return kinds[generator.integers(len(kinds))]
    if loss_name == "binary_cross_entropy":
        t = generator.random(shape) if generator.random() < 0.5 else generator.integers(0, 2, shape)
    elif loss_name == "poisson":
        t = generator.poisson(2.0, shape)
    else:
        t = generator.normal(size=shape)
    return t.ravel() if outputs == 1 and generator.random() < 0.5 else t


def inputs_of(generator, kind, shape):
    x = generator.normal(size=shape)
    if kind == "sparse":
        return np.where(generator.random(shape) < 0.7, 0, x)
    if kind == "bytes":
        return np.where(generator.random(shape) < 0.5, 0, generator.integers(0, 256, shape) * 1.0)
    return x


def twin_of(net, loss_name, setting):
    settings = () if setting is None else (setting,)
    decay = net.weight_decay_lambda
    return Twin(net.params, tuple(net.activations), loss_name, settings, decay)


@st.composite
def any_problems(draw, losses=LOSSES, scales=(1e-3, 0.5, 2.0, 20.0), weighted=True):
    """Networks of a few units and batches of a few samples.

    Sizes, names and scales are drawn so that they shrink; the numbers come from a seed.
    """
    sizes = st.integers(1, 5)
    hidden = draw(st.lists(sizes, max_size=5))
    inputs, outputs, samples = draw(sizes), draw(sizes), draw(sizes)
    names = [draw(st.sampled_from(list(ACTIVATIONS))) for _ in hidden]
    loss_name = draw(st.sampled_from(list(losses)))
    setting = None
    if loss_name in SETTINGS:
        setting = draw(st.sampled_from(SETTINGS[loss_name][1]))
    is_poisson = loss_name == "poisson"  # whose scores are exponents
    scale = draw(st.sampled_from([x for x in scales if x < 1] if is_poisson else scales))
    kind = draw(
        st.sampled_from(("dense", "sparse") if is_poisson else ("dense", "sparse", "bytes"))
    )
    decay = draw(st.sampled_from((0.0, 0.1)))
    has_weights = weighted and draw(st.booleans())
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    loss = made_loss(loss_name, setting)
    net = MultiLayerNet(
        inputs, hidden, outputs, names, scale, decay, loss=loss, rng=generator
    )  # fmt: skip
    for key, param in net.params.items():
        if key.startswith("b"):
            param += scale * generator.normal(size=param.shape)
    x = inputs_of(generator, kind, (samples, inputs))
    t = targets_of(generator, loss_name, samples, outputs)
    weights = None
    if has_weights:
        weights = generator.random(samples) * generator.integers(0, 2, samples)
        weights[generator.integers(samples)] = generator.random() + 0.1
    return AnyProblem(net, twin_of(net, loss_name, setting), x, t, weights)
