"""What a check answers: a report to print, to plot, to pickle and to ask."""

import pickle

import numpy as np
import pytest
from matplotlib.figure import Figure

from kobai import TwoLayerNet
from kobai.testing import GradientReport, Verdict, check_gradient, check_network

X = np.array([[1.0, 2.0, -0.5], [0.3, -1.5, 0.7]])


def wrong_report(**options):
    def grad(x):
        g = np.exp(x)
        g[1, 2] += 0.5
        return g

    return check_gradient(lambda x: np.sum(np.exp(x)), grad, X.copy(), **options)


def right_report():
    return check_gradient(lambda x: np.sum(np.exp(x)), np.exp, X.copy())


def test_arrays_have_the_shape_of_the_point():
    report = wrong_report()
    for arrays in (report.given, report.estimate, report.bar, report.verdicts):
        assert arrays["x"].shape == X.shape
    assert np.all(np.abs(report.estimate["x"] - np.exp(X)) <= report.bar["x"])


def test_it_is_true_if_it_passed():
    assert right_report()
    assert not wrong_report()


def test_the_table_of_a_right_gradient_is_short():
    lines = str(right_report()).splitlines()
    assert lines[0] == "gradient RIGHT: 6 elements, 6 right"
    assert len(lines) == 4


def test_the_table_of_a_wrong_one_names_the_element():
    text = str(wrong_report())
    assert text.startswith("gradient WRONG: 6 elements, 5 right, 1 wrong\n")
    assert "x[1, 2]: one element is wrong, the others are right" in text
    worst = text[text.index("\nworst") :].splitlines()
    assert worst[2].split()[0:2] == ["x[1,", "2]"]
    assert worst[2].endswith("wrong")
    assert max(map(len, text.splitlines())) <= 120


def test_the_worst_come_first():
    report = wrong_report()
    assert report.worst[0].index == (1, 2)
    assert report.worst[0].verdict == Verdict.WRONG
    assert len(report.worst) == 6


def test_of_many_elements_the_ten_worst_are_kept():
    net = TwoLayerNet(30, 20, 5, 0.5, rng=0)
    right = net.gradient(x := np.ones((3, 30)), t := np.array([0, 1, 2]))
    right["W1"][3, 4] += 1e-3
    net.gradient = lambda x, t: right
    report = check_network(net, x, t)
    assert len(report.worst) == 10
    assert report.worst[0].words == "W1[3, 4]"
    ratios = [abs(e.given - e.estimate) / e.bar for e in report.worst]
    assert ratios == sorted(ratios, reverse=True)


def test_its_picture_shows_the_error_against_h():
    figure = wrong_report().plot(Figure())
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    labels = [line.get_label() for line in axes.lines]
    assert "x[1, 2]: wrong" in labels
    wrong = axes.lines[labels.index("x[1, 2]: wrong")]
    # A shelf: the quotients settle at half away from what the gradient says.
    assert np.median(wrong.get_ydata()) == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("net", [TwoLayerNet(4, 3, 2, 0.5, rng=0)])
def test_networks_have_a_picture(net):
    report = check_network(net, np.ones((2, 4)), np.array([0, 1]))
    assert len(report.plot(Figure()).axes[0].lines) >= 4


def test_a_picture_is_of_the_point_that_was_checked():
    x = X.copy()
    report = check_gradient(lambda x: np.sum(np.exp(x)), np.exp, x)
    before = [line.get_ydata() for line in report.plot(Figure()).axes[0].lines]
    x += 1
    after = [line.get_ydata() for line in report.plot(Figure()).axes[0].lines]
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))
    assert np.array_equal(x, X + 1)


def test_a_picture_without_a_figure_is_one_of_pyplot():
    from matplotlib import pyplot

    figure = right_report().plot()
    assert figure.number in pyplot.get_fignums()
    pyplot.close(figure)


def test_a_report_survives_pickling_but_for_its_picture():
    report = wrong_report()
    back = pickle.loads(pickle.dumps(report))  # noqa: S301
    assert isinstance(back, GradientReport)
    assert str(back) == str(report)
    with pytest.raises(ValueError, match="cannot be plotted"):
        back.plot(Figure())


def test_repr_is_one_line():
    assert repr(wrong_report()) == "<GradientReport failed: 5 right, 1 wrong>"


def test_reasons_are_counted():
    report = check_gradient(lambda x: 1.0 + 1e-4 * np.sin(1e12 * x[0]), [1e-5], [1.0])
    assert list(report.reasons.values()) == [1]
    assert next(iter(report.reasons)) in str(report)
