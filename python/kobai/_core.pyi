"""The compiled core: arrays in, arrays out. Use it through the modules of `kobai`."""

from collections.abc import Sequence
from typing import Any, TypeVar, final

import numpy as np
import numpy.typing as npt

_Floats = TypeVar("_Floats", npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[Any])
_Layer = tuple[npt.NDArray[Any], npt.NDArray[Any] | None, str]
_Network = tuple[Sequence[_Layer], tuple[str, Sequence[float]], float]
# Values, columns and starts of the rows of a sparse matrix, and its number of columns.
_Csr = tuple[npt.NDArray[Any], npt.NDArray[np.int32], npt.NDArray[np.int64], int]
_LayerGradient = tuple[npt.NDArray[Any], npt.NDArray[Any] | None]

__all__ = [
    "MAX_THREADS",
    "HeldRows",
    "__version__",
    "after_fork_in_child",
    "after_fork_in_parent",
    "before_fork",
    "close",
    "cross_entropy_error",
    "cross_entropy_error_labels",
    "descend",
    "difference_noise",
    "extrapolate_differences",
    "judge_differences",
    "mean_squared_error",
    "network_correct",
    "network_gradient",
    "network_loss",
    "network_numerical_gradient",
    "network_outputs",
    "network_scores",
    "network_train",
    "num_threads",
    "relu",
    "set_num_threads",
    "sigmoid",
    "softmax",
    "thread_count_complaint",
]

MAX_THREADS: int
__version__: str

def num_threads() -> int: ...
def set_num_threads(threads: int, /) -> None: ...
def thread_count_complaint() -> str | None: ...
def before_fork() -> None: ...
def after_fork_in_parent() -> None: ...
def after_fork_in_child() -> None: ...
def close() -> None: ...
def sigmoid(x: _Floats, /) -> _Floats: ...
def relu(x: _Floats, /) -> _Floats: ...
def softmax(x: _Floats, axis: int, /) -> _Floats: ...
def mean_squared_error(y: _Floats, t: _Floats, /) -> float: ...
def cross_entropy_error(y: _Floats, t: _Floats, /) -> float: ...
def cross_entropy_error_labels(y: npt.NDArray[Any], t: npt.NDArray[np.int64], /) -> float: ...
def network_scores(network: _Network, x: npt.NDArray[Any] | _Csr, /) -> npt.NDArray[Any]: ...
def network_outputs(network: _Network, x: npt.NDArray[Any] | _Csr, /) -> npt.NDArray[Any]: ...
def network_loss(
    network: _Network,
    x: npt.NDArray[Any] | _Csr,
    t: npt.NDArray[Any],
    sample_weight: npt.NDArray[np.float64] | None,
    /,
) -> float: ...

@final
class HeldRows:
    """Rows of a sparse matrix in batches, asked for gradients again and again."""

    @staticmethod
    def of(x: _Csr, sizes: list[int], /) -> HeldRows | None: ...
    def gradient(
        self,
        network: _Network,
        batch: int,
        t: npt.NDArray[Any],
        sample_weight: npt.NDArray[np.float64] | None,
        out: npt.NDArray[np.float64],
        /,
    ) -> float: ...

def network_correct(network: _Network, x: npt.NDArray[Any], t: npt.NDArray[Any], /) -> int: ...
def network_gradient(
    network: _Network,
    x: npt.NDArray[Any] | _Csr,
    t: npt.NDArray[Any],
    sample_weight: npt.NDArray[np.float64] | None,
    /,
) -> tuple[float, list[_LayerGradient]]: ...
def network_numerical_gradient(
    network: _Network,
    x: npt.NDArray[Any],
    t: npt.NDArray[Any],
    sample_weight: npt.NDArray[np.float64] | None,
    h: float,
    method: str,
    /,
) -> tuple[float, list[_LayerGradient]]: ...
def descend(
    params: Sequence[npt.NDArray[Any]], grads: Sequence[npt.NDArray[Any]], lr: float, /
) -> bool: ...
def network_train(
    network: _Network,
    x: npt.NDArray[Any] | _Csr,
    t: npt.NDArray[Any],
    sample_weight: npt.NDArray[np.float64] | None,
    samples: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    optimizer: str,
    scalars: npt.NDArray[np.float64],
    weight_decays: npt.NDArray[np.float64] | None,
    states: Sequence[Sequence[npt.NDArray[Any]]],
    difference: tuple[float, str] | None,
    /,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]: ...
def difference_noise(
    values: npt.NDArray[np.float64], /
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]: ...
def judge_differences(
    block: tuple[
        npt.NDArray[np.int64],
        npt.NDArray[np.float64],
        npt.NDArray[np.float64],
        npt.NDArray[np.float64],
    ],
    outputs: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]],
    precision: tuple[float, float],
    is_last: bool,
    /,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.float64]]: ...
def extrapolate_differences(
    steps: npt.NDArray[np.float64],
    quotients: npt.NDArray[np.float64],
    sigmas: npt.NDArray[np.float64],
    is_even: npt.NDArray[np.bool_],
    /,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]: ...
