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
    rows: Rows<'a>,
    columns: Range<usize>,
}

#[derive(Debug, Clone)]
enum Rows<'a> {
    Range(Range<usize>),
    List(&'a [usize]),
}

impl<'a, S: Scalar> Selection<'a, S> {
    /// The rows of a range.
    #[must_use]
    pub fn of_range(matrix: MatrixRef<'a, S>, rows: Range<usize>) -> Self {
        let (rows, columns) = (Rows::Range(rows), 0..matrix.cols());
        Self {
            matrix,
            rows,
            columns,
        }
    }

    /// The rows of a list, in its order.
    #[must_use]
    pub fn of_list(matrix: MatrixRef<'a, S>, rows: &'a [usize]) -> Self {
        let (rows, columns) = (Rows::List(rows), 0..matrix.cols());
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
            rows: match &self.rows {
                Rows::Range(all) => Rows::Range(all.start + rows.start..all.start + rows.end),
                Rows::List(all) => Rows::List(&all[rows]),
            },
            columns: first + columns.start..first + columns.end,
        }
    }

    /// The number of rows.
    #[inline(always)]
    #[must_use]
    pub fn rows(&self) -> usize {
        match &self.rows {
            Rows::Range(rows) => rows.len(),
            Rows::List(rows) => rows.len(),
        }
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
        let row = match &self.rows {
            Rows::Range(rows) => rows.start + i,
            Rows::List(rows) => rows[i],
        };
        &self.matrix.row(row)[self.columns.clone()]
    }
}
