//! Matrices that come by their non-zero elements, row after row.

use std::ops::Range;

use crate::error::Error;
use crate::numeric::scalar::Scalar;
use crate::sparse::selection::RowNumbers;

/// A matrix in compressed sparse rows, not copied.
///
/// Elements that are stored may be zeros.
#[derive(Debug, Clone, Copy)]
pub struct CsrRef<'a, S> {
    values: &'a [S],
    columns: &'a [u32],
    /// Where the elements of each row begin, and where those of the last one end.
    starts: &'a [usize],
    cols: usize,
}

impl<'a, S: Scalar> CsrRef<'a, S> {
    /// The matrix of these elements, one column each; those of row `i` are `starts[i]..starts[i + 1]`.
    ///
    /// # Errors
    /// If they are not in the order of their columns, or there are not as many of all.
    pub fn new(
        values: &'a [S],
        columns: &'a [u32],
        starts: &'a [usize],
        cols: usize,
    ) -> Result<Self, Error> {
        let wrong = |wanted: &str, got: String| Err(Error::value("x", wanted, got));
        let ascends = starts.windows(2).all(|pair| pair[0] <= pair[1]);
        let end = starts.last().copied();
        if !ascends || starts.first() != Some(&0) || end != Some(columns.len()) {
            let got = format!("{} elements and starts up to {end:?}", columns.len());
            return wrong("begin each row where the last one ends", got);
        }
        if values.len() != columns.len() {
            let got = format!("{} columns and {} values", columns.len(), values.len());
            return wrong("have a column for each value", got);
        }
        for pair in starts.windows(2) {
            let row = &columns[pair[0]..pair[1]];
            let in_range = |&column: &u32| (column as usize) < cols;
            if !row.iter().all(in_range) || !row.windows(2).all(|pair| pair[0] < pair[1]) {
                let wanted = format!("have columns in 0..{cols}, each row in ascending order");
                return wrong(&wanted, "others".to_owned());
            }
        }
        Ok(Self {
            values,
            columns,
            starts,
            cols,
        })
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// The number of columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The rows of a range as a matrix.
    #[must_use]
    pub fn row_range(&self, rows: Range<usize>) -> Self {
        Self {
            starts: &self.starts[rows.start..=rows.end],
            ..*self
        }
    }

    /// How many elements are stored.
    #[must_use]
    pub fn stored(&self) -> usize {
        self.starts[self.rows()] - self.starts[0]
    }

    /// The elements of row `i`: their columns, and their values.
    #[must_use]
    pub fn row(&self, i: usize) -> (&'a [u32], &'a [S]) {
        let range = self.starts[i]..self.starts[i + 1];
        (&self.columns[range.clone()], &self.values[range])
    }

    /// Some rows with their zeros, each number changed by `cast`.
    pub fn copy_rows<W: Scalar>(
        &self,
        rows: impl Iterator<Item = usize>,
        cast: impl Fn(S) -> W,
        out: &mut [W],
    ) {
        out.fill(W::zero());
        for (out, i) in out.chunks_exact_mut(self.cols).zip(rows) {
            let (columns, values) = self.row(i);
            for (&column, &value) in columns.iter().zip(values) {
                out[column as usize] = cast(value);
            }
        }
    }
}

/// Some rows of a sparse matrix, in any order, and some of their columns.
#[derive(Debug, Clone)]
pub struct CsrSelection<'a, S> {
    pub(super) matrix: CsrRef<'a, S>,
    pub(super) rows: RowNumbers<'a>,
    pub(super) columns: Range<usize>,
}

impl<'a, S: Scalar> CsrSelection<'a, S> {
    /// The first column of the matrix that may be among these.
    #[inline(always)]
    #[must_use]
    // Columns of elements are numbers of 32 bits.
    #[allow(clippy::cast_possible_truncation)]
    pub fn first_column(&self) -> u32 {
        self.columns.start as u32
    }

    /// How many elements of the matrix are stored in these rows.
    #[must_use]
    pub fn stored(&self) -> usize {
        let starts = self.matrix.starts;
        let rows = (0..self.rows.len()).map(|i| self.rows.number(i));
        rows.map(|row| starts[row + 1] - starts[row]).sum()
    }

    /// The elements of row `i` of these rows: columns, counted from those of the matrix, and values.
    #[must_use]
    pub fn row(&self, i: usize) -> (&'a [u32], &'a [S]) {
        let (columns, values) = self.matrix.row(self.rows.number(i));
        let before = |end: usize| columns.partition_point(|&column| (column as usize) < end);
        let range = before(self.columns.start)..before(self.columns.end);
        (&columns[range.clone()], &values[range])
    }
}
