//! Rows of inputs as they come: with their zeros, or by their elements.

use std::ops::Range;

use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::prefetch;
use crate::parallel::tuning::{MAX_LISTED_PER_TILE, PREFETCH_ROWS};
use crate::sparse::csr::{CsrRef, CsrSelection};
use crate::sparse::selection::{RowNumbers, Selection};
use crate::sparse::shard::Form;
use crate::sparse::tiles::TILE_SIDE;

/// Rows of inputs, not copied.
#[derive(Debug, Clone, Copy)]
pub enum RowsRef<'a, S> {
    /// With their zeros.
    Dense(MatrixRef<'a, S>),
    /// By their elements.
    Csr(CsrRef<'a, S>),
}

/// Some of these rows, and some of their columns.
#[derive(Debug, Clone)]
pub enum SelectedRows<'a, S> {
    /// With their zeros.
    Dense(Selection<'a, S>),
    /// By their elements.
    Csr(CsrSelection<'a, S>),
}

impl<'a, S: Scalar> RowsRef<'a, S> {
    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Dense(x) => x.rows(),
            Self::Csr(x) => x.rows(),
        }
    }

    /// The number of columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        match self {
            Self::Dense(x) => x.cols(),
            Self::Csr(x) => x.cols(),
        }
    }

    /// The rows of a list, in its order.
    #[must_use]
    pub fn of_list(self, rows: &'a [usize]) -> SelectedRows<'a, S> {
        match self {
            Self::Dense(x) => SelectedRows::Dense(Selection::of_list(x, rows)),
            Self::Csr(x) => SelectedRows::of_csr(x, RowNumbers::List(rows)),
        }
    }

    /// The rows of a range.
    #[must_use]
    pub fn of_range(self, rows: Range<usize>) -> SelectedRows<'a, S> {
        match self {
            Self::Dense(x) => SelectedRows::Dense(Selection::of_range(x, rows)),
            Self::Csr(x) => SelectedRows::of_csr(x, RowNumbers::Range(rows)),
        }
    }

    /// Writes some rows with their zeros, each number changed by `cast`, to `out`.
    pub fn copy_rows<W: Scalar>(&self, rows: &[usize], cast: impl Fn(S) -> W, out: &mut [W]) {
        let x = match self {
            Self::Dense(x) => x,
            Self::Csr(x) => return x.copy_rows(rows.iter().copied(), cast, out),
        };
        let mut upcoming = rows.iter().skip(PREFETCH_ROWS);
        for (out, &i) in out.chunks_exact_mut(x.cols()).zip(rows) {
            let upcoming = upcoming.next().map_or(&[][..], |&i| x.row(i));
            let mut upcoming = upcoming.chunks(TILE_SIDE);
            let parts = x.row(i).chunks(TILE_SIDE);
            for (out, values) in out.chunks_mut(TILE_SIDE).zip(parts) {
                if let Some(values) = upcoming.next() {
                    prefetch(values);
                }
                for (out, &value) in out.iter_mut().zip(values) {
                    *out = cast(value);
                }
            }
        }
    }
}

impl<'a, S> From<MatrixRef<'a, S>> for RowsRef<'a, S> {
    fn from(x: MatrixRef<'a, S>) -> Self {
        Self::Dense(x)
    }
}

impl<'a, S> From<CsrRef<'a, S>> for RowsRef<'a, S> {
    fn from(x: CsrRef<'a, S>) -> Self {
        Self::Csr(x)
    }
}

impl<'a, S: Scalar> SelectedRows<'a, S> {
    fn of_csr(matrix: CsrRef<'a, S>, rows: RowNumbers<'a>) -> Self {
        Self::Csr(CsrSelection {
            matrix,
            rows,
            columns: 0..matrix.cols(),
        })
    }

    /// How their elements are best kept: as lists if most tiles of a row would be empty.
    #[must_use]
    pub fn form(&self) -> Form {
        match self {
            Self::Dense(_) => Form::Tiles,
            Self::Csr(rows) => {
                let tiles = rows.rows.len() * rows.columns.len().div_ceil(TILE_SIDE);
                if rows.stored() <= MAX_LISTED_PER_TILE * tiles {
                    Form::Lists
                } else {
                    Form::Tiles
                }
            }
        }
    }

    /// Some of these rows, and some of these columns, both counted from the first one here.
    #[must_use]
    pub fn part(&self, rows: Range<usize>, columns: Range<usize>) -> Self {
        match self {
            Self::Dense(selection) => Self::Dense(selection.part(rows, columns)),
            Self::Csr(selection) => {
                let first = selection.columns.start;
                Self::Csr(CsrSelection {
                    matrix: selection.matrix,
                    rows: selection.rows.part(rows),
                    columns: first + columns.start..first + columns.end,
                })
            }
        }
    }
}
