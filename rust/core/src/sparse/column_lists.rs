//! The elements of rows that are lists, column by column.

use std::ops::Range;

use crate::numeric::scalar::Scalar;
use crate::sparse::row_lists::RowLists;

/// The non-zero elements of a shard, column after column, each column in the order of its rows.
#[derive(Debug, Clone)]
pub struct ColumnLists<T> {
    /// Where the elements of each column begin, and where those of the last one end.
    starts: Vec<usize>,
    rows: Vec<u32>,
    values: Vec<T>,
}

impl<T: Scalar> ColumnLists<T> {
    /// Those of the blocks of a shard of so many columns: sorted by counting.
    #[must_use]
    pub fn of(blocks: &[RowLists<T>], columns: usize) -> Self {
        let count = blocks.iter().map(RowLists::count).sum();
        let mut starts = vec![0; columns + 2];
        let all = blocks.iter().flat_map(RowLists::columns);
        all.for_each(|&column| starts[column as usize + 2] += 1);
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        // Until all elements have been placed, what stands behind a column's own place is where its next
        // element goes.
        let (mut rows, mut values) = (vec![0; count], vec![T::zero(); count]);
        let mut n = 0;
        for block in blocks {
            for i in 0..block.rows() {
                block.for_each(i, |column, value| {
                    let place = &mut starts[column + 1];
                    rows[*place] = n;
                    values[*place] = value;
                    *place += 1;
                });
                n += 1;
            }
        }
        starts.pop();
        Self {
            starts,
            rows,
            values,
        }
    }

    /// The rows of the elements of all columns.
    #[inline(always)]
    #[must_use]
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The elements of a column: where they stand in the [rows](Self::rows) of all columns, and their values.
    #[inline(always)]
    #[must_use]
    pub fn column(&self, i: usize) -> (usize, &[T]) {
        let range = self.starts[i]..self.starts[i + 1];
        (range.start, &self.values[range])
    }

    /// The number of elements of some columns.
    #[must_use]
    pub fn count_in(&self, columns: &Range<usize>) -> usize {
        self.starts[columns.end] - self.starts[columns.start]
    }
}
