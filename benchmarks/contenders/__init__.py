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

NAMES = {
    "notebook_loop": "the notebook's loop",
    "numpy_backprop": "NumPy",
    "torch_steps": "PyTorch",
    "jax_steps": "JAX",
    "sklearn_steps": "scikit-learn",
    "kobai_steps": "kobai",
    "kobai_sizes": "kobai",
}


def build(family: str, problem: Problem, threads: int) -> tuple[dict[str, str], dict[str, Task]]:
    """Import a family and set it up; an ImportError means that it is not installed."""
    module = importlib.import_module(f"benchmarks.contenders.{family}")
    versions: dict[str, str] = module.VERSIONS
    return versions, module.tasks(problem, threads)
