"""The rows of the main table: which task of which contender, and what it is called."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.contenders import KOBAI
from benchmarks.contenders.kobai_steps import NUMERICAL_STEPS
from benchmarks.contenders.notebook_loop import ALL_PARAMETERS, SLICE_PARAMETERS
from benchmarks.problem import EPOCH_STEPS

# How far a gradient may lie from the exact one: the central difference's own error and rounding.
TOLERANCE = {"float64": 1e-7, "float32": 2e-6}


@dataclass(frozen=True)
class Row:
    """`scale` turns the time of a task's call into what the row states."""

    label: str
    dtype: str
    family: str
    task: str
    scale: float = 1.0
    is_numerical: bool = False
    chart: str = ""  # what the bar is called; no bar without

    @property
    def tolerance(self) -> float:
        return TOLERANCE[self.dtype]


def _numerical(name: str, chart: dict[str, str]) -> tuple[Row, ...]:
    """The rows of numerical gradients on one batch."""

    def row(label: str, family: str, task: str, scale: float = 1.0) -> Row:
        return Row(label, "float64", family, task, scale, True, chart.get(task, ""))

    return (
        row("the notebook's loop, NumPy", "notebook_loop", name, ALL_PARAMETERS / SLICE_PARAMETERS),
        row("kobai, direct", KOBAI, f"{name} direct"),
        row("kobai, incremental", KOBAI, f"{name} incremental"),
        row("kobai, node", KOBAI, f"{name} node"),
        row("kobai, net.numerical_gradient", KOBAI, f"{name} auto"),
        row("the same + update", KOBAI, f"{name} auto step"),
    )


_CHART_NUMERICAL = {
    "mnist": "numerical: the notebook's loop",
    "mnist direct": "numerical: kobai, direct",
    "mnist incremental": "numerical: kobai, incremental",
    "mnist auto step": "numerical: kobai",
}

NUMERICAL = (
    *_numerical("mnist", _CHART_NUMERICAL),
    Row(
        "kobai, Trainer step",
        "float64",
        KOBAI,
        "trainer numerical",
        1 / NUMERICAL_STEPS,
        is_numerical=True,
    ),
)

DENSE = _numerical("dense", {})

PEER_STEPS = (
    Row(
        "NumPy, vectorised",
        "float32",
        "numpy_backprop",
        "step float32",
        chart="backprop: NumPy",
    ),
    Row("PyTorch, eager", "float32", "torch_steps", "step float32", chart="backprop: PyTorch"),
    Row("JAX, jit, one step a call", "float32", "jax_steps", "step float32"),
    Row(
        "JAX, scanned epoch / 600",
        "float32",
        "jax_steps",
        "scanned float32",
        1 / EPOCH_STEPS,
        chart="backprop: JAX, scanned",
    ),
    Row(
        "scikit-learn, partial_fit",
        "float32",
        "sklearn_steps",
        "step float32",
        chart="backprop: scikit-learn",
    ),
)

STEPS = (
    *PEER_STEPS,
    Row("NumPy, vectorised", "float64", "numpy_backprop", "step float64"),
    Row("kobai, net.gradient + update", "float64", KOBAI, "backprop step float64"),
    Row("kobai, net.gradient + update", "float32", KOBAI, "backprop step float32"),
    Row(
        "kobai, Trainer step",
        "float32",
        KOBAI,
        "trainer backprop",
        1 / EPOCH_STEPS,
        chart="backprop: kobai",
    ),
)

PEER_EPOCHS = (
    Row("NumPy, vectorised", "float32", "numpy_backprop", "epoch float32"),
    Row("PyTorch, eager", "float32", "torch_steps", "epoch float32"),
    Row("JAX, scanned", "float32", "jax_steps", "epoch float32"),
    Row("scikit-learn, partial_fit", "float32", "sklearn_steps", "epoch float32"),
)

EPOCHS = (*PEER_EPOCHS, Row("kobai, Trainer", "float32", KOBAI, "trainer backprop"))

LOOP_OF = {row.task: "dense" if row in DENSE else "mnist" for row in (*NUMERICAL, *DENSE)}
