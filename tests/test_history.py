"""What a history tells: in a line, in a notebook's table, and as a picture."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from kobai import SGD, History, Trainer, TwoLayerNet
from processes import output_of


@pytest.fixture
def figures():
    yield plt
    plt.close("all")


def lines_of(axes):
    return [np.asarray(line.get_ydata()).tolist() for line in axes.get_lines()]


def test_plot_draws_loss_and_accuracy(figures):
    history = History([3.0, 2.0, 1.0], [0.1, 0.5], [0.2, 0.4])
    figure = history.plot()
    loss, accuracy = figure.axes
    assert lines_of(loss) == [[3.0, 2.0, 1.0]]
    assert lines_of(accuracy) == [[0.1, 0.5], [0.2, 0.4]]
    assert [text.get_text() for text in accuracy.get_legend().get_texts()] == ["train", "test"]
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("loss", "accuracy")
    figure.canvas.draw()


def test_plot_draws_into_a_given_figure_and_without_test_data(figures):
    figure = figures.figure()
    assert History([1.0], [0.5]).plot(figure) is figure
    assert lines_of(figure.axes[1]) == [[0.5]]
    assert figures.get_fignums() == [figure.number]


def test_plot_averages_long_runs(figures):
    losses = np.random.default_rng(0).random(1000)
    loss = History(losses.tolist(), [0.5]).plot().axes[0]
    each, mean = lines_of(loss)
    assert each == losses.tolist()
    np.testing.assert_allclose(mean, losses.reshape(100, 10).mean(axis=1), rtol=1e-12)


def test_plot_of_an_empty_history_is_two_empty_axes(figures):
    figure = History().plot()
    assert len(figure.axes) == 2
    figure.canvas.draw()


@pytest.mark.parametrize("losses", [[np.nan] * 3, [1.0, np.inf, np.nan], [np.inf]])
def test_plot_of_losses_that_are_not_finite(losses, figures):
    History(losses, [0.5]).plot().canvas.draw()  # warnings are errors


def long_history(**changes):
    history = History(
        list(np.linspace(2.3, 0.25, 12_345)), [0.1] + [0.9] * 20, [0.1] + [0.875] * 20, 600
    )
    for name, value in changes.items():
        setattr(history, name, value)
    return history


def test_a_history_shows_itself_in_a_line():
    assert repr(long_history()) == (
        "History(12,345 steps, 600 an epoch; last loss 0.2500; "
        "train accuracy 0.9000; test accuracy 0.8750)"
    )
    assert repr(long_history(interrupted=True)).endswith("test accuracy 0.8750; interrupted)")
    lost = long_history(train_loss=[1.0, np.nan], test_acc=[])
    assert repr(lost) == (
        "History(2 steps, 600 an epoch; last loss nan; train accuracy 0.9000; "
        "loss not finite from step 1 on)"
    )
    assert repr(History()) == "History(0 steps, 0 an epoch)"
    # Also where brackets were forgotten.
    assert len(repr(long_history().plot)) < 200


def test_a_notebook_shows_a_small_table():
    page = long_history(interrupted=True)._repr_html_()
    assert page.startswith("<table>")
    for text in ("12,345", "0.2500", "0.9000", "0.8750", "interrupted"):
        assert text in page
    assert len(page) < 1000


def test_what_fit_returns_and_the_trainer_are_short():
    x, t = np.eye(4), np.arange(4)
    trainer = Trainer(TwoLayerNet(4, 3, 4, rng=0), SGD(0.5), batch_size=2, rng=0)
    history = trainer.fit(x, t, epochs=500)
    assert len(repr(history)) < 200
    assert repr(trainer).startswith("Trainer(<")
    assert "TwoLayerNet" in repr(trainer)
    assert repr(trainer).endswith(
        ", SGD(lr=0.5), batch_size=2, gradient='backprop', sampling='shuffle')"
    )
    trainer.gradient = "numerical"
    assert "gradient='numerical', method='auto'" in repr(trainer)
    assert "\n" not in repr(trainer)
    assert len(repr(trainer.fit)) < 400


class Long:
    params: dict = {}  # noqa: RUF012

    def __repr__(self):
        return "x" * 1000

    def loss(self, x, t):
        return 0.0

    accuracy = gradient = loss


def test_what_says_too_much_is_named_by_its_type():
    assert repr(Trainer(Long())).startswith("Trainer(<Long>, SGD(lr=0.1), ")


# What a kernel of Jupyter's does with a cell, without its sockets.
NOTEBOOK = r"""
import pickle
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

class Shell(InteractiveShell):
    def enable_gui(self, gui=None):
        pass

shell = Shell.instance()
shell.run_line_magic("matplotlib", "inline")
shell.run_cell("from kobai import History; h = History([3.0, 2.0], [0.1, 0.5])", silent=True)
for cell in ("h.plot()", "h.plot();", "figure = h.plot()\nprint('more')", "h.plot(); h.plot()"):
    # Within the trap, so that a cell's own does not put another hook in the place of the capture's.
    with shell.display_trap, capture_output() as captured:
        shell.run_cell(cell)
    print(sum("image/png" in output.data for output in captured.outputs))
figure = shell.user_ns["figure"]
assert pickle.loads(pickle.dumps(figure)).axes
"""


def test_a_notebook_shows_a_plot_once():
    pytest.importorskip("IPython")
    pytest.importorskip("matplotlib_inline")
    assert output_of(NOTEBOOK).split() == ["1", "1", "1", "2"]
