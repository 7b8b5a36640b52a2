"""The notebook's own cells, with nothing but their imports changed, print what it printed.

`notebook_cells.txt` holds them: `common` is `kobai` there, `dataset.mnist` is `kobai.datasets`.
"""

import ast
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import kobai
import kobai.datasets

STORED = Path(__file__).with_name("notebook_cells.txt")
ORIGINAL = Path(__file__).parents[2] / "shared" / "seed" / "notebook.txt"

# Weights that print as the notebook's, with digits behind those printed such that all its other
# figures follow; it made the first ones when W[0, 0] carried the scar of a failed gradient.
W = np.array(
    [
        [-0.859627148961534, 0.26073597874831084, -0.36334443387689347],
        [-1.0722519656724818, -1.0668837383301222, -1.0278194532778429],
    ]
)
SCAR = 1e-4


def cells_of(text):
    """What stands under each `In [k]:`."""
    parts = re.split(r"^In \[(\d+)\]:\n", text, flags=re.MULTILINE)[1:]
    return {int(k): cell for k, cell in zip(parts[::2], parts[1::2], strict=True)}


CELLS = cells_of(STORED.read_text(encoding="utf-8"))


class Session:
    """A namespace in which cells run as in Jupyter: the value of a last expression is shown."""

    def __init__(self):
        self.names = {}

    def run(self, number, **numbers):
        """Run a cell; `numbers` are the places where it says another number, and what is said."""
        source = CELLS[number]
        for old, new in numbers.values():
            assert source.count(old) == 1
            source = source.replace(old, new)
        tree = ast.parse(source)
        last = tree.body[-1]
        shown = isinstance(last, ast.Expr) and ast.unparse(last.value.func) != "print"
        body = ast.Module(tree.body[:-1] if shown else tree.body, [])
        exec(compile(body, f"In [{number}]", "exec"), self.names)  # noqa: S102
        if shown:
            value = eval(compile(ast.Expression(last.value), "last", "eval"), self.names)  # noqa: S307
            sys.stdout.write(f"{value!r}\n")


@pytest.fixture
def session(monkeypatch):
    # A cell extends the path.
    monkeypatch.setattr(sys, "path", list(sys.path))
    state = np.random.get_state()
    np.random.seed(0)
    yield Session()
    np.random.set_state(state)


def test_stored_cells_are_the_notebooks_but_for_the_imports():
    if not ORIGINAL.is_file():
        pytest.skip("needs ../shared/seed/notebook.txt, the notebook itself")
    original = cells_of(ORIGINAL.read_text(encoding="utf-8"))
    del original[2]  # Javascript that numbers equations
    assert CELLS.keys() == original.keys()
    for number, cell in CELLS.items():
        cell = cell.replace("from kobai.datasets", "from dataset.mnist")
        cell = cell.replace("from kobai.", "from common.").strip()
        # What it printed and the text that follows stand behind it, after an empty line.
        assert original[number].startswith(cell + "\n\n"), number


def test_losses_of_the_notebook_are_ours(session):
    session.names["np"] = np
    session.run(5)
    y = np.array([0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0])
    t = np.eye(10)[2]
    for name in ("mean_squared_error", "cross_entropy_error"):
        theirs, ours = session.names[name](y, t), getattr(kobai, name)(y, t)
        assert ours == pytest.approx(theirs, rel=1e-15)


def test_gradient_and_descent(session, capsys):
    session.run(7)
    assert capsys.readouterr().out == "[6. 8.]\n"
    session.run(8)
    session.run(10)
    assert capsys.readouterr().out == "array([6.11110793e-10, 8.14814391e-10])\n"


def test_gradient_and_descent_with_our_functions_in_the_place_of_its_own(session, capsys):
    session.run(7)
    names = session.names
    names.update(
        numerical_gradient=kobai.numerical_gradient, gradient_descent=kobai.gradient_descent
    )
    exec("print(numerical_gradient(function_2, np.array([3.0, 4.0])))", names)  # noqa: S102
    assert capsys.readouterr().out == "[6. 8.]\n" * 2
    session.run(10)
    assert capsys.readouterr().out == "array([6.11110793e-10, 8.14814391e-10])\n"
    assert names["init_x"].tolist() == [3, 4]


def test_simple_net(session, capsys):
    session.names["np"] = np
    session.run(13)
    assert session.names["numerical_gradient"] is kobai.numerical_gradient
    assert re.fullmatch(r"\[\[.*\]\n \[.*\]\]\n", capsys.readouterr().out)
    net = session.names["net"]

    net.W[...] = W
    sys.stdout.write(f"{net.W}\n")
    assert capsys.readouterr().out == (
        "[[-0.85962715  0.26073598 -0.36334443]\n [-1.07225197 -1.06688374 -1.02781945]]\n"
    )

    net.W[0, 0] += SCAR
    session.run(16)
    predicted, loss = capsys.readouterr().out.splitlines()
    assert predicted == "[-1.48074306 -0.80375378 -1.14304417]"
    # All sixteen digits, but for the last bits of exp and log.
    assert float(loss) == pytest.approx(0.7976962138947823, rel=0, abs=5e-16)

    net.W[...] = W
    session.run(18)
    assert capsys.readouterr().out == (
        "[[ 0.137304   -0.32977709  0.19247309]\n [ 0.205956   -0.49466563  0.28870963]]\n"
    )
    assert net.W.tobytes() == W.tobytes()


def twin(theirs):
    """Our network with the parameters of the notebook's."""
    net = kobai.TwoLayerNet(784, 50, 10)
    net.params.update(theirs.params)
    return net


def test_two_layer_net_and_training(session, capsys, monkeypatch):
    # As the cell imports it when it runs; the sample has fewer images than MNIST, the same form.
    monkeypatch.setattr(kobai.datasets, "load_mnist", kobai.load_mnist_sample)
    session.names["np"] = np
    # The gradient runs 79,520 times through Python, which the notebook gave up on. Batches of one
    # or two and a single iteration keep all of it but the waiting.
    session.run(
        23,
        dummy_data=("x = np.random.rand(100, 28**2)", "x = np.random.rand(2, 28**2)"),
        dummy_labels=("t = np.random.rand(100, 10)", "t = np.random.rand(2, 10)"),
        batch_size=("batch_size = 100", "batch_size = 1"),
        iterations=("iter_num = 10_000", "iter_num = 1"),
    )
    names = session.names
    printed = capsys.readouterr().out.splitlines()
    assert printed[:4] == ["(784, 50)", "(50,)", "(50, 10)", "(10,)"]

    # Training takes the gradient of `net`, and updates `n`: a slip of the notebook's. So `net` is
    # still what it was when its gradient was taken.
    net = twin(names["net"])
    x, t = names["x_batch"], names["y_batch"]
    assert (x.shape, t.shape) == ((1, 784), (1, 10))
    fast = net.numerical_gradient(x, t)
    for key, slow in names["grad"].items():
        np.testing.assert_allclose(slow, fast[key], rtol=0, atol=1e-9)
    assert names["train_loss_list"] == [pytest.approx(net.loss(x, t), rel=1e-12)]
    train = net.accuracy(names["x_train"], names["y_train"])
    test = net.accuracy(names["x_test"], names["y_test"])
    assert printed[4:] == [f"train acc, test acc | {train}, {test}"]

    # And taking the step back gives the network of the sample usage, with its soft targets.
    n = twin(names["n"])
    for key, param in n.params.items():
        param += names["learning_rate"] * names["grad"][key]
    fast = n.numerical_gradient(names["x"], names["t"])
    for key, slow in names["grads"].items():
        np.testing.assert_allclose(slow, fast[key], rtol=0, atol=1e-9)
