"""Files of ONNX: what a runtime answers is what the estimator answers.

The runtime comes with the dependency group `onnx`; without it, most of these tests are skipped.
"""

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import scale

from kobai.losses import CrossEntropy
from kobai.networks.architecture import ACTIVATIONS
from kobai.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X = scale(X).astype(np.float32)
NAMES = np.array(["setosa", "versicolor", "virginica"])
SEVERAL = make_multilabel_classification(150, 4, random_state=0)[1]
SETTINGS = {"hidden_layer_sizes": (7, 5), "max_iter": 30, "random_state": 0}


def answers(model, x):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(model.to_onnx(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"X": x}), strict=True))


@pytest.mark.parametrize("activation", [*ACTIVATIONS, "logistic", ["gelu", "silu"]])
def test_a_runtime_predicts_the_same_numbers(activation):
    model = MLPRegressor(activation=activation, **SETTINGS).fit(X, X[:, :2] ** 2)
    found = answers(model, X)["variable"]
    np.testing.assert_allclose(found, model.predict(X), rtol=1e-4, atol=1e-5)


def test_a_runtime_predicts_the_same_counts():
    model = MLPRegressor(loss="poisson", **SETTINGS).fit(X, Y)
    found = answers(model, X)["variable"]
    np.testing.assert_allclose(found[:, 0], model.predict(X), rtol=1e-4)


@pytest.mark.parametrize(
    ("y", "settings"),
    [
        (Y, {}),
        (NAMES[Y], {}),
        (NAMES[Y].astype(object), {"loss": "squared_error"}),
        (Y == 1, {}),
        (Y == 1, {"loss": CrossEntropy()}),
        (Y / 2, {"loss": "binary_cross_entropy"}),
        (NAMES[Y // 2], {"loss": "huber"}),
        (SEVERAL, {}),
    ],
)
def test_a_runtime_finds_the_same_classes(y, settings):
    model = MLPClassifier(**SETTINGS, **settings)
    y = (2 * y).astype(int).astype(float) if y.dtype.kind == "f" else y
    model.fit(X, y)
    found = answers(model, X)
    np.testing.assert_array_equal(found["label"], model.predict(X))
    assert ("probabilities" in found) == hasattr(model, "predict_proba")
    if "probabilities" in found:
        wanted = model.predict_proba(X)
        np.testing.assert_allclose(found["probabilities"], wanted, rtol=1e-3, atol=1e-5)


def test_what_cannot_be_written_says_so():
    with pytest.raises(NotFittedError):
        MLPRegressor().to_onnx()
    with pytest.raises(ValueError, match="single class"):
        MLPClassifier(**SETTINGS).fit(X, np.zeros(150)).to_onnx()
