//! A batch whose zeros are left out.

pub(crate) mod bitset;
pub(crate) mod compress;
pub(crate) mod packed;
pub(crate) mod tiles;
pub(crate) mod times_dense;
pub(crate) mod transposed_times_dense;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::numeric::matrix::Matrix;
use crate::numeric::reduce::max_abs;
use crate::numeric::scalar::Scalar;
use crate::parallel::{block_rows, for_each, Threads};
use crate::sparse::tiles::{tiles_of, Tiles};

/// How many elements of a matrix of that shape may be non-zero for it to count as sparse; nothing
/// where not one may.
// A share of a count, rounded down.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
#[must_use]
pub fn nonzero_budget(density: f64, (rows, cols): (usize, usize)) -> Option<usize> {
    let max_nonzeros = (density * rows.saturating_mul(cols) as f64) as usize;
    (max_nonzeros > 0).then_some(max_nonzeros)
}

/// More elements are not zero than the caller wants to keep. What was to hold them holds nothing of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooDense;

/// The non-zero elements of a batch, in the pieces of rows in which they are worked on.
#[derive(Debug, Clone, Default)]
pub struct Sparse<T> {
    shape: (usize, usize),
    rows: Vec<Tiles<T>>,
    /// The largest absolute value of each piece, found while the piece is near.
    largest: Vec<T>,
}

impl<T: Scalar> Sparse<T> {
    /// Takes rows, `shape` all together; `try_fill` fills the tiles of rows `start..end`, unless they
    /// hold more elements than it is told. False, and nothing of meaning, if more than a share of
    /// `density` of the elements of any piece is not zero.
    pub fn try_fill(
        &mut self,
        shape: (usize, usize),
        density: f64,
        threads: Threads<'_>,
        try_fill: impl Fn(&mut Tiles<T>, Range<usize>, usize) -> Result<(), TooDense> + Sync,
    ) -> Result<(), TooDense> {
        self.shape = shape;
        let block = block_rows(shape.0);
        self.rows
            .resize_with(shape.0.div_ceil(block), Tiles::default);
        self.largest.resize(self.rows.len(), T::zero());
        let are_few = AtomicBool::new(true);
        let pieces = self.rows.iter_mut().zip(&mut self.largest).enumerate();
        for_each(threads, pieces, |(b, (tiles, largest))| {
            let range = b * block..shape.0.min((b + 1) * block);
            let max_nonzeros = nonzero_budget(density, (range.len(), shape.1));
            // Once there are too many in one piece, it does not matter how many are in others.
            if are_few.load(Ordering::Relaxed) {
                match max_nonzeros
                    .ok_or(TooDense)
                    .and_then(|max_nonzeros| try_fill(tiles, range, max_nonzeros))
                {
                    Ok(()) => *largest = tiles.max_abs(),
                    Err(TooDense) => are_few.store(false, Ordering::Relaxed),
                }
            }
        });
        are_few.into_inner().then_some(()).ok_or(TooDense)
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
        max_abs(&self.largest)
    }

    /// The rows, in pieces of [`block_rows`].
    #[must_use]
    pub fn row_blocks(&self) -> &[Tiles<T>] {
        &self.rows
    }

    /// The number of elements in these columns, whole blocks of them or all to the last.
    #[must_use]
    pub fn count_in(&self, columns: &Range<usize>) -> usize {
        let blocks = tiles_of(columns);
        let counts = self.rows.iter().map(|part| part.count_in(blocks.clone()));
        counts.sum()
    }

    /// Calls `visit` with the column and the value of each element of row `n`, in order.
    pub fn for_each(&self, n: usize, visit: impl FnMut(usize, T)) {
        let block = block_rows(self.shape.0);
        self.rows[n / block].for_each(n % block, visit);
    }

    /// Some rows with their zeros.
    #[must_use]
    pub fn to_dense(&self, rows: Range<usize>) -> Matrix<T> {
        let cols = self.shape.1;
        let mut dense = Matrix::zeros(rows.len(), cols);
        for (n, row) in rows.zip(dense.data_mut().chunks_exact_mut(cols)) {
            self.for_each(n, |place, value| row[place] = value);
        }
        dense
    }
}
