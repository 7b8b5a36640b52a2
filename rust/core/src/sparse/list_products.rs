//! The products of rows that are lists with dense matrices.
//!
//! Each row of a result is a sum of rows of the dense matrix, which stays in registers from its first term to
//! its last. The terms, and so the bits, are those of [`TimesDense`](crate::sparse::times_dense::TimesDense)
//! and [`TransposedTimesDense`](crate::sparse::transposed_times_dense::TransposedTimesDense).

use std::ops::Range;

use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{Kernel, Level};
use crate::numeric::vector::{ColumnGroup, Vector};
use crate::sparse::column_lists::ColumnLists;
use crate::sparse::packed::{compute_by_columns, ByColumns};
use crate::sparse::row_lists::RowLists;
use crate::sparse::transposed_times_dense::ElementMap;

/// Writes `bias + sum_i x[n, i] matrix[i]` to row `n` of `out`, the terms added in the order of the columns
/// `i`.
pub struct ListsTimesDense<'a, T> {
    /// The sparse rows `x`, in blocks.
    pub blocks: &'a [RowLists<T>],
    /// What every sum begins with; zeros if there is none.
    pub bias: Option<&'a [T]>,
    /// One row for each sparse column.
    pub matrix: MatrixRef<'a, T>,
    /// The result, row after row.
    pub out: &'a mut [T],
}

/// Writes `sum_n map(x[n, i]) matrix[n]` to row `i - columns.start` of `out`, for each `i` in `columns`,
/// the terms added in the order of the rows `n`.
pub struct TransposedListsTimesDense<'a, T> {
    /// The columns of `x`.
    pub lists: &'a ColumnLists<T>,
    /// Those wanted.
    pub columns: Range<usize>,
    /// The function of each element that is multiplied.
    pub map: ElementMap<T>,
    /// One row for each sparse row.
    pub matrix: MatrixRef<'a, T>,
    /// The result, row after row.
    pub out: &'a mut [T],
}

impl<T: Scalar> Kernel for ListsTimesDense<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(mut self) {
        let cols = self.matrix.cols();
        compute_by_columns::<T, L>(&mut self, cols);
    }
}

impl<T: Scalar> Kernel for TransposedListsTimesDense<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(mut self) {
        let cols = self.matrix.cols();
        compute_by_columns::<T, L>(&mut self, cols);
    }
}

impl<T: Scalar> ByColumns<T> for ListsTimesDense<'_, T> {
    #[inline(always)]
    fn compute<L: Level, G: ColumnGroup, const V: usize>(&mut self, columns: G) {
        let cols = self.matrix.cols();
        let zero = [T::Vector::<L>::splat(T::zero()); V];
        let bias = self.bias.map_or(zero, |bias| columns.load::<T, L, V>(bias));
        let mut outs = self.out.chunks_exact_mut(cols);
        for block in self.blocks {
            for (i, out) in (0..block.rows()).zip(&mut outs) {
                let (start, values) = block.row(i);
                let terms = Terms {
                    matrix: self.matrix,
                    rows: block.columns(),
                    map: ElementMap::Plain,
                };
                let sums = terms.sum::<L, G, V>(bias, (start, values), columns);
                columns.store::<T, L, V>(&sums, out);
            }
        }
    }
}

impl<T: Scalar> ByColumns<T> for TransposedListsTimesDense<'_, T> {
    #[inline(always)]
    fn compute<L: Level, G: ColumnGroup, const V: usize>(&mut self, columns: G) {
        let cols = self.matrix.cols();
        let zero = [T::Vector::<L>::splat(T::zero()); V];
        let terms = Terms {
            matrix: self.matrix,
            rows: self.lists.rows(),
            map: self.map,
        };
        let outs = self.out.chunks_exact_mut(cols);
        for (i, out) in self.columns.clone().zip(outs) {
            let sums = terms.sum::<L, G, V>(zero, self.lists.column(i), columns);
            columns.store::<T, L, V>(&sums, out);
        }
    }
}

/// Rows of a matrix, in the order in which they are added.
#[derive(Clone, Copy)]
struct Terms<'a, T> {
    matrix: MatrixRef<'a, T>,
    /// Those of all sums.
    rows: &'a [u32],
    /// The function of each weight.
    map: ElementMap<T>,
}

impl<T: Scalar> Terms<'_, T> {
    /// Adds the rows from place `start` on to `sums`, weighted.
    #[inline(always)]
    fn sum<L: Level, G: ColumnGroup, const V: usize>(
        self,
        mut sums: [T::Vector<L>; V],
        (start, weights): (usize, &[T]),
        columns: G,
    ) -> [T::Vector<L>; V] {
        for (&row, &weight) in self.rows[start..].iter().zip(weights) {
            let row = self.matrix.row(row as usize);
            let row = columns.load::<T, L, V>(row);
            let weight = T::Vector::<L>::splat(self.map.of(weight));
            for v in 0..V {
                sums[v] = row[v].mul_add(weight, sums[v]);
            }
        }
        sums
    }
}
