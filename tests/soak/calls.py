"""Random calls: right ones and wrong ones, of every public function."""

import gzip
import io
import tempfile
from pathlib import Path

import numpy as np

import kobai
from kobai import (
    SGD,
    SimpleNet,
    Trainer,
    TwoLayerNet,
    cross_entropy_error,
    gradient_descent,
    load_mnist,
    load_mnist_sample,
    mean_squared_error,
    numerical_gradient,
    relu,
    sigmoid,
    softmax,
)

METHODS = ("auto", "node", "incremental", "direct")


def parabola(x):
    return float(np.sum(x**2))


class Calls:
    """Draws calls from a seed and makes them.

    `weights` says how often: cheap calls make up nearly all.
    """

    def __init__(self, seed, folder):
        self._rng = np.random.default_rng(seed)
        self._folder = Path(folder)
        self._idx = self._write_idx()
        methods = {
            self.elementwise: 10,
            self.softmax: 5,
            self.losses: 10,
            self.generic_gradient: 5,
            self.descent: 2,
            self.simple_net: 5,
            self.two_layer_net: 20,
            self.backprop: 10,
            self.numerical: 15,
            self.steps: 3,
            self.training: 2,
            self.resuming: 1,
            self.refusals: 10,
            self.saving: 1,
            self.idx: 1,
            self.sample: 0.02,
            self.threads: 0.2,
            self.plot: 0.01,
        }
        self._methods = list(methods)
        weights = np.array(list(methods.values()), float)
        self._shares = weights / weights.sum()
        self.made = dict.fromkeys((method.__name__ for method in methods), 0)

    def __call__(self):
        method = self._methods[self._rng.choice(len(self._methods), p=self._shares)]
        self.made[method.__name__] += 1
        method()

    def _integer(self, low, high):
        return int(self._rng.integers(low, high + 1))

    def _one_of(self, *values):
        return values[self._integer(0, len(values) - 1)]

    def _array(self, *shape):
        values = np.asarray(self._rng.standard_normal(shape))
        match self._integer(0, 5):
            case 0:
                return values.astype(np.float32)
            case 1:
                return np.asfortranarray(values)
            case 2:
                return (10 * values).astype(self._one_of(np.int8, np.int64, bool))
            case 3:
                return np.flip(values)
            case 4:
                return values.tolist()
        return values

    def _problem(self, samples=60):
        inputs, hidden, classes = self._integer(1, 40), self._integer(1, 20), self._integer(2, 10)
        dtype = self._one_of(np.float32, np.float64)
        net = TwoLayerNet(inputs, hidden, classes, 0.5, rng=self._integer(0, 9), dtype=dtype)
        samples = self._integer(1, samples)
        x = self._rng.standard_normal((samples, inputs))
        x[self._rng.random(x.shape) < self._one_of(0, 0.5, 0.9)] = 0
        t = self._rng.integers(0, classes, samples)
        return net, x, t if self._integer(0, 1) else np.eye(classes)[t]

    def elementwise(self):
        shape = [self._integer(0, 20) for _ in range(self._integer(0, 3))]
        self._one_of(sigmoid, relu)(self._array(*shape))

    def softmax(self):
        softmax(self._array(self._integer(1, 50), self._integer(1, 50)), self._integer(-2, 1))

    def losses(self):
        shape = self._integer(1, 50), self._integer(2, 20)
        y = np.abs(self._rng.standard_normal(shape))
        mean_squared_error(y, self._array(*shape))
        cross_entropy_error(y, self._one_of(y, self._rng.integers(0, shape[1], shape[0])))

    def generic_gradient(self):
        x = self._array(*[self._integer(1, 4) for _ in range(self._integer(0, 3))])
        numerical_gradient(parabola, x)

    def descent(self):
        history = bool(self._integer(0, 1))
        gradient_descent(parabola, self._array(3), step_num=5, return_history=history)

    def simple_net(self):
        inputs, classes, samples = (self._integer(1, 20) for _ in range(3))
        net = SimpleNet(inputs, classes, rng=self._integer(0, 9))
        x, t = self._array(samples, inputs), self._rng.integers(0, classes, samples)
        net.predict(x), net.loss(x, t), net.accuracy(x, t), net.gradient(x, t)
        net.numerical_gradient(x, t)

    def two_layer_net(self):
        net, x, t = self._problem()
        net.predict(x), net.loss(x, t), net.accuracy(x, t), net.predict(x[0])

    def backprop(self):
        net, x, t = self._problem(300)
        net.gradient(x, t)

    def numerical(self):
        method = self._one_of(*METHODS)
        samples = {"auto": 300, "node": 300, "incremental": 20, "direct": 1}[method]
        net, x, t = self._problem(samples)
        net.numerical_gradient(x, t, h=self._one_of(1e-4, 1e-2, 10.0), method=method)

    def steps(self):
        net, x, t = self._problem()
        for _ in range(3):
            SGD(0.1).update(net.params, net.gradient(x, t))
        for key in net.params:
            net.params[key] = net.params[key].copy()
        net.predict(x)

    def training(self):
        net, x, t = self._problem()
        options = {"gradient": self._one_of("backprop", "numerical")}
        options["sampling"] = self._one_of("shuffle", "replacement")
        trainer = Trainer(net, SGD(0.1), batch_size=self._integer(1, 40), rng=0, **options)
        test = self._one_of((), (x, t))
        trainer.fit(x, t, *test, epochs=2)

    def resuming(self):
        net, x, t = self._problem()
        trainer = Trainer(net, batch_size=self._integer(1, 40), rng=0)
        file = self._folder / "run.npz"
        steps = self._integer(1, 5)
        trainer.fit(x, t, iterations=steps, checkpoint=file)
        trainer.resume(file, x, t, iterations=2 * steps, checkpoint=self._folder / "next.npz")
        try:
            trainer.resume(file, x[1:], t[1:])
        except ValueError:
            return
        raise AssertionError("other data was taken")

    def refusals(self):
        net, x, t = self._problem(5)
        wide = np.ones((len(x), x.shape[1] + 1))

        wrong = self._one_of(
            lambda: net.predict(wide),
            lambda: net.gradient(x, np.full(len(x), 99)),
            lambda: net.loss(x, t[:-1]),
            lambda: net.numerical_gradient(x, t, h=-1.0),
            lambda: net.numerical_gradient(x, t, method="none"),
            lambda: sigmoid("text"),
            lambda: softmax(x, 7),
            lambda: mean_squared_error(x, wide),
            lambda: numerical_gradient(lambda _: 1 / 0, x),
            lambda: Trainer(net).fit(x, t),
            lambda: SGD().update(net.params, {}),
            lambda: load_mnist(path=self._folder / "nothing"),
            lambda: TwoLayerNet.load(io.BytesIO(b"no network")),
        )
        try:
            wrong()
        except (ArithmeticError, OSError, TypeError, ValueError):
            return
        raise AssertionError("a wrong call was taken")

    def saving(self):
        net, x, _ = self._problem()
        net.save(self._folder / "net.npz")
        assert np.array_equal(TwoLayerNet.load(self._folder / "net.npz").predict(x), net.predict(x))

    def idx(self):
        flags = [bool(self._integer(0, 1)) for _ in range(3)]
        load_mnist(*flags, path=self._idx)

    def sample(self):
        load_mnist_sample(*[bool(self._integer(0, 1)) for _ in range(3)])

    def threads(self):
        kobai.set_num_threads(self._integer(1, 3))

    def plot(self):
        import matplotlib.pyplot as plt

        net, x, t = self._problem()
        Trainer(net, rng=0).fit(x, t, epochs=2).plot()
        plt.close("all")

    def _write_idx(self):
        folder = self._folder / "idx"
        folder.mkdir()
        for name in ("train", "t10k"):
            images, labels = self._rng.integers(0, 10, (20, 5, 5)), self._rng.integers(0, 10, 20)
            for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
                sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
                content = b"\0\0\x08" + bytes([array.ndim]) + sizes + array.astype("u1").tobytes()
                (folder / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(content))
        return folder


def in_a_folder(seed):
    """Calls that write where nothing else is, and the folder, which goes when it is closed."""
    folder = tempfile.TemporaryDirectory()
    return Calls(seed, folder.name), folder
