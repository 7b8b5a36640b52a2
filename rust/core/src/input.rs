//! What a layer reads: a batch of rows, and its two products with dense matrices.
//!
//! A zero of the input contributes nothing to either product. Where there are enough of them they
//! are skipped; the batch's own density decides.

use std::ops::Range;

use crate::extent::{is_finite, max_abs};
use crate::matmul::{multiply, Operand};
use crate::matrix::{Matrix, MatrixRef};
use crate::parallel::{block_rows, for_chunks, Threads};
use crate::spread::{odd_power, SpreadRows, PART};
use crate::rows::SumRows;
use crate::scalar::Scalar;
use crate::simd::dispatch;
use crate::sparse::Sparse;

/// Zeros are skipped when at most this share of the elements is not zero.
pub const SPARSE_DENSITY: f64 = 0.3;

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
    Sparse(Sparse<T>),
}

impl<'a, T: Scalar> Batch<'a, T> {
    /// A batch of the rows of `x`.
    #[must_use]
    pub fn new(x: impl Into<BatchRows<'a, T>>, threads: Threads<'_>) -> Self {
        let widened = |value: f32| T::from_f64(value.widen());
        match x.into() {
            BatchRows::Same(x) => {
                sparse(x, |value| value, threads).map_or(Self::Dense(x), Self::Sparse)
            }
            BatchRows::Single(x) => sparse(x, widened, threads).map_or_else(
                || {
                    let data = x.data().iter().map(|&value| widened(value)).collect();
                    Self::Cast(Matrix::from_vec(data, x.rows(), x.cols()))
                },
                Self::Sparse,
            ),
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

fn sparse<S: Scalar, T: Scalar>(
    x: MatrixRef<'_, S>,
    cast: impl Fn(S) -> T + Copy + Sync,
    threads: Threads<'_>,
) -> Option<Sparse<T>> {
    let mut sparse = Sparse::default();
    let shape = (x.rows(), x.cols());
    let is_sparse = sparse.refill(shape, SPARSE_DENSITY, threads, |lines, range, most| {
        lines.refill(range.map(|n| x.row(n)), x.cols(), most, cast)
    });
    is_sparse.then_some(sparse)
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
    pub fn max_abs(&self) -> T {
        match self {
            Self::Dense(x) => max_abs(x.data()),
            Self::Sparse(x) => {
                let parts = x.row_parts().iter().map(|lines| max_abs(lines.values()));
                // Written so that a NaN stays.
                parts.fold(T::zero(), |m, part| if part <= m { m } else { part })
            }
        }
    }

    /// Writes block `b` of `input @ weights + bias`, of blocks of [`block_rows`] samples.
    pub fn times(&self, b: usize, weights: MatrixRef<'_, T>, bias: Option<&[T]>, out: &mut [T]) {
        let first = b * block_rows(self.samples());
        let rows = first..first + out.len() / weights.cols();
        match self {
            Self::Dense(x) => times(x.row_range(rows.start, rows.end), weights, bias, out),
            Self::Sparse(x) => {
                let are_finite = dispatch(SumRows {
                    lines: x.row_parts()[b].pattern(),
                    weights: x.row_parts()[b].values(),
                    bias,
                    matrix: weights,
                    out,
                });
                if !are_finite {
                    // A zero times an infinity or a NaN is no zero, and must not be skipped.
                    let x = x.to_dense();
                    times(x.view().row_range(rows.start, rows.end), weights, bias, out);
                }
            }
        }
    }

    /// Writes `input^T @ linear + sum_p (input^(2p + 3))^T @ higher[p]`, powers taken element by
    /// element: coefficients of shape (samples, units), the result of shape (inputs, units).
    ///
    /// The higher terms are summed in the type of their coefficients.
    pub fn odd_powers_transposed_times<C: Scalar>(
        &self,
        linear: MatrixRef<'_, T>,
        higher: &[MatrixRef<'_, C>],
        threads: Threads<'_>,
        out: &mut [T],
    ) {
        let are_finite = || {
            let mut higher = higher.iter();
            is_finite(linear.data()) && higher.all(|term| is_finite(term.data()))
        };
        let columns = match *self {
            // As above.
            Self::Sparse(x) if !are_finite() => {
                let x = x.to_dense();
                let dense = Input::Dense(x.view());
                return dense.odd_powers_transposed_times(linear, higher, threads, out);
            }
            Self::Sparse(_) => PART,
            Self::Dense(x) => block_rows(x.cols()),
        };
        for_chunks(threads, out, columns * linear.cols(), |c, out| {
            let range = c * columns..c * columns + out.len() / linear.cols();
            self.power_transposed_times(range.clone(), 0, linear, out);
            let mut sums = Vec::new();
            for (p, &term) in higher.iter().enumerate() {
                sums.resize(out.len(), C::zero());
                self.power_transposed_times(range.clone(), p + 1, term, &mut sums);
                let terms = out.iter_mut().zip(&sums);
                terms.for_each(|(out, sum)| *out += T::from_f64(sum.widen()));
            }
        });
    }

    /// Writes a product with the transpose of some columns, raised to an odd power.
    fn power_transposed_times<C: Scalar>(
        &self,
        columns: Range<usize>,
        power: usize,
        coefficients: MatrixRef<'_, C>,
        out: &mut [C],
    ) {
        match self {
            Self::Sparse(x) => {
                dispatch(SpreadRows {
                    lines: x.row_parts(),
                    columns,
                    power,
                    matrix: coefficients,
                    out,
                });
            }
            Self::Dense(x) => {
                let mut data = Vec::with_capacity(x.rows() * columns.len());
                for n in 0..x.rows() {
                    let row = x.row(n)[columns.clone()].iter();
                    data.extend(row.map(|&x| odd_power::<T, C>(x, power)));
                }
                let raised = MatrixRef::new(&data, x.rows(), columns.len());
                let x = Operand::plain(raised).transposed();
                multiply(x, Operand::plain(coefficients), false, out);
            }
        }
    }

    /// Calls `visit(i, x)` for every element of row `n` that is not zero, in order.
    pub fn for_each_nonzero(&self, n: usize, mut visit: impl FnMut(usize, T)) {
        match self {
            Self::Sparse(x) => {
                let row = x.row(n);
                for (&i, &x) in row.places.iter().zip(row.values) {
                    visit(i as usize, x);
                }
            }
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
    multiply(Operand::plain(x), Operand::plain(weights), bias.is_some(), out);
}
