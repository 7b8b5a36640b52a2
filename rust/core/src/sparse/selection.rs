//! Some rows of a matrix, in any order, and some of their columns: what a batch is gathered from.

use std::ops::Range;

use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;

/// A part of a matrix, not copied.
///
/// A type and not an iterator over rows, so that the kernel that reads it is compiled once for each type of
/// number.
#[derive(Debug, Clone)]
pub struct Selection<'a, S> {
    matrix: MatrixRef<'a, S>,
    rows: RowNumbers<'a>,
    columns: Range<usize>,
}

/// Which rows of a matrix.
#[derive(Debug, Clone)]
pub enum RowNumbers<'a> {
    /// Those of a range.
    Range(Range<usize>),
    /// Those of a list, in its order.
    List(&'a [usize]),
}

impl RowNumbers<'_> {
    /// How many there are.
    #[inline(always)]
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Range(rows) => rows.len(),
            Self::List(rows) => rows.len(),
        }
    }

    /// The row that comes in place `i`.
    #[inline(always)]
    #[must_use]
    pub fn number(&self, i: usize) -> usize {
        match self {
            Self::Range(rows) => rows.start + i,
            Self::List(rows) => rows[i],
        }
    }

    /// Some of them, counted from the first.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        match self {
            Self::Range(all) => Self::Range(all.start + range.start..all.start + range.end),
            Self::List(all) => Self::List(&all[range]),
        }
    }
}

impl<'a, S: Scalar> Selection<'a, S> {
    /// The rows of a range.
    #[must_use]
    pub fn of_range(matrix: MatrixRef<'a, S>, rows: Range<usize>) -> Self {
        let (rows, columns) = (RowNumbers::Range(rows), 0..matrix.cols());
        Self {
            matrix,
            rows,
            columns,
        }
    }

    /// The rows of a list, in its order.
    #[must_use]
    pub fn of_list(matrix: MatrixRef<'a, S>, rows: &'a [usize]) -> Self {
        let (rows, columns) = (RowNumbers::List(rows), 0..matrix.cols());
        Self {
            matrix,
            rows,
            columns,
        }
    }

    /// Some of these rows, and some of these columns, both counted from the first one here.
    #[must_use]
    pub fn part(&self, rows: Range<usize>, columns: Range<usize>) -> Self {
        let first = self.columns.start;
        Self {
            matrix: self.matrix,
            rows: self.rows.part(rows),
            columns: first + columns.start..first + columns.end,
        }
    }

    /// The number of rows.
    #[inline(always)]
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The number of columns.
    #[inline(always)]
    #[must_use]
    pub fn cols(&self) -> usize {
        self.columns.len()
    }

    /// The columns of row `i` of these rows.
    #[inline(always)]
    #[must_use]
    pub fn row(&self, i: usize) -> &'a [S] {
        &self.matrix.row(self.rows.number(i))[self.columns.clone()]
    }
}
