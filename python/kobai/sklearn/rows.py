"""Inputs as the core takes them: rows of floats, or the elements of sparse rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Values, columns, where each row begins, and how many columns there are.
SparseRows = tuple[Array, Array, Array, int]


def row_wise(x: Any) -> Any:
    """An aligned array in C order; or a sparse matrix by rows, each in the order of its columns.

    What is that already is not copied, and nothing is changed in place. Where the elements of a
    sparse matrix stand is copied, and then checked: SciPy's compiled code trusts it, and another
    thread may write to `x` meanwhile.

    Raises
    ------
    ValueError
        If elements of a sparse matrix stand where there is no row or column.
    """
    if isinstance(x, np.ndarray):
        return np.require(x, requirements=["C", "A"])
    places = x.indices.copy(), x.indptr.copy()
    own = type(x)((x.data, *places), shape=x.shape)
    own.check_format(full_check=True)
    rows = own.tocsr()
    if not rows.has_canonical_format:
        if rows is own:
            rows.data = rows.data.copy()
        rows.sum_duplicates()
    return rows


def core_rows(x: Any, dtype: np.dtype[Any]) -> Array | SparseRows:
    """Rows that are `row_wise` as the core takes them, of that dtype."""
    if isinstance(x, np.ndarray):
        return np.require(x, dtype, ["C", "A"])
    return elements(x, dtype)


def elements(x: Any, dtype: np.dtype[Any]) -> SparseRows:
    """The elements of sparse rows that are `row_wise`, of that dtype."""
    values = np.require(x.data, dtype, ["C", "A"])
    columns = x.indices.astype(np.int32, copy=False)
    return values, columns, x.indptr.astype(np.int64, copy=False), x.shape[1]


def dense_rows(x: Any, dtype: np.dtype[Any]) -> Array:
    """Rows with their zeros."""
    return np.require(x if isinstance(x, np.ndarray) else x.toarray(), dtype, ["C", "A"])
