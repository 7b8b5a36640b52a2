"""The same networks and settings in PyTorch on the CPU, eager, as its tutorials write a fit."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from sklearn.metrics import accuracy_score, r2_score
from torch import nn

from kobai.sklearn.network import drawn_parameters

VERSION = str(torch.__version__)
HIDDEN = 100
ALPHA = 1e-4


class TorchEstimator:
    """What `fit` and `score` of the estimators do, with scikit-learn's defaults.

    It begins with the same distribution, in the same dtype, and takes as many epochs of batches of
    the same size; `alpha` decays the weights by what scikit-learn's loss has it.
    """

    def __init__(self, kind: str, seed: int, arguments: dict[str, Any]) -> None:
        self._is_classifier = kind == "Classifier"
        self._random = np.random.RandomState(seed)
        self._settings = arguments
        torch.manual_seed(seed)

    def fit(self, x: np.ndarray, y: np.ndarray) -> TorchEstimator:
        data, t = torch.from_numpy(np.ascontiguousarray(x)), self._targets(y, x.dtype)
        sizes = [x.shape[1], HIDDEN, self._outputs]
        layers = [nn.Linear(*pair, dtype=data.dtype) for pair in pairwise(sizes)]
        drawn = drawn_parameters(sizes, ["relu"], self._random, x.dtype)
        with torch.no_grad():
            for layer, weights, biases in zip(layers, *drawn, strict=True):
                layer.weight.copy_(torch.from_numpy(weights.T.copy()))
                layer.bias.copy_(torch.from_numpy(biases))
        self._model = nn.Sequential(layers[0], nn.ReLU(), layers[1])
        weights = [layer.weight for layer in layers]
        if self._settings["solver"] == "lbfgs":
            self._minimize(data, t, weights)
        else:
            self._descend(data, t, weights, [layer.bias for layer in layers])
        return self

    def score(self, x: np.ndarray, y: np.ndarray) -> float:
        with torch.no_grad():
            scores = self._model(torch.from_numpy(np.ascontiguousarray(x))).numpy()
        if not self._is_classifier:
            return float(r2_score(y, scores[:, 0]))
        places = scores.argmax(1) if self._outputs > 1 else (scores[:, 0] > 0).astype(int)
        return float(accuracy_score(y, self._classes[places]))

    def _targets(self, y: np.ndarray, dtype: np.dtype[Any]) -> torch.Tensor:
        if not self._is_classifier:
            self._outputs = 1
            return torch.from_numpy(y.astype(dtype)[:, np.newaxis])
        self._classes, places = np.unique(y, return_inverse=True)
        if len(self._classes) > 2:
            self._outputs = len(self._classes)
            return torch.from_numpy(places.astype(np.int64))
        self._outputs = 1
        return torch.from_numpy(places.astype(dtype)[:, np.newaxis])

    def _loss(self, scores: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        if not self._is_classifier:
            return 0.5 * nn.functional.mse_loss(scores, t)
        if self._outputs > 1:
            return nn.functional.cross_entropy(scores, t)
        return nn.functional.binary_cross_entropy_with_logits(scores, t)

    def _descend(
        self, x: torch.Tensor, t: torch.Tensor, weights: list[Any], biases: list[Any]
    ) -> None:
        settings = self._settings
        rate = settings["learning_rate_init"]
        # Only weights decay, by `alpha` over the samples of a batch.
        groups = [{"params": weights}, {"params": biases}]
        optimizer: torch.optim.Optimizer
        if settings["solver"] == "adam":
            optimizer = torch.optim.Adam(groups, lr=rate)
        else:
            optimizer = torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True)
        given = settings["batch_size"]
        size = min(200, len(x)) if given == "auto" else given
        for _ in range(settings["max_iter"]):
            for rows in torch.randperm(len(x)).split(size):
                optimizer.param_groups[0]["weight_decay"] = ALPHA / len(rows)
                optimizer.zero_grad()
                self._loss(self._model(x[rows]), t[rows]).backward()
                optimizer.step()

    def _minimize(self, x: torch.Tensor, t: torch.Tensor, weights: list[Any]) -> None:
        optimizer = torch.optim.LBFGS(
            self._model.parameters(),
            max_iter=self._settings["max_iter"],
            tolerance_grad=0.0,
            tolerance_change=0.0,
            history_size=10,
            line_search_fn="strong_wolfe",
        )

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            penalty = sum(each.square().sum() for each in weights) * (0.5 * ALPHA / len(x))
            loss = self._loss(self._model(x), t) + penalty
            loss.backward()
            return loss

        optimizer.step(closure)
