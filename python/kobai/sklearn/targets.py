"""Labels of any kind, as the core takes them, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Labels:
    """The classes of a classifier.

    Attributes
    ----------
    kind : str
        "binary", "multiclass", or "multilabel-indicator": what the targets of the first fit were.
    classes : ndarray
        What labels there are, sorted.
    binarizer : sklearn.preprocessing.LabelBinarizer
        scikit-learn's knowledge of them.
    """

    def __init__(self, y: Any) -> None:
        from sklearn.preprocessing import LabelBinarizer

        self._take(LabelBinarizer().fit(y))

    @classmethod
    def of_binarizer(cls, binarizer: Any) -> Labels:
        """The classes that a fitted binarizer knows."""
        made = cls.__new__(cls)
        made._take(binarizer)
        return made

    def _take(self, binarizer: Any) -> None:
        self.binarizer = binarizer
        self.classes = binarizer.classes_
        self.kind: str = binarizer.y_type_

    @property
    def is_multiclass(self) -> bool:
        """Whether a sample has one of more than two classes."""
        return self.kind == "multiclass"

    def indicators(self, y: Any) -> Array:
        """A bool a class, or one column where there are two; for several classes a label each.

        The labels are places in `classes`, shape (N,) and int64.
        """
        if self.is_multiclass and getattr(y, "ndim", 1) == 1:
            places: Array = np.searchsorted(self.classes, y).astype(np.int64, copy=False)
            return places
        return np.asarray(self.binarizer.transform(y)).astype(bool)

    def of_outputs(self, outputs: Array) -> Any:
        """The classes that outputs speak for."""
        if self.is_multiclass or (self.kind == "binary" and outputs.shape[1] == 2):
            return np.take(self.classes, np.argmax(outputs, axis=1))
        if self.kind == "binary":
            return self._of_one_column(outputs)
        return self.binarizer.inverse_transform(outputs)

    def _of_one_column(self, outputs: Array) -> Array:
        """The second class where the output is beyond one half; there may be a single class."""
        is_second = outputs[:, 0] > 0.5
        if len(self.classes) == 1:
            is_second[:] = False
        found: Array = self.classes[is_second.astype(np.intp)]
        return found


def one_hot(labels: Array, classes: int, dtype: np.dtype[Any]) -> Array:
    """Rows of a 1 among zeros."""
    rows = np.zeros((len(labels), classes), dtype)
    rows[np.arange(len(labels)), labels] = 1
    return rows
