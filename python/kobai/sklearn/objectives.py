"""What is minimized: a loss of kobai's, and the scale in which scikit-learn reports it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kobai.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Loss,
    Poisson,
    SquaredError,
)
from kobai.losses.named import core_loss, loss_named

Array = npt.NDArray[Any]

# scikit-learn's names of what the network makes of its scores.
_OUT_ACTIVATIONS: dict[type[Any], str] = {
    CrossEntropy: "softmax",
    BinaryCrossEntropy: "logistic",
    Poisson: "exp",
}


class Objective(NamedTuple):
    """A loss, and how it is reported.

    Attributes
    ----------
    loss : Loss
        Its gradient is what is descended along.
    share : float
        What the loss is multiplied by where it is reported: scikit-learn reports the squared error
        as a mean over the outputs, and descends along the gradient of their sum.
    constants : ndarray or None
        What is added to the loss of each sample where it is reported: what makes the Poisson loss
        half a deviance.
    """

    loss: Loss
    share: float
    constants: Array | None

    def core_loss(self) -> tuple[str, list[float]]:
        """The loss as the core takes it."""
        return core_loss(self.loss)

    @property
    def out_activation(self) -> str:
        """What scikit-learn calls the function that makes outputs of scores."""
        return _OUT_ACTIVATIONS.get(type(self.loss), "identity")

    def reported(
        self, losses: Array, penalties: Array, steps: Batches, weights: Array | None
    ) -> Array:
        """The losses of some batches as they are reported.

        Parameters
        ----------
        losses : ndarray
            The loss of each batch, `penalties` included.
        penalties : ndarray
            What the weights add to it.
        steps : Batches
            The samples of the batches.
        weights : ndarray or None
            What each sample of the data set counts.
        """
        if self.share != 1:
            losses = (losses - penalties) * self.share + penalties
        if self.constants is not None:
            losses = losses + steps.means(self.constants, weights)
        return losses

    def constant(self, weights: Array | None) -> float:
        """What the mean loss of all samples is reported with."""
        return 0.0 if self.constants is None else float(np.average(self.constants, weights=weights))


class Batches(NamedTuple):
    """The samples of some steps, one after the other, and how many each takes."""

    samples: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]

    def sums(self, values: Array) -> Array:
        """The sum over each batch of a number of each sample of the data set."""
        starts = np.cumsum(self.sizes) - self.sizes
        return np.asarray(np.add.reduceat(values[self.samples], starts))

    def means(self, values: Array, weights: Array | None) -> Array:
        """The weighted mean over each batch; 0 where no sample of it counts."""
        if weights is None:
            return self.sums(values) / self.sizes
        totals = self.sums(weights)
        return np.divide(
            self.sums(values * weights), totals, out=np.zeros(len(totals)), where=totals > 0
        )


def regression_objective(loss: str | Loss, y: Array) -> Objective:
    """What a regressor minimizes; `y` holds a row a sample."""
    made = loss_named("loss", loss)
    if isinstance(made, Poisson):
        if np.any(y < 0):
            raise ValueError("y must not be negative for the loss 'poisson'")
        # With 0 log 0 = 0.
        logs = np.log(np.where(y == 0, 1, y))
        constants: Array = np.asarray(np.sum(y * logs - y, axis=1), np.float64)
        return Objective(made, 1.0, constants)
    share = 1 / y.shape[1] if isinstance(made, SquaredError) else 1.0
    return Objective(made, share, None)


def classification_objective(loss: str | Loss, *, is_multiclass: bool) -> Objective:
    """What a classifier minimizes."""
    if isinstance(loss, str) and loss == "log_loss":
        made: Loss = CrossEntropy() if is_multiclass else BinaryCrossEntropy()
        return Objective(made, 1.0, None)
    return Objective(loss_named("loss", loss), 1.0, None)
