//! What a layer reads: a batch of rows, and its two products with dense matrices.
//!
//! A zero of the input contributes nothing to either product. Where there are enough of them they
//! are skipped; the batch's own density decides.

use std::ops::Range;

use crate::columns::{odd_power, SumColumns};
use crate::extent::{is_finite, max_abs};
use crate::lines::BLOCK;
use crate::matmul::{multiply, Operand};
use crate::matrix::{Matrix, MatrixRef};
use crate::parallel::{block_rows, for_chunks, Threads};
use crate::rows::SumRows;
use crate::scalar::Scalar;
use crate::simd::{dispatch, Kernel, Level};
use crate::sparse::Sparse;

/// Zeros are skipped when at most this share of the elements is not zero.
pub const SPARSE_DENSITY: f64 = 0.3;

/// Columns of a sparse input that are worth a piece of work.
const PART: usize = 2 * BLOCK;

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
                    lines: &x.row_parts()[b],
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
        let cut = match *self {
            // As above.
            Self::Sparse(x) if !terms.iter().all(|term| is_finite(term.data())) => {
                let x = x.to_dense();
                let input = Input::Dense(x.view());
                return input.odd_powers_transposed_times(terms, small, threads, out);
            }
            Self::Sparse(_) => PART,
            Self::Dense(x) => block_rows(x.cols()),
        };
        let single: Vec<Matrix<f32>> = if small {
            terms.iter().skip(1).map(MatrixRef::cast).collect()
        } else {
            Vec::new()
        };
        for_chunks(threads, out, cut * units, |c, out| {
            let columns = c * cut..c * cut + out.len() / units;
            self.power_transposed_times(&columns, 0, terms[0], out);
            for (p, &term) in terms.iter().enumerate().skip(1) {
                match single.get(p - 1) {
                    Some(term) => self.add_power(&columns, p, term.view(), out),
                    None => self.add_power(&columns, p, term, out),
                }
            }
        });
    }

    /// Writes the product of some columns, raised to an odd power, transposed, with a matrix.
    fn power_transposed_times<C: Scalar>(
        &self,
        columns: &Range<usize>,
        power: usize,
        matrix: MatrixRef<'_, C>,
        out: &mut [C],
    ) {
        match *self {
            Self::Sparse(x) => dispatch(SumColumns {
                lines: x.row_parts(),
                columns: columns.clone(),
                power,
                matrix,
                out,
            }),
            Self::Dense(x) => {
                let mut data = Vec::with_capacity(x.rows() * columns.len());
                for n in 0..x.rows() {
                    let row = x.row(n)[columns.clone()].iter();
                    data.extend(row.map(|&x| odd_power::<T, C>(x, power)));
                }
                let raised = MatrixRef::new(&data, x.rows(), columns.len());
                let x = Operand::plain(raised).transposed();
                multiply(x, Operand::plain(matrix), false, out);
            }
        }
    }

    /// Adds such a product, computed in the type of the matrix.
    fn add_power<C: Scalar>(
        &self,
        columns: &Range<usize>,
        power: usize,
        matrix: MatrixRef<'_, C>,
        out: &mut [T],
    ) {
        let mut product = vec![C::zero(); out.len()];
        self.power_transposed_times(columns, power, matrix, &mut product);
        dispatch(Add(out, &product));
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

/// Adds numbers to others.
struct Add<'a, T, C>(&'a mut [T], &'a [C]);

impl<T: Scalar, C: Scalar> Kernel for Add<'_, T, C> {
    type Output = ();

    #[inline(always)]
    fn run<R: Level>(self) {
        for (sum, &term) in self.0.iter_mut().zip(self.1) {
            *sum += T::from_f64(term.widen());
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
