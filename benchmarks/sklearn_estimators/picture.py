"""The picture of docs/from-scikit-learn.md: python -m benchmarks.sklearn_estimators.picture"""

from __future__ import annotations

import warnings
from typing import Any

from sklearn import neural_network as theirs
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.preprocessing import scale

from benchmarks.pictures import DATA, FIRST, SECOND, new_figure, save, tidy
from kobai import sklearn as ours


def main() -> None:
    """Draw the curves of both side by side, and those of losses with what is held out."""
    warnings.simplefilter("ignore")
    figure = new_figure(9, 3.2)
    left, right = figure.subplots(1, 2)
    _same_curves(left)
    _held_out(right)
    for axes in (left, right):
        axes.set(xlabel="epoch", ylabel="loss", yscale="log")
        axes.legend(frameon=False)
        tidy(axes)
    save(figure, "from-scikit-learn.png")


def _same_curves(axes: Any) -> None:
    x, y = load_digits(return_X_y=True)
    for solver, colour in (("sgd", FIRST), ("adam", SECOND)):
        settings: dict[str, Any] = {"solver": solver, "max_iter": 60, "random_state": 0}
        settings |= {"learning_rate_init": 0.01} if solver == "sgd" else {}
        slow = theirs.MLPClassifier(**settings).fit(x / 16, y)
        fast = ours.MLPClassifier(**settings).fit(x / 16, y)
        axes.plot(slow.loss_curve_, color=DATA, linewidth=5, label=f"scikit-learn, {solver}")
        axes.plot(fast.loss_curve_, color=colour, linewidth=1.2, label=f"kobai, {solver}")
    axes.set_title("digits: the same curves")


def _held_out(axes: Any) -> None:
    x, y = load_breast_cancer(return_X_y=True)
    model = ours.MLPClassifier(
        activation="gelu",
        early_stopping=True,
        scoring="loss",
        learning_rate_init=0.005,
        n_iter_no_change=25,
        validation_fraction=0.3,
        random_state=0,
    ).fit(scale(x), y)
    axes.plot(model.loss_curve_, color=SECOND, label="loss_curve_")
    axes.plot(model.validation_loss_curve_, color=FIRST, label="validation_loss_curve_")
    curve = model.validation_loss_curve_
    best = min(range(len(curve)), key=curve.__getitem__)
    axes.plot(best, curve[best], "o", color=FIRST, label="the model that is kept")
    axes.set_title("breast_cancer: what is held out")


if __name__ == "__main__":
    main()
