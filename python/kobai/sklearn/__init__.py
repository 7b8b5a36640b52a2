"""Scikit-learn's estimators of multi-layer perceptrons, trained by kobai's core.

`MLPClassifier` and `MLPRegressor` have the constructor, the attributes, the warnings and the errors
of `sklearn.neural_network`'s, and begin with the same weights: change one import, and the loss
curves lie on each other. They need scikit-learn, which ``pip install "kobai[sklearn]"`` brings.

What only some fits need of scikit-learn is imported where it is needed: its metrics, its splits,
its own estimators.
"""

from kobai.sklearn.classifier import MLPClassifier
from kobai.sklearn.conversion import from_sklearn
from kobai.sklearn.regressor import MLPRegressor
from kobai.sklearn.threads import register

__all__ = ["MLPClassifier", "MLPRegressor", "from_sklearn"]

register()
