//! What a layer reads: a batch of rows, and its two products with dense matrices.
//!
//! A zero of the input contributes nothing to either product. Where there are enough of them they
//! are skipped; the batch's own density decides.

use std::ops::Range;

use crate::extent::{is_finite, max_abs};
use crate::matmul::{multiply, Operand};
use crate::matrix::{Matrix, MatrixRef};
use crate::parallel::{block_rows, for_chunks, Threads};
use crate::rows::SumRows;
use crate::scalar::Scalar;
use crate::simd::dispatch;
use crate::sparse::Sparse;
use crate::spread::{SpreadRows, PART};

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
            BatchRows::Same(x) if is_sparse(x, |value| value, threads, room) => Self::Sparse(room),
            BatchRows::Same(x) => Self::Dense(x),
            BatchRows::Single(x) if is_sparse(x, widened, threads, room) => Self::Sparse(room),
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
    cast: impl Fn(S) -> T + Copy + Sync,
    threads: Threads<'_>,
    room: &mut Sparse<T>,
) -> bool {
    let shape = (x.rows(), x.cols());
    room.refill(shape, SPARSE_DENSITY, threads, |lines, range, most| {
        lines.refill(range.map(|n| x.row(n)), x.cols(), most, cast)
    })
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
                parts.fold(
                    T::zero(),
                    |m, part| if m.is_nan() || part <= m { m } else { part },
                )
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

    /// Writes `sum_p (input^(2p + 1))^T @ terms[p]`, powers taken element by element: coefficients of
    /// shape (samples, units), the result of shape (inputs, units). One term gives the plain product
    /// with the transpose.
    ///
    /// With `small`, whoever calls says that all terms but the first may be summed in single precision.
    pub fn odd_powers_transposed_times(
        &self,
        terms: &[MatrixRef<'_, T>],
        small: bool,
        threads: Threads<'_>,
        out: &mut [T],
    ) {
        let units = terms[0].cols();
        match *self {
            // As above.
            Self::Sparse(x) if !terms.iter().all(|term| is_finite(term.data())) => {
                let x = x.to_dense();
                Input::Dense(x.view()).odd_powers_transposed_times(terms, small, threads, out);
            }
            Self::Sparse(x) => for_chunks(threads, out, PART * units, |c, out| {
                dispatch(SpreadRows {
                    lines: x.row_parts(),
                    columns: c * PART..c * PART + out.len() / units,
                    terms,
                    out,
                });
            }),
            Self::Dense(x) => {
                let block = block_rows(x.cols());
                let single: Vec<Matrix<f32>> = if small {
                    terms.iter().map(MatrixRef::cast).collect()
                } else {
                    Vec::new()
                };
                for_chunks(threads, out, block * units, |c, out| {
                    let columns = c * block..c * block + out.len() / units;
                    times_transposed((x, columns.clone()), 0, terms[0], false, out);
                    for p in 1..terms.len() {
                        match single.get(p) {
                            Some(term) => add_in_single((x, columns.clone()), p, term.view(), out),
                            None => times_transposed((x, columns.clone()), p, terms[p], true, out),
                        }
                    }
                });
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

/// Writes the product of some columns of `x`, raised to an odd power, transposed, with a matrix, or
/// adds it.
fn times_transposed<T: Scalar, C: Scalar>(
    (x, columns): (MatrixRef<'_, T>, Range<usize>),
    power: usize,
    coefficients: MatrixRef<'_, C>,
    add: bool,
    out: &mut [C],
) {
    let mut data = Vec::with_capacity(x.rows() * columns.len());
    for n in 0..x.rows() {
        let row = x.row(n)[columns.clone()].iter();
        data.extend(row.map(|&x| odd_power::<T, C>(x, power)));
    }
    let raised = MatrixRef::new(&data, x.rows(), columns.len());
    let x = Operand::plain(raised).transposed();
    multiply(x, Operand::plain(coefficients), add, out);
}

/// Adds such a product, computed in single precision.
fn add_in_single<T: Scalar>(
    columns: (MatrixRef<'_, T>, Range<usize>),
    power: usize,
    coefficients: MatrixRef<'_, f32>,
    out: &mut [T],
) {
    let mut product = vec![0.0; out.len()];
    times_transposed(columns, power, coefficients, false, &mut product);
    for (out, &term) in out.iter_mut().zip(&product) {
        *out += T::from_f64(term.widen());
    }
}

/// `value^(2 power + 1)`, rounded to `C`.
#[inline(always)]
fn odd_power<T: Scalar, C: Scalar>(value: T, power: usize) -> C {
    let mut raised = value;
    for _ in 0..power {
        raised *= value * value;
    }
    C::from_f64(raised.widen())
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
