"""Mini-batch training: the trainer, the history it records, and the optimizer of the course.

`Trainable` and `Optimizer` are protocols for annotations: what a trainer takes.
"""

from kobai._training.history import History
from kobai._training.network import Trainable as Trainable
from kobai._training.optimizers import Optimizer as Optimizer
from kobai._training.trainer import Trainer
from kobai.optimizers import SGD

__all__ = ["SGD", "History", "Trainer"]
