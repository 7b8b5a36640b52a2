"""Who is measured: one file a contender, each with `VERSIONS` and `tasks(problem, threads)`."""

from __future__ import annotations

import importlib

from benchmarks.problem import Problem
from benchmarks.timing import Task

# The name of a family is the name of its file.
REFERENCES = ("notebook_loop",)
PEERS = ("numpy_backprop", "torch_steps", "jax_steps", "sklearn_steps")
KOBAI = "kobai_steps"
KOBAI_SIZES = "kobai_sizes"
KOBAI_OPTIMIZERS = "kobai_optimizers"
KOBAI_FUNCTIONS = "kobai_functions"

NAMES = {
    "notebook_loop": "the notebook's loop",
    "numpy_backprop": "NumPy",
    "torch_steps": "PyTorch",
    "jax_steps": "JAX",
    "sklearn_steps": "scikit-learn",
    "kobai_steps": "kobai",
    "kobai_sizes": "kobai",
    "kobai_optimizers": "kobai",
    "kobai_functions": "kobai",
}

# What stands before the name of a family whose network is the one with two hidden layers.
_DEEPER = "deeper/"


def deeper(family: str) -> str:
    """The family of the same contender with the deeper network."""
    return _DEEPER + family


def name_of(family: str) -> str:
    """What a contender is called."""
    return NAMES[family.removeprefix(_DEEPER)]


def of_family(family: str, problem: Problem) -> Problem:
    """The problem that a family solves."""
    return problem.deeper() if family.startswith(_DEEPER) else problem


def build(family: str, problem: Problem, threads: int) -> tuple[dict[str, str], dict[str, Task]]:
    """Import a family and set it up; an ImportError means that it is not installed."""
    module = importlib.import_module(f"benchmarks.contenders.{family.removeprefix(_DEEPER)}")
    versions: dict[str, str] = module.VERSIONS
    return versions, module.tasks(problem, threads)
