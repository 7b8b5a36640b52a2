"""What others say of the same gradients: `torch`, `jax` and `scipy`, each with its defaults."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gradient_checks.problems import Gradient, Problem

# Answers whether a gradient passes.
Peer = Callable[[Problem, Gradient], bool]

_SCIPY_THRESHOLD = 1e-6


def installed() -> dict[str, Peer]:
    """The checks whose packages are installed."""
    found: dict[str, Peer] = {}
    if importlib.util.find_spec("torch"):
        found["torch gradcheck"] = lambda problem, grad: _torch(problem, grad, is_fast=False)
        found["torch gradcheck, fast"] = lambda problem, grad: _torch(problem, grad, is_fast=True)
    if importlib.util.find_spec("jax"):
        found["jax check_grads"] = _jax
    if importlib.util.find_spec("scipy"):
        found[f"scipy check_grad < {_SCIPY_THRESHOLD:g}"] = _scipy
    return found


def missing() -> list[str]:
    return [name for name in ("torch", "jax", "scipy") if not importlib.util.find_spec(name)]


class _Flat:
    """A problem as a function of one vector; the parameters come back as they were."""

    def __init__(self, problem: Problem, grad: Gradient) -> None:
        self.problem, self.given = problem, grad
        self.start = np.concatenate([array.ravel() for array in problem.params.values()])

    def f(self, vector: Any) -> float:
        with self._at(vector):
            return self.problem.f(self.problem.params)

    def grad(self, vector: Any) -> Any:
        with self._at(vector):
            grads = self.given(self.problem.params)
            return np.concatenate([np.ravel(grads[name]) for name in self.problem.params])

    def _at(self, vector: Any) -> Any:
        return _Moved(self.problem.params, self.start, np.asarray(vector, np.float64))


class _Moved:
    def __init__(self, params: dict[str, Any], start: Any, vector: Any) -> None:
        self._params, self._start, self._vector = params, start, vector

    def __enter__(self) -> None:
        self._write(self._vector)

    def __exit__(self, *_: object) -> None:
        self._write(self._start)

    def _write(self, vector: Any) -> None:
        begin = 0
        for array in self._params.values():
            array[...] = vector[begin : begin + array.size].reshape(array.shape)
            begin += array.size


def _torch(problem: Problem, grad: Gradient, *, is_fast: bool) -> bool:
    import torch

    flat = _Flat(problem, grad)

    class Checked(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.tensor(flat.f(x.detach().numpy()), dtype=torch.float64)

        @staticmethod
        def backward(ctx: Any, by_value: Any) -> Any:
            (x,) = ctx.saved_tensors
            return by_value * torch.from_numpy(flat.grad(x.detach().numpy()))

    torch.set_num_threads(1)
    torch.manual_seed(0)
    x = torch.tensor(flat.start, requires_grad=True)
    passed = torch.autograd.gradcheck(Checked.apply, (x,), raise_exception=False, fast_mode=is_fast)
    return bool(passed)


def _jax(problem: Problem, grad: Gradient) -> bool:
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    flat = _Flat(problem, grad)
    size = flat.start.size
    scalar = jax.ShapeDtypeStruct((), np.float64)
    vector = jax.ShapeDtypeStruct((size,), np.float64)

    @jax.custom_vjp
    def f(x: Any) -> Any:
        return jax.pure_callback(lambda v: np.float64(flat.f(v)), scalar, x)

    def forward(x: Any) -> Any:
        return f(x), x

    def backward(x: Any, by_value: Any) -> Any:
        return (by_value * jax.pure_callback(flat.grad, vector, x),)

    f.defvjp(forward, backward)
    try:
        check_grads(f, (flat.start,), order=1, modes=("rev",))
    except AssertionError:
        return False
    return True


def _scipy(problem: Problem, grad: Gradient) -> bool:
    from scipy.optimize import check_grad

    flat = _Flat(problem, grad)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        apart = check_grad(flat.f, flat.grad, flat.start)
    size = float(np.linalg.norm(flat.grad(flat.start)))
    return bool(apart < _SCIPY_THRESHOLD * max(size, 1.0))
