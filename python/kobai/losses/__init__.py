"""Losses of networks: how far scores are off from their targets, in one number.

Each can be called by itself, and is what ``MultiLayerNet(..., loss=...)`` takes. `Loss` tells what
they share.
"""

from kobai.losses.absolute_error import AbsoluteError
from kobai.losses.base import Loss
from kobai.losses.binary_cross_entropy import BinaryCrossEntropy
from kobai.losses.cross_entropy import CrossEntropy
from kobai.losses.huber import Huber
from kobai.losses.pinball import Pinball
from kobai.losses.poisson import Poisson
from kobai.losses.squared_error import SquaredError

__all__ = [
    "AbsoluteError",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Huber",
    "Loss",
    "Pinball",
    "Poisson",
    "SquaredError",
]
