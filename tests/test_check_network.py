"""`kobai.testing.check_network`: kobai's networks at once, others one parameter at a time."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_net import TwoLayerNet as CourseNet
from kobai import MultiLayerNet, SimpleNet, TwoLayerNet, load_mnist_sample
from kobai.testing import Verdict, check_network
from network_strategies import any_problems

N = 20
RNG = np.random.default_rng(0)
X = RNG.random((N, 6))
T = RNG.integers(0, 4, N)
SIZES = (6, 5, 4)


def bits(net):
    return {key: (array.dtype, array.tobytes()) for key, array in net.params.items()}


def mnist(samples=100):
    (x, t), _ = load_mnist_sample()
    return x[:samples], t[:samples]


class Foreign:
    """A network that is none of kobai's, though it computes what one does."""

    def __init__(self, net):
        self.net, self.params = net, net.params

    def loss(self, x, t, **options):
        return self.net.loss(x, t, **options)

    def gradient(self, x, t, **options):
        return self.net.gradient(x, t, **options)


class TestNetworksOfKobai:
    @given(any_problems())
    def test_right_gradients_pass_and_parameters_stay(self, problem):
        before = bits(problem.net)
        report = check_network(problem.net, *problem.data, sample_weight=problem.weights)
        assert report.count(Verdict.WRONG) == 0, str(report)
        assert report.count(Verdict.NOT_FINITE) == 0
        assert report.passed, str(report)
        assert bits(problem.net) == before

    @given(any_problems(scales=(0.5, 2.0)), st.sampled_from([1.01, 0.99, -1.0, 2.0]))
    def test_a_wrong_factor_is_found(self, problem, factor):
        net, numbers = problem.net, problem.net.gradient(*problem.data)
        key = max(numbers, key=lambda key: np.abs(numbers[key]).max())
        net.gradient = lambda x, t: {**numbers, key: factor * numbers[key]}
        report = check_network(net, *problem.data)
        largest = np.abs(numbers[key]).max()
        bar = report.bar[key].flat[np.abs(numbers[key]).argmax()]
        if abs(factor - 1) * largest > 3 * bar and not report.count(Verdict.KINK):
            assert not report.passed
            assert (report.verdicts[key] == Verdict.WRONG).any()

    def test_all_elements_of_the_usual_network_are_right(self):
        net = TwoLayerNet(784, 50, 10, rng=0)
        report = check_network(net, *mnist())
        assert report.counts == {"right": 39_760}
        assert report.nfev == 0
        assert max(bar.max() for bar in report.bar.values()) < 1e-9

    def test_it_takes_milliseconds(self):
        net, data = TwoLayerNet(784, 50, 10, rng=0), mnist()
        check_network(net, *data)

        def taken():
            start = time.perf_counter()
            check_network(net, *data)
            return time.perf_counter() - start

        # Alone on two cores it is one millisecond: benchmarks/gradient_checks says.
        assert min(taken() for _ in range(30)) < 0.01

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_both_dtypes_pass(self, dtype):
        net = MultiLayerNet(784, [30, 20], 10, "tanh", rng=0, dtype=dtype)
        report = check_network(net, *mnist())
        assert report.passed
        assert report.count(Verdict.WRONG) == 0

    def test_a_fault_in_single_precision_is_found_above_its_rounding(self):
        class Wrong(TwoLayerNet):
            def gradient(self, x, t):
                grads = super().gradient(x, t)
                grads["W2"] *= np.float32(1.001)
                return grads

        report = check_network(Wrong(*SIZES, 0.5, rng=0, dtype=np.float32), X, T)
        assert not report.passed
        assert {element.name for element in report.worst if element.verdict == 1} == {"W2"}

    def test_a_simple_net_has_one_array(self):
        report = check_network(SimpleNet(6, 4), X, T)
        assert list(report.verdicts) == ["W"]
        assert report.passed

    def test_weights_of_samples_count(self):
        net = TwoLayerNet(*SIZES, 0.5, rng=0)
        weights = RNG.random(N)
        assert check_network(net, X, T, sample_weight=weights).passed
        right = net.gradient(X, T, sample_weight=weights)
        net.gradient = lambda x, t, sample_weight: {**right, "b2": 2 * right["b2"]}
        assert not check_network(net, X, T, sample_weight=weights).passed

    def test_an_overridden_loss_is_moved_one_parameter_at_a_time(self):
        class Decayed(TwoLayerNet):
            def loss(self, x, t):
                return super().loss(x, t) + 0.05 * np.sum(self.params["W1"] ** 2)

            def gradient(self, x, t):
                grads = super().gradient(x, t)
                grads["W1"] += self.factor * self.params["W1"]
                return grads

        net = Decayed(*SIZES, 0.5, rng=0)
        net.factor = 0.1
        report = check_network(net, X, T)
        assert report.passed
        assert report.nfev > 0
        net.factor = 0.0
        report = check_network(net, X, T)
        assert [pattern.kind for pattern in report.patterns] == ["decay missing"]
        assert report.patterns[0].value == pytest.approx(0.1)

    def test_kinks_at_the_point_itself_are_told_from_mistakes(self):
        # Biases are 0 and one sample is: all its units stand at the kink.
        x = X.copy()
        x[3] = 0
        net = MultiLayerNet(6, [5, 5], 4, rng=0)
        report = check_network(net, x, T)
        assert report.passed, str(report)
        assert report.count(Verdict.WRONG) == 0
        assert report.count(Verdict.KINK) > 0
        sides = [element.sides for element in report.worst if element.verdict == Verdict.KINK]
        assert all(left != right for left, right in sides)

    def test_a_mistake_among_kinks_is_found(self):
        class Wrong(MultiLayerNet):
            def gradient(self, x, t):
                grads = super().gradient(x, t)
                grads["W3"] *= 1.001
                return grads

        x = X.copy()
        x[3] = 0
        report = check_network(Wrong(6, [5, 5], 4, rng=0), x, T)
        assert not report.passed
        assert report.worst[0].name == "W3"

    def test_infinite_parameters_and_gradients_are_not_finite(self):
        net = TwoLayerNet(*SIZES, 0.5, rng=0)
        right = net.gradient(X, T)
        right["b1"][2] = np.nan
        net.gradient = lambda x, t: right
        report = check_network(net, X, T)
        assert report.count(Verdict.NOT_FINITE) == 1
        assert not report.passed
        assert report.worst[0].words == "b1[2]"

    @pytest.mark.parametrize("h", [1.0, 255.0])
    def test_inputs_of_any_size(self, h):
        net = TwoLayerNet(784, 20, 10, rng=0)
        x, t = mnist()
        report = check_network(net, h * x, t)
        assert report.passed
        assert report.count(Verdict.WRONG) == 0


class TestNetworksOfOthers:
    @given(any_problems(scales=(0.5, 2.0), weighted=False))
    def test_right_gradients_are_not_called_wrong(self, problem):
        before = bits(problem.net)
        report = check_network(Foreign(problem.net), *problem.data)
        assert report.count(Verdict.WRONG) == 0, str(report)
        assert bits(problem.net) == before

    def test_of_many_elements_some_are_looked_at_and_all_are_seen(self):
        net = Foreign(TwoLayerNet(784, 20, 10, rng=0))
        report = check_network(net, *mnist(20))
        assert report.passed
        assert 0 < report.count(Verdict.UNSEEN) < 15_910
        assert [direction.verdict for direction in report.directions] == [Verdict.RIGHT] * 3
        assert all(1.8 < direction.rate < 2.2 for direction in report.directions)
        assert "chosen with seed 0" in report.notes[0]

    def test_a_loss_that_raises_leaves_the_parameters_as_they_were(self):
        net = CourseNet(*SIZES)
        calls = []

        def loss(x, t):
            calls.append(0)
            if len(calls) > 30:
                raise RuntimeError("enough")
            return CourseNet.loss(net, x, t)

        net.loss = loss
        before = bits(net)
        with pytest.raises(RuntimeError, match="enough"):
            check_network(net, X, T)
        assert bits(net) == before

    def test_a_loss_that_changes_parameters_is_an_error(self):
        class Changing(CourseNet):
            def loss(self, x, t):
                self.params["b1"] += 1.0
                return super().loss(x, t)

        net = Changing(*SIZES)
        before = bits(net)
        with pytest.raises(ValueError, match="must not change their argument, but b1"):
            check_network(net, X, T)
        assert bits(net) == before

    @pytest.mark.parametrize("lacking", ["params", "loss", "gradient"])
    def test_what_a_network_must_have(self, lacking):
        class Empty:
            pass

        net = Empty()
        for name in {"params", "loss", "gradient"} - {lacking}:
            setattr(net, name, {} if name == "params" else len)
        with pytest.raises(TypeError, match=f"lacks {lacking}"):
            check_network(net, X, T)

    def test_a_gradient_that_lacks_an_array_is_an_error(self):
        net = CourseNet(*SIZES)
        net.gradient = lambda x, t: {"W1": net.params["W1"]}
        with pytest.raises(ValueError, match="lacks b1, W2, b2"):
            check_network(net, X, T)

    def test_a_parameter_that_cannot_be_moved_is_an_error(self):
        net = CourseNet(*SIZES)
        net.params["b1"] = [0.0] * 5
        with pytest.raises(TypeError, match=r"params\['b1'\] must be a writable array"):
            check_network(net, X, T)


class TestTheStudentsDesk:
    """The course's network in plain Python: which parameter, which elements, what it looks like."""

    def report(self, mistake):
        return check_network(CourseNet(*SIZES, mistake=mistake), X, T)

    def wrong(self, report):
        return {key for key, codes in report.verdicts.items() if (codes == Verdict.WRONG).any()}

    def test_the_right_network_passes(self):
        report = self.report(None)
        assert report.counts == {"right": 59}

    @pytest.mark.parametrize(
        ("mistake", "parameters", "kinds", "words"),
        [
            ("sign", {"W1", "b1", "W2", "b2"}, ["sign"], "the sign is wrong"),
            ("not divided by N", {"W1", "b1", "W2", "b2"}, ["factor"], "20 times too large"),
            ("bias forgotten", {"b2"}, ["zero"], "the bias term is missing"),
            ("mean of the bias", {"b1"}, ["factor"], "20 times too small"),
            ("transposed", {"W2"}, ["transposed"], "an axis is swapped"),
            ("one row", {"W1"}, ["row"], "this row is wrong: twice too large"),
            ("one element", {"W1"}, ["element"], "one element is wrong"),
            ("decay", {"W1", "W2"}, ["decay extra"], "0.1 * W"),
            ("no activation derivative", {"W1", "b1"}, ["passed back"], "W2, b2 are right"),
            ("sigmoid of z1", {"W1", "b1"}, ["passed back"], "derivative of the activation"),
            ("a1 for z1", {"W2"}, [], "W2"),
        ],
    )
    def test_a_mistake_is_named(self, mistake, parameters, kinds, words):
        report = self.report(mistake)
        assert not report.passed
        assert self.wrong(report) == parameters
        assert [pattern.kind for pattern in report.patterns] == kinds
        assert words in str(report)

    def test_the_table_names_the_elements_with_both_values_and_the_bar(self):
        report = self.report("one element")
        worst = report.worst[0]
        assert worst.words == "W1[2, 3]"
        assert worst.given - worst.estimate == pytest.approx(0.01, rel=1e-6)
        assert worst.bar < 1e-6
        line = next(line for line in str(report).splitlines() if line.startswith("W1[2, 3]  "))
        assert f"{worst.given:.8g}" in line
        assert f"{worst.estimate:.8g}" in line

    def test_in_a_large_network_one_wrong_element_is_found(self):
        class Wrong(CourseNet):
            def gradient(self, x, t):
                grads = super().gradient(x, t)
                grads["W1"][77, 7] *= 1.01
                return grads

        x = RNG.random((10, 300))
        report = check_network(Wrong(300, 20, 4, 0.1), x, RNG.integers(0, 4, 10))
        assert report.worst[0].words == "W1[77, 7]"
        assert report.count(Verdict.WRONG) == 1
        assert [pattern.where for pattern in report.patterns] == [("W1[77, 7]",)]

    def test_in_a_large_network_a_wrong_row_is_seen_as_one(self):
        class Wrong(CourseNet):
            def gradient(self, x, t):
                grads = super().gradient(x, t)
                grads["W1"][77] *= -1
                return grads

        x = RNG.random((10, 300))
        report = check_network(Wrong(300, 20, 4, 0.1), x, RNG.integers(0, 4, 10))
        assert [(p.kind, p.where) for p in report.patterns] == [("row", ("W1[77]",))]
        assert "the sign is wrong" in report.patterns[0].text
