"""Small runs to stop and to continue."""

import numpy as np

from kobai import SGD, Trainer, TwoLayerNet

# Five steps an epoch, the last of which is a short one.
SAMPLES, BATCH_SIZE, STEPS = 23, 5, 5
X = np.random.default_rng(0).uniform(-1, 1, (SAMPLES, 2))
T = 2 * (X[:, 0] > 0) + (X[:, 1] > 0)
DATA = (X, T, X[:9], T[:9])


class OneByOne(TwoLayerNet):
    """A network whose steps are not taken by the core, for it has a method of its own."""

    def loss_and_gradient(self, x, t):
        return super().loss_and_gradient(x, t)

    def loss_and_numerical_gradient(self, x, t, **options):
        return super().loss_and_numerical_gradient(x, t, **options)


def bits(params):
    return {key: (param.dtype, param.shape, param.tobytes()) for key, param in params.items()}


def new_trainer(
    kind=TwoLayerNet, dtype=np.float64, rng=0, lr=0.5, batch_size=BATCH_SIZE, **options
):
    net = kind(2, 6, 4, 0.5, rng=0, dtype=dtype)
    # One half of a 64-bit number is left over: it is a part of the generator's state.
    generator = np.random.default_rng(rng)
    generator.integers(0, 9, dtype=np.uint32)
    trainer = Trainer(net, SGD(lr), batch_size=batch_size, rng=generator, **options)
    return trainer, generator


def left_behind(made, history):
    """All that follows from a run, the numbers drawn after it among them."""
    trainer, generator = made
    draws = generator.integers(0, 2**32, 3, dtype=np.uint32).tolist(), generator.random()
    return bits(trainer.net.params), history, trainer.optimizer.lr, draws


def uninterrupted(iterations, data=DATA, on_epoch=None, **options):
    made = new_trainer(**options)
    return left_behind(made, made[0].fit(*data, iterations=iterations, on_epoch=on_epoch))


# What scripts in a Python of their own begin with.
SETTING = """
import os, random, signal, threading, time
from pathlib import Path
import numpy as np
from kobai import SGD, Trainer, TwoLayerNet

class OneByOne(TwoLayerNet):
    def loss_and_gradient(self, x, t):
        return super().loss_and_gradient(x, t)

generator = np.random.default_rng(0)
data = generator.random((40, 5)), generator.integers(0, 4, 40)
EPOCHS = 300

def trainer(kind=TwoLayerNet, **options):
    return Trainer(kind(5, 30, 4, 0.5, rng=0), SGD(0.5), batch_size=9, rng=0, **options)

def bits(trainer):
    return {key: param.tobytes() for key, param in trainer.net.params.items()}

def contents(path):
    with np.load(path, allow_pickle=False) as archive:
        return tuple((name, archive[name].tobytes()) for name in sorted(archive.files))
"""
