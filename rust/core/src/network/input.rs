//! What a layer reads: a batch of rows, and its product with weights.
//!
//! A zero of the input contributes nothing to a product. Where there are enough of them they
//! are skipped; the batch's own density decides.

use crate::numeric::matmul::{multiply, Operand};
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::reduce::max_abs;
use crate::numeric::scalar::Scalar;
use crate::parallel::{block_rows, for_chunks, Threads};
use crate::sparse::csr::CsrRef;
use crate::sparse::rows::RowsRef;
use crate::sparse::shard::MAX_SHARDS;
use crate::sparse::times_dense::IsFinite;
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
    /// Of the type that is computed with, by their elements.
    Csr(CsrRef<'a, T>),
}

impl<T: Scalar> BatchRows<'_, T> {
    /// The number of samples.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Same(x) => x.rows(),
            Self::Single(x) => x.rows(),
            Self::Csr(x) => x.rows(),
        }
    }

    /// The number of inputs of a sample.
    #[must_use]
    pub fn cols(&self) -> usize {
        match self {
            Self::Same(x) => x.cols(),
            Self::Single(x) => x.cols(),
            Self::Csr(x) => x.cols(),
        }
    }
}

impl<'a, T> From<MatrixRef<'a, T>> for BatchRows<'a, T> {
    fn from(rows: MatrixRef<'a, T>) -> Self {
        Self::Same(rows)
    }
}

impl<'a, T> From<CsrRef<'a, T>> for BatchRows<'a, T> {
    fn from(rows: CsrRef<'a, T>) -> Self {
        Self::Csr(rows)
    }
}

impl<'a, T> From<RowsRef<'a, T>> for BatchRows<'a, T> {
    fn from(rows: RowsRef<'a, T>) -> Self {
        match rows {
            RowsRef::Dense(x) => Self::Same(x),
            RowsRef::Csr(x) => Self::Csr(x),
        }
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
    /// A batch of the rows of `x`; its non-zero elements go to `sparse`.
    #[must_use]
    pub fn new(
        x: impl Into<BatchRows<'a, T>>,
        threads: Threads<'_>,
        sparse: &'a mut Sparse<T>,
    ) -> Self {
        match x.into() {
            BatchRows::Same(x) if is_sparse(x, threads, sparse) => Self::Sparse(sparse),
            BatchRows::Same(x) => Self::Dense(x),
            BatchRows::Single(x) if is_sparse(x, threads, sparse) => Self::Sparse(sparse),
            BatchRows::Single(x) => Self::Cast(x.cast()),
            BatchRows::Csr(x) if is_sparse(x, threads, sparse) => Self::Sparse(sparse),
            BatchRows::Csr(x) => {
                let mut rows = Matrix::zeros(x.rows(), x.cols());
                x.copy_rows(0..x.rows(), |value| value, rows.data_mut());
                Self::Cast(rows)
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

/// Whether `x` has enough zeros to be skipped; `sparse` then holds what is not zero.
fn is_sparse<'a, S: Scalar, T: Scalar>(
    x: impl Into<RowsRef<'a, S>>,
    threads: Threads<'_>,
    sparse: &mut Sparse<T>,
) -> bool {
    let x = x.into();
    sparse.reshape((x.rows(), x.cols()), block_rows(x.rows()), SPARSE_DENSITY);
    let rows = x.of_range(0..x.rows());
    sparse.try_fill::<S, S>(&rows, threads).is_ok()
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

    /// Writes `input @ weights + bias` for some samples, the first of which is number `first`: a block of
    /// [`block_rows`], or any if the input is dense. What it finds out about the weights is remembered for other
    /// blocks.
    pub fn times(
        &self,
        first: usize,
        (weights, are_finite): (MatrixRef<'_, T>, &[IsFinite; MAX_SHARDS]),
        bias: Option<&[T]>,
        out: &mut [T],
    ) {
        let rows = first..first + out.len() / weights.cols();
        match self {
            Self::Dense(x) => times(x.row_range(rows.start, rows.end), weights, bias, out),
            Self::Sparse(x) => {
                let b = first / block_rows(x.rows());
                if !x.times(b, (weights, are_finite), bias, out) {
                    times(x.to_dense(rows).view(), weights, bias, out);
                }
            }
        }
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
