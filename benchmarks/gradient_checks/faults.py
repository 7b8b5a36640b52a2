"""Twelve kinds of mistakes, and what a check must say of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.gradient_checks.problems import Gradient, Params, Problem, draw
from kobai.testing import GradientReport, Verdict


@dataclass
class Fault:
    """A mistake in the gradient of a problem.

    `patterns` are the kinds of pattern that name it, `where` how their places begin.
    """

    kind: str
    problem: Problem
    gradient: Gradient
    patterns: tuple[str, ...]
    where: str

    def exceeds(self, report: GradientReport, bars: float) -> bool:
        """Whether the mistake is larger than so many error bars, in some element."""
        right = self.problem.grad(self.problem.params)
        return any(
            bool(np.any(np.abs(report.given[name] - right[name]) > bars * report.bar[name]))
            for name in right
        )

    def is_found(self, report: GradientReport) -> bool:
        """Whether an element is called wrong where the mistake is."""
        codes = report.verdicts[self.where.split("[")[0]]
        return not report.passed and bool(np.any(codes == Verdict.WRONG))

    def is_named(self, report: GradientReport) -> bool:
        """Whether a pattern of the right kind is named at the right place."""
        return any(
            pattern.kind in self.patterns and any(w.startswith(self.where) for w in pattern.where)
            for pattern in report.patterns
        )


def draw_fault(kind: str, rng: np.random.Generator) -> Fault:
    """A mistake of a kind, in a problem in which it can be made."""
    return KINDS[kind](rng)


def _of_array(
    kind: str,
    patterns: tuple[str, ...],
    change: Callable[[Any, Problem], Any],
    fits: Callable[[str, Any, Problem], bool],
) -> Callable[[np.random.Generator], Fault]:
    """A mistake in one array, which `change` makes of the right one."""

    def make(rng: np.random.Generator) -> Fault:
        while True:
            problem = draw(_any_kind(rng), rng)
            right = problem.grad(problem.params)
            names = [
                name
                for name, array in right.items()
                if fits(name, array, problem) and np.abs(array).max() > 1e-9
            ]
            if names:
                break
        name = str(rng.choice(names))
        return Fault(kind, problem, _changed(problem, name, change), patterns, name)

    return make


def _changed(problem: Problem, name: str, change: Callable[[Any, Problem], Any]) -> Gradient:
    def gradient(p: Params) -> Params:
        grads = problem.grad(p)
        return {**grads, name: change(grads[name], problem)}

    return gradient


def _any_kind(rng: np.random.Generator) -> str:
    return str(rng.choice(["network of kobai", "network of the course", "function"]))


def _always(_: str, array: Any, __: Problem) -> bool:
    return array.size > 1


def _has_samples(_: str, array: Any, problem: Problem) -> bool:
    return array.size > 1 and problem.samples is not None and problem.samples > 2


def _is_matrix(_: str, array: Any, __: Problem) -> bool:
    return array.ndim == 2 and min(array.shape) > 2


def _is_bias(name: str, array: Any, _: Problem) -> bool:
    return array.ndim == 1 and name.startswith("b")


def _transposed(array: Any, _: Problem) -> Any:
    return array.T.reshape(array.shape)


def _part(kind: str) -> Callable[[np.random.Generator], Fault]:
    """A row, a column or an element that is off by a share of its size, small or large."""

    def make(rng: np.random.Generator) -> Fault:
        while True:
            problem = draw(_any_kind(rng), rng)
            right = problem.grad(problem.params)
            names = [name for name, array in right.items() if _is_matrix(name, array, problem)]
            if names:
                name = str(rng.choice(names))
                i, j = (int(rng.integers(n)) for n in right[name].shape)
                index = {"row": (i,), "column": (slice(None), j), "element": (i, j)}[kind]
                if np.min(np.abs(right[name][index])) > 1e-6 * np.abs(right[name]).max() > 1e-12:
                    break
        factor = 1 + float(rng.choice([-1, 1])) * 10 ** float(rng.uniform(-9, 0.5))

        def change(array: Any, _: Problem) -> Any:
            array = array.copy()
            array[index] *= factor
            return array

        where = {"row": f"{name}[{i}]", "column": f"{name}[:, {j}]", "element": f"{name}[{i}, {j}]"}
        gradient = _changed(problem, name, change)
        return Fault(kind, problem, gradient, (kind,), where[kind])

    return make


def _decay(kind: str) -> Callable[[np.random.Generator], Fault]:
    """Weight decay in the loss and not in the gradient, or the other way round."""
    is_missing = kind == "decay missing"

    def make(rng: np.random.Generator) -> Fault:
        while True:
            problem = draw(_any_kind(rng), rng, decay=is_missing)
            names = [name for name, array in problem.params.items() if array.ndim == 2]
            if names:
                break
        factor = -problem.decay if is_missing else float(rng.uniform(0.01, 0.5))

        def gradient(p: Params) -> Params:
            grads = problem.grad(p)
            return {**grads, **{name: grads[name] + factor * p[name] for name in names}}

        return Fault(kind, problem, gradient, (kind,), names[0])

    return make


def _no_derivative(rng: np.random.Generator) -> Fault:
    """The derivative of the activation left out: the layers below are wrong, the last is right."""
    problem = draw("network of the course", rng)
    assert problem.without_derivative is not None
    gradient = problem.without_derivative
    return Fault("derivative left out", problem, gradient, ("passed back",), "W1")


KINDS: dict[str, Callable[[np.random.Generator], Fault]] = {
    "sign": _of_array("sign", ("sign",), lambda g, _: -g, _always),
    "factor 2": _of_array("factor 2", ("factor",), lambda g, _: 2 * g, _always),
    "sum for mean": _of_array(
        "sum for mean", ("factor",), lambda g, p: g * p.samples, _has_samples
    ),
    "divided twice": _of_array(
        "divided twice", ("factor",), lambda g, p: g / p.samples, _has_samples
    ),
    "transposed": _of_array("transposed", ("transposed",), _transposed, _is_matrix),
    "bias left out": _of_array("bias left out", ("zero",), lambda g, _: 0 * g, _is_bias),
    "row": _part("row"),
    "column": _part("column"),
    "element": _part("element"),
    "decay missing": _decay("decay missing"),
    "decay extra": _decay("decay extra"),
    "derivative left out": _no_derivative,
}
