"""Optimizers: the course's six and AdamW, each a class whose `update` takes one step.

An optimizer changes the arrays of a dict in place, along the gradients in another dict. What it
remembers is visible: plain dicts of arrays, called as in the course (`v`, `h`, `m`), and `iter`,
the number of updates so far.

The learning rate `lr` is a number, or a function of the number of the step, counted from 0. It and
the other settings are attributes that may be changed at any time. Such a function should depend on
the step alone: a trainer also asks it before a run, and where a run is continued.

Each update is a sequence of operations in the dtype of the parameter, each of them rounded once.
The docstrings show the sequences, in which capitals are scalars: they are computed in double
precision and then rounded to that dtype. So the same bits can be computed by other means, if
products and sums are not fused.
"""

from kobai.optimizers.adagrad import AdaGrad, RMSprop
from kobai.optimizers.adam import Adam, AdamW
from kobai.optimizers.momentum import Momentum, Nesterov
from kobai.optimizers.sgd import SGD

__all__ = ["SGD", "AdaGrad", "Adam", "AdamW", "Momentum", "Nesterov", "RMSprop"]
