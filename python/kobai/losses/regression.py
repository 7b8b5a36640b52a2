"""What losses share whose targets are numbers, one for each score."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from kobai._validation import number_targets
from kobai.losses.base import Loss


class RegressionLoss(Loss):
    """A loss whose targets are numbers, one for each score."""

    lowest: ClassVar[float | None] = None
    highest: ClassVar[float | None] = None

    def checked_targets(
        self,
        name: str,
        t: npt.ArrayLike,
        samples: tuple[int, ...],
        outputs: int | None = None,
        counted: npt.NDArray[np.bool_] | None = None,
    ) -> npt.NDArray[Any]:
        """Numbers, one for each score; see `Loss.checked_targets`.

        Examples
        --------
        >>> from kobai.losses import SquaredError
        >>> SquaredError().checked_targets("t", [2.5, 0.0], (2,), 1)
        array([[2.5],
               [0. ]])
        """
        return number_targets(
            name, t, samples, outputs, lowest=self.lowest, highest=self.highest, counted=counted
        )
