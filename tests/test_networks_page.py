"""The tables of docs/networks.md: what the command makes of them, and that their formulas hold."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from kobai import MultiLayerNet, losses, optimizers, softmax
from kobai.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Pinball,
    Poisson,
    SquaredError,
)
from kobai.networks.architecture import ACTIVATIONS

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT))  # the pages are made by a command that is not part of the package

from benchmarks import catalogue, facts, pages  # noqa: E402
from benchmarks.contenders import kobai_functions, kobai_optimizers  # noqa: E402
from benchmarks.main_table import Measured  # noqa: E402

SETTINGS = {"epsilon": 1e-7, "delta": 0.7, "quantile": 0.8}
LOSSES = {
    "CrossEntropy()": CrossEntropy(),
    "CrossEntropy(epsilon)": CrossEntropy(epsilon=SETTINGS["epsilon"]),
    "BinaryCrossEntropy()": BinaryCrossEntropy(),
    "SquaredError()": SquaredError(),
    "AbsoluteError()": AbsoluteError(),
    "Huber(delta)": Huber(delta=SETTINGS["delta"]),
    "Pinball(quantile)": Pinball(quantile=SETTINGS["quantile"]),
    "Poisson()": Poisson(),
}
NUMPY = {name: getattr(np, name) for name in ("exp", "log", "abs", "sqrt", "sum", "where")}
NUMPY["max"] = np.maximum
NUMPY["softmax"] = lambda s: np.exp(s) / np.sum(np.exp(s))


def evaluated(expression, **values):
    return eval(expression, {"__builtins__": {}}, NUMPY | SETTINGS | values)  # noqa: S307


def of_scores(expression, s, t, **more):
    return evaluated(expression, s=s, t=t, e=s - t, K=len(s), **more)


def drawn(rng):
    """Scores of a sample, and targets that every loss takes."""
    return rng.normal(0, 2, 3), rng.uniform(0, 1, 3)


TABLES = {
    "activations": facts.activation_table,
    "losses": facts.loss_table,
    "optimizers": facts.optimizer_table,
}


@pytest.mark.parametrize("page", facts.WRITTEN_PAGES)
@pytest.mark.parametrize("name", TABLES)
def test_the_page_shows_what_the_command_makes(page, name):
    text = (ROOT / page).read_text(encoding="utf-8")
    shown = pages.section(text, page, name)
    made = TABLES[name](Measured())
    # The last two columns are times.
    assert [line.split(" | ")[:-2] for line in shown.splitlines()[2:]] == [
        line.split(" | ")[:-2] for line in made.splitlines()[2:]
    ]
    assert shown.splitlines()[:2] == made.splitlines()[:2]
    assert f" {facts.NOT_MEASURED} |" not in shown


def test_both_pages_show_the_same_figures():
    english, japanese = (
        [
            pages.section((ROOT / page).read_text(encoding="utf-8"), page, name)
            for name in (*TABLES, "depth", "training", "regression")
        ]
        for page in facts.WRITTEN_PAGES
    )
    assert english == japanese
    assert all(english)


def test_everything_there_is_stands_in_the_tables():
    assert list(catalogue.ACTIVATIONS) == list(kobai_functions.ACTIVATIONS)
    assert sorted(catalogue.ACTIVATIONS) == sorted(ACTIVATIONS)
    assert list(catalogue.LOSSES) == list(kobai_functions.LOSSES) == list(LOSSES)
    kinds = {name.partition("(")[0] for name in catalogue.LOSSES}
    assert kinds == set(losses.__all__) - {"Loss"}
    names = [call.partition("(")[0] for call in catalogue.OPTIMIZERS]
    assert sorted(names) == sorted(optimizers.__all__) == sorted(kobai_optimizers.NAMES)


@pytest.mark.parametrize("name", catalogue.ACTIVATIONS)
def test_formulas_of_activations(name):
    net = MultiLayerNet(1, [1], 1, name, loss="squared_error")
    for key in net.params:
        net.params[key][...] = key.startswith("W")
    for a in (-3.0, -0.5, 0.0, 0.5, 3.0):
        z = eval(  # noqa: S307
            catalogue.ACTIVATIONS[name], {"__builtins__": {}}, vars(math) | {"a": a, "max": max}
        )
        assert net.predict([a]) == pytest.approx(z, rel=1e-14, abs=1e-16)


@pytest.mark.parametrize("name", LOSSES)
def test_formulas_of_losses(name):
    rng, facts_of = np.random.default_rng(0), catalogue.LOSSES[name]
    for _ in range(20):
        s, t = drawn(rng)
        assert LOSSES[name](s, t) == pytest.approx(of_scores(facts_of.formula, s, t), rel=1e-12)
        assert LOSSES[name].output(s) == pytest.approx(of_scores(facts_of.output, s, t), rel=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_bounds_of_losses(name):
    rng, facts_of = np.random.default_rng(1), catalogue.LOSSES[name]
    (*_, radius, _) = catalogue.loss_rows()[name]
    largest = 0.0
    for _ in range(300):
        s, t = drawn(rng)
        r = rng.uniform(0, 2.0 if radius == "any" else float(radius))
        # Python knows no branches: where there are kinks, shifts are real.
        turns = np.pi * rng.integers(0, 2, 3) if facts_of.kinks else rng.uniform(0, 2 * np.pi, 3)
        shifts = r * np.exp(1j * turns)
        moved = of_scores(facts_of.formula, s + (shifts.real if facts_of.kinks else shifts), t)
        change = abs(moved - of_scores(facts_of.formula, s, t))
        bound = of_scores(facts_of.bound, s, t, r=r)
        assert change <= bound * (1 + 1e-12)
        largest = max(largest, change / bound)
    assert largest > 0.1


@pytest.mark.parametrize("call", catalogue.OPTIMIZERS)
def test_formulas_of_optimizers(call):
    name, _, settings = call.partition("(")
    step = catalogue.OPTIMIZERS[call]
    if name == "AdamW":
        (adam,) = (x for known, x in catalogue.OPTIMIZERS.items() if known.startswith("Adam("))
        assert "then Adam's step" in step
        step = step.replace(" for weights, then Adam's step", "; ") + adam
        settings = "lr=0.001, beta1=0.9, beta2=0.999, weight_decay=0.01)"
    optimizer = getattr(optimizers, name)()
    values = {"p": np.array([[1.0, -2.0]]), "v": 0.0, "h": 0.0, "m": 0.0}
    values |= {part.split("=")[0]: float(part.split("=")[1]) for part in settings[:-1].split(", ")}
    assert {key: getattr(optimizer, key) for key in ("lr", *optimizer.setting_names)} == {
        key: value for key, value in values.items() if len(key) > 1
    } | ({"epsilon": 1e-7} if "epsilon" in optimizer.setting_names else {})
    params = {"W1": values["p"].copy()}
    rng = np.random.default_rng(0)
    for n in range(1, 5):
        values |= {"g": rng.normal(size=(1, 2)), "n": n}
        optimizer.update(params, {"W1": values["g"]})
        exec(step.replace("; ", "\n"), {"sqrt": np.sqrt}, values)  # noqa: S102
        assert params["W1"] == pytest.approx(values["p"], rel=1e-12)


def test_softmax_of_the_formulas_is_kobais():
    scores = np.array([1.0, -2.0, 0.5])
    assert NUMPY["softmax"](scores) == pytest.approx(softmax(scores), rel=1e-14)
