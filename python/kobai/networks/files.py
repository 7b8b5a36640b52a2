"""Networks of any depth on disk: ``.npz`` archives that say what network they hold.

An archive has the parameters by their names, and in ``network`` JSON text with the version of the
format, the class, the sizes, the activations, the loss with its settings and the weight decay.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from kobai._io import npz
from kobai._validation import FloatArray, non_negative_float, shown
from kobai.losses import Loss
from kobai.losses.named import described, from_description
from kobai.networks.architecture import ACTIVATIONS
from kobai.networks.layered import shapes_of

VERSION = 1
CLASS = "MultiLayerNet"

_NETWORK = "network"
# Some 50,000 layers. Parsed text takes many times the memory of the text.
_MAX_TEXT_BYTES = 1 << 20
_KEYS = {"version", "class", "sizes", "activations", "loss", "weight_decay_lambda"}


class Description(NamedTuple):
    """What a network is, but for its parameters.

    Attributes
    ----------
    sizes : list of int
        The numbers of inputs, of units in each hidden layer, and of outputs.
    activations : list of str
        That of each hidden layer.
    loss : Loss
        The loss.
    weight_decay : float
        The weight decay.
    """

    sizes: list[int]
    activations: list[str]
    loss: Loss
    weight_decay: float


def write(
    file: str | os.PathLike[str], network: Description, params: Mapping[str, FloatArray]
) -> None:
    """Write a network, whole or not at all."""
    text = json.dumps(
        {
            "version": VERSION,
            "class": CLASS,
            "sizes": network.sizes,
            "activations": network.activations,
            "loss": described(network.loss),
            "weight_decay_lambda": network.weight_decay,
        }
    ).encode()
    if len(text) > _MAX_TEXT_BYTES:
        raise ValueError(f"a file cannot describe a network of {len(network.sizes) - 1} layers")
    npz.write(file, {_NETWORK: np.frombuffer(text, np.uint8), **params})


def read(file: str | os.PathLike[str], wanted: str) -> tuple[Description, dict[str, FloatArray]]:
    """The network in a file, its parameters of the right names, shapes and dtype.

    `wanted` is the class that asks for it.

    Raises
    ------
    OSError
        If the file cannot be read.
    TypeError
        If `file` is no path.
    ValueError
        If it holds no network.
    """
    arrays = npz.read(file, (_NETWORK,), ("W", "b"))
    try:
        network = _description(arrays.pop(_NETWORK))
        _check_parameters(network.sizes, arrays)
    # JSON's reader raises a RecursionError for deeply nested brackets.
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{file} does not hold a {wanted}: {error}") from error
    return network, arrays


def _description(text: npt.NDArray[Any]) -> Description:
    if text.dtype != np.uint8 or text.ndim != 1 or text.size > _MAX_TEXT_BYTES:
        raise ValueError(f"its {_NETWORK} is no text")
    found = json.loads(text.tobytes(), parse_constant=_refuse_constant)
    if not isinstance(found, dict) or found.keys() != _KEYS:
        raise ValueError(f"its {_NETWORK} must have the keys {sorted(_KEYS)}, got {shown(found)}")
    if (type(found["version"]), found["version"]) != (int, VERSION):
        version = shown(found["version"])
        raise ValueError(f"it has version {version} of the format, this kobai reads {VERSION}")
    if found["class"] != CLASS:
        raise ValueError(f"it is one of class {shown(found['class'])}")
    sizes, activations = found["sizes"], found["activations"]
    if not (
        isinstance(sizes, list)
        and len(sizes) >= 2
        and all(type(size) is int and size >= 1 for size in sizes)
    ):
        raise ValueError(f"its sizes must be two positive integers or more, got {shown(sizes)}")
    if not (
        isinstance(activations, list)
        and len(activations) == len(sizes) - 2
        and all(isinstance(name, str) and name in ACTIVATIONS for name in activations)
    ):
        count = len(sizes) - 2
        raise ValueError(f"its activations must be {count} known names, got {shown(activations)}")
    decay = found["weight_decay_lambda"]
    if type(decay) not in (int, float):
        raise TypeError(f"its weight decay must be a number, got {shown(decay)}")
    decay = non_negative_float("weight_decay_lambda", decay)
    return Description(sizes, activations, from_description(found["loss"]), decay)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no setting")


def _check_parameters(sizes: list[int], params: Mapping[str, npt.NDArray[Any]]) -> None:
    layers = len(sizes) - 1
    # As many sizes as were written make as many names, however many that are.
    shapes = shapes_of(sizes) if len(params) == 2 * layers else {}
    if not shapes or params.keys() != shapes.keys():
        raise ValueError(
            f"it must hold the parameters of {layers} layers, got {shown(sorted(params))}"
        )
    dtype = params["W1"].dtype
    for key, shape in shapes.items():
        found = params[key]
        if found.dtype != dtype or found.dtype not in (np.float32, np.float64):
            raise ValueError(f"{key} must be float32 or float64 as all others, got {found.dtype}")
        if found.shape != shape:
            raise ValueError(f"{key} must have shape {shape}, got {found.shape}")
