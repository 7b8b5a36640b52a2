"""The 1e-7 that the course adds inside the logarithm of its loss, and leaves out of its gradient.

The course's cross-entropy is ``-log(p + 1e-7)``, its gradient by the scores ``p - t``, which is the
derivative of ``-log(p)``: off by the share ``1e-7 / (p + 1e-7)`` of each sample. That is far above
the bars of differences, and nobody's mistake. Where a loss is found to be this one, the bars allow
for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kobai.testing.verdicts import Floats

_ADDED = 1e-7
_MOST_SAMPLES = 64
_ROUNDING = 1e-11


class Slack(NamedTuple):
    """How far a gradient that leaves the 1e-7 out may be off.

    Attributes
    ----------
    row : ndarray
        For each element.
    share : float
        The largest share of a sample's gradient that is left out.
    """

    row: Floats
    share: float

    @property
    def note(self) -> str:
        """What to say of it."""
        return (
            "the loss adds 1e-7 inside its logarithm, which gradients may leave out, as the "
            f"course's do: the bars allow for it, up to {self.share:.0e} of what a sample gives"
        )


def slack_of(
    net: Any,
    x: npt.ArrayLike,
    t: npt.ArrayLike,
    given: Floats,
    one_gradient: Callable[[Any, Any], Floats],
    slices: tuple[slice, ...],
) -> Slack | None:
    """The slack if the loss of `net` is the course's cross-entropy; None if it is another one.

    `one_gradient` answers the gradient of some samples, in a row.
    """
    batch, targets = np.asarray(x), np.asarray(t)
    if batch.ndim != 2 or len(batch) != len(targets):
        return None
    probabilities = _of_targets(net, batch, targets)
    if probabilities is None:
        return None
    share = _ADDED / (probabilities + _ADDED)
    chosen = np.argsort(-share, kind="stable")[:_MOST_SAMPLES]
    sizes, total = np.zeros(given.size), np.zeros(given.size)
    for n in chosen.tolist():
        gradient = one_gradient(batch[n : n + 1], targets[n : n + 1])
        sizes += np.abs(gradient)
        total += gradient
    row = float(share.max()) * sizes / len(chosen)
    for part in slices:
        if part.stop > part.start:
            # A gradient that is N times too large is off by N times as much.
            mean = float(np.abs(total[part]).max()) / len(chosen)
            row[part] *= max(1.0, float(np.abs(given[part]).max()) / mean if mean else 1.0)
    return Slack(2 * np.nan_to_num(row, posinf=0.0), float(share.max()))


def _of_targets(net: Any, x: npt.NDArray[Any], t: npt.NDArray[Any]) -> Floats | None:
    """The probabilities of the targets, if the loss is the mean of ``-log(p + 1e-7)``."""
    if not callable(getattr(net, "predict", None)):
        return None
    answers = np.asarray(net.predict(x), np.float64)
    if answers.ndim != 2 or len(answers) != len(x):
        return None
    labels = t.argmax(axis=1) if t.shape == answers.shape else t
    if labels.shape != (len(x),) or labels.dtype.kind not in "iu" or labels.min() < 0:
        return None
    if labels.max() >= answers.shape[1]:
        return None
    loss = float(net.loss(x, t)) - _decay(net)
    for rows in (answers, _softmax(answers)):
        if np.all(rows >= 0) and np.allclose(rows.sum(axis=1), 1, atol=1e-6):
            chosen: Floats = rows[np.arange(len(x)), labels]
            mean = float(-np.mean(np.log(chosen + _ADDED)))
            if abs(loss - mean) <= _ROUNDING * max(1.0, abs(mean)):
                return chosen
    return None


def _softmax(scores: Floats) -> Floats:
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: Floats = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def _decay(net: Any) -> float:
    """What weight decay adds to the loss of the course's networks of any depth."""
    factor = getattr(net, "weight_decay_lambda", 0.0)
    weights = [array for name, array in net.params.items() if name.startswith("W")]
    return float(factor) / 2 * sum(float(np.sum(np.square(array))) for array in weights)
