"""kobai's optimizers: steps that the trainer takes in the core, by backpropagation in float32."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import kobai
from benchmarks.contenders.kobai_steps import VERSIONS, new_net
from benchmarks.fits import Fits
from benchmarks.problem import BATCH, EPOCH_STEPS, Problem
from benchmarks.timing import Task
from kobai import Trainer, optimizers

__all__ = ["NAMES", "VERSIONS", "tasks"]

NAMES = ("SGD", *(name for name in optimizers.__all__ if name != "SGD"))


def tasks(problem: Problem, threads: int) -> dict[str, Task]:
    kobai.set_num_threads(threads)
    fits = Fits(problem)

    def trainer_of(name: str) -> Callable[[], Trainer]:
        def trainer() -> Trainer:
            net = new_net(problem.params, np.float32)
            return Trainer(net, getattr(optimizers, name)(), batch_size=BATCH, rng=0)

        return trainer

    return {name: Task(fits.run(trainer_of(name), EPOCH_STEPS)) for name in NAMES}
