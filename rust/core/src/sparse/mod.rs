//! Batches without their zeros, and their products with dense matrices.

pub(crate) mod bitset;
pub(crate) mod column_lists;
pub(crate) mod compress;
pub(crate) mod csr;
pub(crate) mod list_products;
pub(crate) mod packed;
pub(crate) mod row_lists;
pub(crate) mod rows;
pub(crate) mod selection;
pub(crate) mod shard;
pub(crate) mod tiles;
pub(crate) mod times_dense;
pub(crate) mod transposed_times_dense;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::reduce::{add_to, max_abs};
use crate::numeric::scalar::Scalar;
use crate::parallel::workspace::with_buffer;
use crate::parallel::{for_each, Threads};
use crate::sparse::rows::SelectedRows;
use crate::sparse::shard::{shard_columns, Shard, MAX_SHARDS};
use crate::sparse::times_dense::IsFinite;

/// More elements are not zero than the caller wants to keep. What was being filled is not to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooDense;

/// How many elements of a matrix of that shape may be non-zero for it to count as sparse, as a share of
/// `density` of all; nothing if not one may.
// Rounds down.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
#[must_use]
pub fn nonzero_budget(density: f64, (rows, cols): (usize, usize)) -> Option<usize> {
    let max_nonzeros = (density * rows.saturating_mul(cols) as f64) as usize;
    (max_nonzeros > 0).then_some(max_nonzeros)
}

/// The non-zero elements of a batch, cut into shards of columns, and each shard into blocks of rows.
///
/// A product is the sum of the products of its shards, added up in their order. So threads that each have
/// one shard compute the same numbers as one thread that has them all.
#[derive(Debug, Clone, Default)]
pub struct Sparse<T> {
    shape: (usize, usize),
    /// How many rows a block has.
    block_rows: usize,
    /// Which share of the elements of a block, over all shards, may be non-zero.
    density: f64,
    shards: Vec<Shard<T>>,
}

impl<T: Scalar> Sparse<T> {
    /// Makes this a batch of that shape, in blocks of `block_rows` rows. Its shards hold the elements of
    /// the last batch until they are filled. It counts as sparse if at most a share of `density` of each
    /// block is not zero.
    pub fn reshape(&mut self, shape: (usize, usize), block_rows: usize, density: f64) {
        (self.shape, self.block_rows, self.density) = (shape, block_rows, density);
        let columns = shard_columns(shape.1);
        self.shards.resize_with(columns.len(), Shard::default);
        for (shard, columns) in self.shards.iter_mut().zip(columns) {
            shard.set_columns(columns);
        }
    }

    /// Takes the non-zero elements of `rows`, of the shape that this batch has, rounded to `N`.
    ///
    /// # Errors
    /// If the batch [is not sparse](Self::is_sparse).
    pub fn try_fill<S: Scalar, N: Scalar>(
        &mut self,
        rows: &SelectedRows<'_, S>,
        threads: Threads<'_>,
    ) -> Result<(), TooDense> {
        let budgets: Vec<_> = self.budgets().collect();
        let blocks = budgets.len();
        let form = rows.form();
        let mut by_rows: Vec<Vec<_>> = (0..blocks).map(|_| Vec::new()).collect();
        for shard in &mut self.shards {
            let columns = shard.columns();
            for (by_rows, block) in by_rows.iter_mut().zip(shard.empty_blocks(blocks, form)) {
                by_rows.push((columns.clone(), block));
            }
        }
        let is_sparse = AtomicBool::new(true);
        let blocks = by_rows.into_iter().zip(budgets);
        for_each(threads, blocks, |(mut shards, (range, max_nonzeros))| {
            let part = |columns: &Range<usize>| rows.part(range.clone(), columns.clone());
            let mut rest = max_nonzeros;
            for (columns, block) in &mut shards {
                // Once one block has too many, the others are not wanted.
                rest = rest.filter(|_| is_sparse.load(Ordering::Relaxed));
                let count = rest.map(|rest| block.find::<S, N>(&part(columns), rest));
                let Some(Ok(count)) = count else {
                    is_sparse.store(false, Ordering::Relaxed);
                    return;
                };
                rest = rest.map(|rest| rest - count);
            }
            for (columns, block) in &mut shards {
                block.fill::<S, N>(&part(columns));
            }
        });
        is_sparse.into_inner().then_some(()).ok_or(TooDense)
    }

    /// The rows of each block, and how many of their elements may be non-zero.
    fn budgets(&self) -> impl Iterator<Item = (Range<usize>, Option<usize>)> + use<T> {
        let ((rows, cols), block_rows, density) = (self.shape, self.block_rows, self.density);
        (0..rows.div_ceil(block_rows)).map(move |b| {
            let range = b * block_rows..rows.min((b + 1) * block_rows);
            let max_nonzeros = nonzero_budget(density, (range.len(), cols));
            (range, max_nonzeros)
        })
    }

    /// Whether all shards have been filled, and no block has too many elements.
    #[must_use]
    pub fn is_sparse(&self) -> bool {
        self.budgets().enumerate().all(|(b, (_, max_nonzeros))| {
            let counts = self.shards.iter().map(|shard| shard.count(b));
            let count = counts.sum::<Option<usize>>();
            count
                .zip(max_nonzeros)
                .is_some_and(|(count, max_nonzeros)| count <= max_nonzeros)
        })
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.shape.0
    }

    /// The number of columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.shape.1
    }

    /// The largest absolute value, 0 for none; infinite or NaN where such a value occurs.
    #[must_use]
    pub fn max_abs(&self) -> T {
        let shards: Vec<T> = self.shards.iter().map(Shard::max_abs).collect();
        max_abs(&shards)
    }

    /// The shards, in the order of their columns.
    #[must_use]
    pub fn shards(&self) -> &[Shard<T>] {
        &self.shards
    }

    /// The shards, to be filled one by one.
    #[must_use]
    pub fn shards_mut(&mut self) -> &mut [Shard<T>] {
        &mut self.shards
    }

    /// Writes block `b` of the product with `matrix`, plus `bias`. False if `matrix` holds an infinity or a
    /// NaN: such a number times a zero that was skipped is NaN, so the product that was written is wrong.
    /// `are_finite` remembers it for other blocks, a shard each.
    pub fn times(
        &self,
        b: usize,
        (matrix, are_finite): (MatrixRef<'_, T>, &[IsFinite; MAX_SHARDS]),
        bias: Option<&[T]>,
        out: &mut [T],
    ) -> bool {
        let mut shards = self.shards.iter().zip(are_finite);
        let Some((first, is_finite)) = shards.next() else {
            return false;
        };
        let mut is_right = first.times(b..b + 1, (matrix, is_finite), bias, out);
        for (shard, is_finite) in shards {
            with_buffer(out.len(), |sums: &mut [T]| {
                is_right &= shard.times(b..b + 1, (matrix, is_finite), None, sums);
                add_to(out, sums);
            });
        }
        is_right
    }

    /// Calls `visit` with the column and the value of each element of row `n`, in order.
    pub fn for_each(&self, n: usize, mut visit: impl FnMut(usize, T)) {
        let (b, row) = (n / self.block_rows, n % self.block_rows);
        for shard in &self.shards {
            let first = shard.columns().start;
            shard.for_each(b, row, |column, value| visit(first + column, value));
        }
    }

    /// Some rows, with their zeros.
    #[must_use]
    pub fn to_dense(&self, rows: Range<usize>) -> Matrix<T> {
        let cols = self.shape.1;
        let mut dense = Matrix::zeros(rows.len(), cols);
        for (n, row) in rows.zip(dense.data_mut().chunks_exact_mut(cols)) {
            self.for_each(n, |column, value| row[column] = value);
        }
        dense
    }
}
