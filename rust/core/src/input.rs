//! What a layer reads: a batch of rows, and its two products with dense matrices.
//!
//! A zero of the input contributes nothing to either product. Where there are enough of them they
//! are skipped; the batch's own density decides.

use crate::extent::{is_finite, max_abs};
use crate::matmul::{multiply, Operand};
use crate::matrix::{Matrix, MatrixRef};
use crate::parallel::{block_rows, for_chunks, Threads};
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
    pub fn new(x: impl Into<BatchRows<'a, T>>) -> Self {
        let widened = |value: f32| T::from_f64(value.widen());
        match x.into() {
            BatchRows::Same(x) => sparse(x, |value| value).map_or(Self::Dense(x), Self::Sparse),
            BatchRows::Single(x) => sparse(x, widened).map_or_else(
                || {
                    let data = x.data().iter().map(|&value| widened(value)).collect();
                    Self::Cast(Matrix::from_vec(data, x.rows(), x.cols()))
                },
                Self::Sparse,
            ),
        }
    }

    /// The same, ready for products with its transpose too.
    #[must_use]
    pub fn both_ways(x: impl Into<BatchRows<'a, T>>) -> Self {
        let mut batch = Self::new(x);
        if let Self::Sparse(sparse) = &mut batch {
            sparse.fill_columns();
        }
        batch
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

fn sparse<S: Scalar, T: Scalar>(x: MatrixRef<'_, S>, cast: impl Fn(S) -> T) -> Option<Sparse<T>> {
    let mut sparse = Sparse::default();
    let rows = (0..x.rows()).map(|n| x.row(n));
    sparse
        .refill(rows, x.cols(), SPARSE_DENSITY, cast)
        .then_some(sparse)
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
            Self::Sparse(x) => max_abs(x.values()),
        }
    }

    /// Writes `input @ weights + bias`.
    pub fn times(
        &self,
        weights: MatrixRef<'_, T>,
        bias: Option<&[T]>,
        threads: Threads,
        out: &mut [T],
    ) {
        let (samples, units) = (self.samples(), weights.cols());
        let block = block_rows(samples);
        match *self {
            // A zero times an infinity or a NaN is no zero, and must not be skipped.
            Self::Sparse(x) if !is_finite(weights.data()) => {
                Input::Dense(x.to_dense().view()).times(weights, bias, threads, out);
            }
            Self::Sparse(x) => for_chunks(threads, out, block * units, |b, out| {
                dispatch(SumRows {
                    lines: (b * block..samples).map(|n| x.row(n)),
                    start: bias,
                    matrix: weights,
                    terms: 1,
                    out,
                });
            }),
            Self::Dense(x) => for_chunks(threads, out, block * units, |b, out| {
                for row in out.chunks_exact_mut(units) {
                    match bias {
                        Some(bias) => row.copy_from_slice(bias),
                        None => row.fill(T::zero()),
                    }
                }
                let rows = x.row_range(b * block, ((b + 1) * block).min(samples));
                multiply(Operand::plain(rows), Operand::plain(weights), true, out);
            }),
        }
    }

    /// Writes `sum_p (input^(2p + 1))^T @ C_p`, powers taken element by element.
    ///
    /// `coefficients` holds the matrices `C_0, C_1, ...` side by side, `terms` of them, so its
    /// shape is (samples, terms * units) and that of the result (inputs, units). One term is the
    /// plain product with the transpose.
    pub fn odd_powers_transposed_times(
        &self,
        coefficients: MatrixRef<'_, T>,
        terms: usize,
        threads: Threads,
        out: &mut [T],
    ) {
        let (inputs, units) = (self.inputs(), coefficients.cols() / terms);
        let block = block_rows(inputs);
        match *self {
            // As above.
            Self::Sparse(x) if !is_finite(coefficients.data()) => {
                let x = x.to_dense();
                Input::Dense(x.view()).odd_powers_transposed_times(
                    coefficients,
                    terms,
                    threads,
                    out,
                );
            }
            Self::Sparse(x) => {
                let rows = coefficients.rows() * terms;
                let matrix = MatrixRef::new(coefficients.data(), rows, units);
                for_chunks(threads, out, block * units, |b, out| {
                    dispatch(SumRows {
                        lines: (b * block..inputs).map(|i| x.column(i)),
                        start: None,
                        matrix,
                        terms,
                        out,
                    });
                });
            }
            Self::Dense(x) => dense_odd_powers(x, coefficients, terms, threads, out),
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

fn dense_odd_powers<T: Scalar>(
    x: MatrixRef<'_, T>,
    coefficients: MatrixRef<'_, T>,
    terms: usize,
    threads: Threads,
    out: &mut [T],
) {
    let (inputs, units) = (x.cols(), coefficients.cols() / terms);
    let block = block_rows(inputs);
    let mut raised = Vec::new();
    for p in 0..terms {
        if p == 1 {
            raised = x.data().to_vec();
        }
        if p >= 1 {
            let squares = x.data().iter().map(|&x| x * x);
            raised.iter_mut().zip(squares).for_each(|(v, s)| *v *= s);
        }
        let power = match p {
            0 => x,
            _ => MatrixRef::new(&raised, x.rows(), inputs),
        };
        let c = Operand::plain(coefficients).columns(p * units, (p + 1) * units);
        for_chunks(threads, out, block * units, |b, out| {
            let columns = (b * block, ((b + 1) * block).min(inputs));
            let x = Operand::plain(power).columns(columns.0, columns.1);
            multiply(x.transposed(), c, p > 0, out);
        });
    }
}
