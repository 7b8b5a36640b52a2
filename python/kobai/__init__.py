"""Neural networks from scratch, with true numerical gradients that are fast enough to train with.

kobai (勾配, "gradient") keeps the names of the "deep learning from scratch" course:
`common.functions` is `kobai.functions`, `common.gradient` is `kobai.gradient`, and `dataset.mnist`
is `kobai.datasets`.
"""

from kobai._core import __version__
from kobai._threads import num_threads, set_num_threads
from kobai.datasets import load_mnist, load_mnist_sample
from kobai.functions import cross_entropy_error, mean_squared_error, relu, sigmoid, softmax
from kobai.gradient import gradient_descent, numerical_gradient
from kobai.networks import MultiLayerNet, SimpleNet, TwoLayerNet
from kobai.optimizers import SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, RMSprop
from kobai.training import History, Trainer

__all__ = [
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "History",
    "Momentum",
    "MultiLayerNet",
    "Nesterov",
    "RMSprop",
    "SimpleNet",
    "Trainer",
    "TwoLayerNet",
    "__version__",
    "cross_entropy_error",
    "gradient_descent",
    "load_mnist",
    "load_mnist_sample",
    "mean_squared_error",
    "num_threads",
    "numerical_gradient",
    "relu",
    "set_num_threads",
    "sigmoid",
    "softmax",
]
