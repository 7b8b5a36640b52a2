//! What a layer reads: a batch of rows, and its product with weights.
//!
//! A zero of the input contributes nothing to a product. Where there are enough of them they
//! are skipped; the batch's own density decides.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::network::Layer;
use crate::numeric::matmul::{multiply, Operand};
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::reduce::max_abs;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::dispatch;
use crate::parallel::{block_rows, for_chunks, for_each_from_both_ends, Threads};
use crate::sparse::tiles::TILE_SIDE;
use crate::sparse::times_dense::{half_of, TimesDense};
use crate::sparse::Sparse;

/// Zeros are skipped when at most this share of the elements of any piece of a batch is not zero.
pub const SPARSE_DENSITY: f64 = 0.5;

/// The rows of a batch.
#[derive(Debug, Clone, Copy)]
pub enum BatchRows<'a, T> {
    /// Of the type that is computed with.
    Same(MatrixRef<'a, T>),
    /// Of single precision, to be widened.
    Single(MatrixRef<'a, f32>),
}

impl<T: Scalar> BatchRows<'_, T> {
    /// The number of samples.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Same(x) => x.rows(),
            Self::Single(x) => x.rows(),
        }
    }

    /// The number of inputs of a sample.
    #[must_use]
    pub fn cols(&self) -> usize {
        match self {
            Self::Same(x) => x.cols(),
            Self::Single(x) => x.cols(),
        }
    }
}

impl<'a, T> From<MatrixRef<'a, T>> for BatchRows<'a, T> {
    fn from(rows: MatrixRef<'a, T>) -> Self {
        Self::Same(rows)
    }
}

/// A batch: its rows or, where there are few of them, its non-zero elements.
#[derive(Debug, Clone)]
pub enum Batch<'a, T> {
    /// The rows.
    Dense(MatrixRef<'a, T>),
    /// The rows, cast.
    Cast(Matrix<T>),
    /// The non-zero elements.
    Sparse(&'a Sparse<T>),
}

impl<'a, T: Scalar> Batch<'a, T> {
    /// A batch of the rows of `x`; its non-zero elements go to `room`.
    #[must_use]
    pub fn new(
        x: impl Into<BatchRows<'a, T>>,
        threads: Threads<'_>,
        room: &'a mut Sparse<T>,
    ) -> Self {
        let widened = |value: f32| T::from_f64(value.widen());
        match x.into() {
            BatchRows::Same(x) if is_sparse(x, threads, room) => Self::Sparse(room),
            BatchRows::Same(x) => Self::Dense(x),
            BatchRows::Single(x) if is_sparse(x, threads, room) => Self::Sparse(room),
            BatchRows::Single(x) => {
                let data = x.data().iter().map(|&value| widened(value)).collect();
                Self::Cast(Matrix::from_vec(data, x.rows(), x.cols()))
            }
        }
    }

    /// The batch, as a layer reads it.
    #[must_use]
    pub fn input(&self) -> Input<'_, T> {
        match self {
            Self::Dense(x) => Input::Dense(*x),
            Self::Cast(x) => Input::Dense(x.view()),
            Self::Sparse(sparse) => Input::Sparse(sparse),
        }
    }
}

/// Whether `x` has enough zeros to be skipped; `room` then holds what is not zero.
fn is_sparse<S: Scalar, T: Scalar>(
    x: MatrixRef<'_, S>,
    threads: Threads<'_>,
    room: &mut Sparse<T>,
) -> bool {
    let shape = (x.rows(), x.cols());
    room.try_fill(
        shape,
        SPARSE_DENSITY,
        threads,
        |tiles, range, max_nonzeros| {
            tiles.try_fill::<S, S>(range.map(|n| (x.row(n), &[][..])), x.cols(), max_nonzeros)
        },
    )
    .is_ok()
}

/// The input of a layer: a batch, or the activations of the layer below.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a, T> {
    /// The rows.
    Dense(MatrixRef<'a, T>),
    /// The non-zero elements.
    Sparse(&'a Sparse<T>),
}

impl<T: Scalar> Input<'_, T> {
    /// The number of samples.
    #[must_use]
    pub fn samples(&self) -> usize {
        match self {
            Self::Dense(x) => x.rows(),
            Self::Sparse(x) => x.rows(),
        }
    }

    /// The number of inputs of a sample.
    #[must_use]
    pub fn inputs(&self) -> usize {
        match self {
            Self::Dense(x) => x.cols(),
            Self::Sparse(x) => x.cols(),
        }
    }

    /// The largest absolute value, 0 for none; infinite or NaN where such a value occurs.
    #[must_use]
    pub fn max_abs(&self, threads: Threads<'_>) -> T {
        /// What a number takes, in multiplications: it must be fetched.
        const WORK: usize = 4;
        let x = match self {
            Self::Dense(x) => x,
            Self::Sparse(x) => return x.max_abs(),
        };
        let block = block_rows(x.rows());
        let mut parts = vec![T::zero(); x.rows().div_ceil(block)];
        for_chunks(
            threads.limited_by(WORK * x.data().len()),
            &mut parts,
            1,
            |b, part| {
                let rows = b * block..x.rows().min((b + 1) * block);
                part[0] = max_abs(x.row_range(rows.start, rows.end).data());
            },
        );
        max_abs(&parts)
    }

    /// Writes block `b` of `input @ weights + bias`, of blocks of [`block_rows`] samples.
    pub fn times(&self, b: usize, weights: MatrixRef<'_, T>, bias: Option<&[T]>, out: &mut [T]) {
        let first = b * block_rows(self.samples());
        let rows = first..first + out.len() / weights.cols();
        match self {
            Self::Dense(x) => times(x.row_range(rows.start, rows.end), weights, bias, out),
            Self::Sparse(x) => {
                let are_finite = dispatch(TimesDense {
                    blocks: std::slice::from_ref(&x.row_blocks()[b]),
                    first_tile: 0,
                    half: half_of(weights.rows()),
                    bias,
                    matrix: weights,
                    out,
                });
                if !are_finite {
                    // A zero times an infinity or a NaN is no zero, and must not be skipped.
                    times(x.to_dense(rows).view(), weights, bias, out);
                }
            }
        }
    }

    /// Writes the two sums of which [`times`](Self::times) adds up the pre-activations of `layer`, each thread one
    /// of them; false, and nothing of meaning, where that is not done: for other than two threads and two
    /// blocks, without zeros, and with weights that are infinite or NaN.
    ///
    /// A thread then reads half of the weights, and in a row of gradients and steps always the same half.
    pub fn two_sums(
        &self,
        layer: &Layer<'_, T>,
        threads: Threads<'_>,
        sums: &mut [Matrix<T>; 2],
    ) -> bool {
        let (weights, bias) = (layer.weights, layer.bias);
        let half = half_of(weights.rows());
        let parts = match self {
            Self::Sparse(x) if threads.count() == 2 && half < weights.rows() => x.row_blocks(),
            _ => return false,
        };
        if parts.len() != 2 {
            return false;
        }
        for sums in &mut *sums {
            sums.reshape(self.samples(), weights.cols());
        }
        let are_finite = AtomicBool::new(true);
        let rows = [(0..half, bias), (half..weights.rows(), None)];
        for_each_from_both_ends(
            threads,
            rows.into_iter().zip(sums),
            |((rows, bias), sums)| {
                let is_finite = dispatch(TimesDense {
                    blocks: parts,
                    first_tile: rows.start / TILE_SIDE,
                    half: rows.len(),
                    bias,
                    matrix: weights.row_range(rows.start, rows.end),
                    out: sums.data_mut(),
                });
                are_finite.fetch_and(is_finite, Ordering::Relaxed);
            },
        );
        are_finite.into_inner()
    }

    /// Calls `visit(i, x)` for every element of row `n` that is not zero, in order.
    pub fn for_each_nonzero(&self, n: usize, mut visit: impl FnMut(usize, T)) {
        match self {
            Self::Sparse(x) => x.for_each(n, visit),
            Self::Dense(x) => {
                let row = x.row(n).iter().enumerate();
                row.filter(|(_, &x)| x != T::zero())
                    .for_each(|(i, &x)| visit(i, x));
            }
        }
    }
}

/// Writes `x @ weights + bias`.
pub fn times<T: Scalar>(
    x: MatrixRef<'_, T>,
    weights: MatrixRef<'_, T>,
    bias: Option<&[T]>,
    out: &mut [T],
) {
    if let Some(bias) = bias {
        let rows = out.chunks_exact_mut(bias.len());
        rows.for_each(|row| row.copy_from_slice(bias));
    }
    multiply(
        Operand::plain(x),
        Operand::plain(weights),
        bias.is_some(),
        out,
    );
}
