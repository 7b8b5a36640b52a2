"""A program as its users type it: strict mypy has nothing to say of it, and it runs."""

from typing import Any

import numpy as np
import numpy.typing as npt

from kobai import (
    SGD,
    History,
    MultiLayerNet,
    SimpleNet,
    Trainer,
    TwoLayerNet,
    cross_entropy_error,
    gradient_descent,
    load_mnist_sample,
    numerical_gradient,
    sigmoid,
)
from kobai.callbacks import Callback, EarlyStopping, LambdaCallback
from kobai.functions import relu_grad, softmax_loss, step_function
from kobai.losses import CrossEntropy, Huber, Loss
from kobai.optimizers import Adam, AdamW
from kobai.testing import GradientReport, Verdict, assert_gradient, check_gradient, check_network
from kobai.training import Optimizer, Trainable

Array = npt.NDArray[np.floating[Any]]


def valley(x: Array) -> float:
    return float(np.sum(x**2))


class Momentum:
    """An optimizer of a user's own, typed as the course's classes are used."""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr = lr
        self.momentum = momentum
        self.v: dict[str, Array] = {}

    def update(self, params: dict[str, Array], grads: dict[str, Array]) -> None:
        for key, param in params.items():
            v = self.v.setdefault(key, np.zeros_like(param))
            v *= self.momentum
            v -= self.lr * grads[key]
            param += v


class SignDescent:
    """Another, which names its arguments as it likes and answers something."""

    def update(self, weights: dict[str, Any], slopes: dict[str, Any]) -> int:
        for key in weights:
            weights[key] -= 0.01 * np.sign(slopes[key])
        return len(weights)


class Line:
    """A network of the chapter's own kind, typed as far as its author cares."""

    def __init__(self) -> None:
        self.params: dict[str, npt.NDArray[np.float64]] = {"w": np.zeros(3)}

    def predict(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return x @ self.params["w"]

    def loss(self, x: npt.NDArray[np.float64], t: npt.NDArray[np.float64]) -> float:
        return float(np.mean((self.predict(x) - t) ** 2)) / 2

    def accuracy(self, x: npt.NDArray[np.float64], t: npt.NDArray[np.float64]) -> float:
        return float(np.mean(np.abs(self.predict(x) - t) < 0.1))

    def gradient(self, x: Any, t: Any) -> dict[str, npt.NDArray[np.float64]]:
        return {"w": (self.predict(x) - t) @ x / len(x)}


def fit_a_line() -> History:
    net: Trainable = Line()
    optimizer: Optimizer = Momentum(0.1)
    trainer = Trainer(net, optimizer, batch_size=5, rng=np.random.RandomState(0))
    trainer.optimizer = SGD(lr=0.1)

    def note(history: History) -> None:
        last: float = history.train_acc[-1]
        print(f"{last} {history.nonfinite_step}")

    trainer.fit(np.eye(3), [1.0, 2.0, 3.0], epochs=2, on_epoch=note)
    return trainer.history


def descend(show_path: bool) -> Array:
    found = gradient_descent(valley, [3.0, 4.0], lr=0.1, return_history=show_path)
    if isinstance(found, tuple):
        x, path = found
        print(f"{len(path)} points")
        return x
    return found


def train(optimizer: Momentum | SignDescent | SGD) -> History:
    (x_train, t_train), _ = load_mnist_sample()
    net = TwoLayerNet(784, 10, 10, rng=0)
    trainer = Trainer(net, optimizer, batch_size=50, gradient="numerical", rng=0)
    return trainer.fit(x_train[:200], t_train[:200], epochs=1, progress=False)


def check() -> GradientReport:
    assert_gradient(valley, lambda x: 2 * x, [3.0, 4.0])
    report = check_gradient(valley, [6.0, 8.0], np.array([3.0, 4.0]), seed=1)
    worst: list[str] = [element.words for element in report.worst]
    print(report.count(Verdict.WRONG), len(worst), [pattern.kind for pattern in report.patterns])
    return check_network(TwoLayerNet(3, 4, 3, 0.5, rng=0), np.eye(3), [0, 1, 2])


class Report(Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None, **kwargs: Any) -> bool:
        print(epoch, sorted(logs))
        return bool(logs["loss"] < 0.01)


def fit_with_callbacks() -> float:
    optimizer = AdamW(lr=lambda step: 0.01 / (1 + step), weight_decay=0.1)
    trainer = Trainer(TwoLayerNet(3, 4, 3, rng=0), optimizer, h=1e-3, gradient="numerical")
    hooks = [
        Report(),
        EarlyStopping("loss", patience=3, restore_best_weights=True),
        LambdaCallback(on_epoch_end=lambda epoch, logs: None),
    ]
    history = trainer.fit(np.eye(3), [0, 1, 2], epochs=2, callbacks=hooks, evaluate_samples=2)
    m: Array = optimizer.m["W1"]
    print(m.shape, optimizer.iter, optimizer.learning_rate(0))
    trainer.optimizer = Adam()
    return history.train_loss[-1]


class Halved(MultiLayerNet):
    """A network of a user's own, by inheritance."""

    def predict(self, x: npt.ArrayLike) -> Array:
        return super().predict(x) / 2


def any_network() -> MultiLayerNet:
    loss: Loss = CrossEntropy(epsilon=1e-7)
    net = MultiLayerNet(3, [4, np.int64(2)], 2, ["sigmoid", "relu"], "xavier", 0.1, loss=loss)
    weights = [1.0, 0.0, 2.0]
    value, grads = net.loss_and_gradient(np.eye(3), [0, 1, 1], sample_weight=weights)
    slopes: Array = grads["W3"]
    print(slopes.shape, value > 0, net.activations, net.loss_function == loss)
    net.weight_decay_lambda = 1
    by_scores: Array = Huber(2).gradient([[1.0]], [0.0], sample_weight=[1])
    print(net.weight_decay_lambda, by_scores, float(Huber()([[3.0]], [0])))
    net.save("typed.npz")
    loaded: Halved = Halved.load("typed.npz")
    return loaded


def main() -> None:
    x: Array = gradient_descent(valley, np.array([3.0, 4.0]), 0.1, 10)
    end, path = gradient_descent(valley, x, step_num=np.int64(3), return_history=True)
    print(end.shape, path.shape, descend(True).shape, descend(False).shape)

    net = SimpleNet(rng=0)
    inputs, label = [0.6, 0.9], 2
    gradients: list[Array] = [
        numerical_gradient(lambda _: net.loss(inputs, label), net.W),
        numerical_gradient(lambda W: cross_entropy_error(sigmoid(inputs @ W), label), net.W),
        numerical_gradient(lambda W: W[0, 0], net.W, h=1e-3),
        numerical_gradient(np.sum, [1, 2]),
        numerical_gradient(lambda p: int(p[0] > 1), (1.0, 2.0)),
    ]
    print([gradient.shape for gradient in gradients])
    print(step_function([1.0]), relu_grad([1.0]), float(softmax_loss([0.0, 0.0], 1)) > 0)

    print(fit_a_line().steps_per_epoch)
    print(fit_with_callbacks() > 0)
    print(any_network())
    print(repr(check()))
    for optimizer in (Momentum(), SignDescent(), SGD(lr=0.1)):
        print(len(train(optimizer).train_loss))


if __name__ == "__main__":
    main()
