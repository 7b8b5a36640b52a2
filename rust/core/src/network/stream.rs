//! The first layer of a forward pass over many samples: a block of rows at a time, of which nothing is
//! kept.
//!
//! A batch that gradients read again is held in whole ([`Batch`](crate::network::input::Batch)): its elements that
//! are not zero, with room for all there could be. A pass that only goes forward meets each row once. So
//! the elements of a block are gathered where those of the last one stood, while they are near.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::network::input::{times, BatchRows, SPARSE_DENSITY};
use crate::network::Layer;
use crate::numeric::matrix::Matrix;
use crate::numeric::scalar::Scalar;
use crate::parallel::block_rows;
use crate::parallel::workspace::with_cached;
use crate::parallel::Threads;
use crate::sparse::rows::RowsRef;
use crate::sparse::shard::MAX_SHARDS;
use crate::sparse::times_dense::IsFinite;
use crate::sparse::{Sparse, TooDense};

/// Rows that are read once.
#[derive(Debug)]
pub struct Stream<'a, T> {
    rows: BatchRows<'a, T>,
    skips_zeros: bool,
    /// Whether a block has shown that there are too few zeros to be skipped: then no block counts.
    is_too_dense: AtomicBool,
}

impl<'a, T: Scalar> Stream<'a, T> {
    /// Of these rows.
    #[must_use]
    pub fn new(rows: BatchRows<'a, T>, skips_zeros: bool) -> Self {
        Self {
            rows,
            skips_zeros,
            is_too_dense: AtomicBool::new(false),
        }
    }

    /// Whether zeros must not be skipped, as was found on the way.
    #[must_use]
    pub fn is_too_dense(&self) -> bool {
        self.is_too_dense.load(Ordering::Relaxed)
    }

    /// The number of rows.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.rows.rows()
    }

    /// Writes the pre-activations of `layer`, which is the first, for a block of samples, the first of which
    /// is number `first`; false, and nothing of meaning, if the stream [is too dense](Self::is_too_dense).
    pub fn write(
        &self,
        first: usize,
        layer: &Layer<'_, T>,
        are_finite: &[IsFinite; MAX_SHARDS],
        out: &mut [T],
    ) -> bool {
        let rows = first..first + out.len() / layer.units();
        if !self.skips_zeros {
            self.write_dense(rows, layer, out);
            return true;
        }
        if self.is_too_dense() {
            return false;
        }
        with_cached(self.block_len(), |block: &mut Sparse<T>| {
            if self.read(rows.clone(), block).is_err() {
                self.is_too_dense.store(true, Ordering::Relaxed);
                return false;
            }
            if !block.times(0, (layer.weights, are_finite), layer.bias, out) {
                self.write_dense(rows, layer, out);
            }
            true
        })
    }

    /// The number of inputs of a block.
    fn block_len(&self) -> usize {
        block_rows(self.samples()).saturating_mul(self.rows.cols())
    }

    /// Takes what is not zero in these rows.
    fn read(&self, rows: Range<usize>, block: &mut Sparse<T>) -> Result<(), TooDense> {
        let shape = (rows.len(), self.rows.cols());
        block.reshape(shape, shape.0, SPARSE_DENSITY);
        match self.rows {
            BatchRows::Same(x) => {
                block.try_fill::<T, T>(&RowsRef::Dense(x).of_range(rows), Threads::One)
            }
            BatchRows::Single(x) => {
                block.try_fill::<f32, f32>(&RowsRef::Dense(x).of_range(rows), Threads::One)
            }
            BatchRows::Csr(x) => {
                block.try_fill::<T, T>(&RowsRef::Csr(x).of_range(rows), Threads::One)
            }
        }
    }

    fn write_dense(&self, rows: Range<usize>, layer: &Layer<'_, T>, out: &mut [T]) {
        match self.rows {
            BatchRows::Same(x) => {
                let x = x.row_range(rows.start, rows.end);
                times(x, layer.weights, layer.bias, out);
            }
            BatchRows::Single(x) => with_cached(self.block_len(), |cast: &mut Matrix<T>| {
                cast.reshape(rows.len(), x.cols());
                let x = x.row_range(rows.start, rows.end);
                for (cast, &value) in cast.data_mut().iter_mut().zip(x.data()) {
                    *cast = T::from_f64(value.widen());
                }
                times(cast.view(), layer.weights, layer.bias, out);
            }),
            BatchRows::Csr(x) => with_cached(self.block_len(), |dense: &mut Matrix<T>| {
                dense.reshape(rows.len(), x.cols());
                x.copy_rows(rows, |value| value, dense.data_mut());
                times(dense.view(), layer.weights, layer.bias, out);
            }),
        }
    }
}
