"""Mini-batch training: the trainer, the history it keeps, and the optimizer of the course.

`Trainable` and `Optimizer` are the protocols of what a trainer takes: types to annotate with.
"""

from kobai._training.history import History
from kobai._training.network import Trainable as Trainable
from kobai._training.optimizers import SGD
from kobai._training.optimizers import Optimizer as Optimizer
from kobai._training.trainer import Trainer

__all__ = ["SGD", "History", "Trainer"]
