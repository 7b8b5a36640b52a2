"""PyTorch on the CPU, eager, as its tutorials write a training loop."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from benchmarks.problem import (
    BATCH,
    EPOCH_STEPS,
    LEARNING_RATE,
    Params,
    Problem,
)
from benchmarks.timing import Task, from_step, loop

VERSIONS = {"PyTorch": str(torch.__version__)}


class Training:
    """A model, its optimizer and a step, float32."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._layers = [nn.Linear(rows, units) for rows, units in pairwise(problem.sizes)]
        units = [part for layer in self._layers for part in (layer, nn.Sigmoid())]
        self._model = nn.Sequential(*units[:-1])
        self._optimizer = torch.optim.SGD(self._model.parameters(), lr=LEARNING_RATE)
        self._loss = nn.CrossEntropyLoss()
        self.reset()

    def reset(self) -> None:
        start = {k: torch.from_numpy(v) for k, v in self._problem.start(np.float32).items()}
        with torch.no_grad():
            for k, layer in enumerate(self._layers, 1):
                layer.weight.copy_(start[f"W{k}"].T)
                layer.bias.copy_(start[f"b{k}"])

    def params(self) -> Params:
        params = {}
        for k, layer in enumerate(self._layers, 1):
            params[f"W{k}"] = layer.weight.detach().T.numpy().copy()
            params[f"b{k}"] = layer.bias.detach().numpy().copy()
        return params

    def step(self, x: torch.Tensor, labels: torch.Tensor) -> None:
        self._optimizer.zero_grad()
        self._loss(self._model(x), labels).backward()
        self._optimizer.step()


def _step_task(problem: Problem) -> Task:
    training = Training(problem)
    x = torch.from_numpy(problem.mnist.x.astype(np.float32))
    labels = torch.from_numpy(problem.mnist.targets)

    def call() -> None:
        training.step(x, labels)

    def gradient() -> Params:
        training.reset()
        call()
        return from_step(problem.params, training.params())

    return Task(loop(call, training.reset), gradient, problem.mnist)


def _epoch_task(problem: Problem) -> Task:
    training = Training(problem)
    data: list[torch.Tensor] = []

    def run(calls: int) -> int:
        if not data:
            data.extend(map(torch.from_numpy, problem.images()))
        x, labels = data
        training.reset()
        start = time.perf_counter_ns()
        for _ in range(calls):
            order = torch.randperm(len(x))
            for k in range(EPOCH_STEPS):
                drawn = order[k * BATCH : (k + 1) * BATCH]
                training.step(x[drawn], labels[drawn])
        return time.perf_counter_ns() - start

    return Task(run)


def tasks(problem: Problem, threads: int) -> dict[str, Task]:
    torch.set_num_threads(threads)
    return {"step float32": _step_task(problem), "epoch float32": _epoch_task(problem)}
