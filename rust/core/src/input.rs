//! What a layer reads: a batch of rows, and its two products with dense matrices.
//!
//! A zero of the input contributes nothing to either product. Where there are enough of them they
//! are skipped; the batch's own density decides.

use crate::extent::is_finite;
use crate::matmul::{multiply, Operand};
use crate::matrix::MatrixRef;
use crate::parallel::{block_rows, for_chunks, Threads};
use crate::rows::SumRows;
use crate::scalar::Scalar;
use crate::simd::dispatch;
use crate::sparse::Sparse;

/// Zeros are skipped when at most this share of the elements is not zero.
const SPARSE_DENSITY: f64 = 0.3;

/// A batch and, where it pays, the list of its non-zero elements.
#[derive(Debug, Clone)]
pub struct Batch<'a, T> {
    dense: MatrixRef<'a, T>,
    sparse: Option<Sparse<T>>,
}

impl<'a, T: Scalar> Batch<'a, T> {
    /// A batch of the rows of `x`.
    #[must_use]
    pub fn new(x: MatrixRef<'a, T>) -> Self {
        Self {
            dense: x,
            sparse: Sparse::new(x, SPARSE_DENSITY),
        }
    }

    /// The batch, as a layer reads it.
    #[must_use]
    pub fn input(&self) -> Input<'_, T> {
        Input {
            dense: self.dense,
            sparse: self.sparse.as_ref(),
        }
    }
}

/// The input of a layer: a batch, or the activations of the layer below.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a, T> {
    dense: MatrixRef<'a, T>,
    sparse: Option<&'a Sparse<T>>,
}

impl<'a, T: Scalar> Input<'a, T> {
    /// An input none of whose zeros is skipped in products.
    #[must_use]
    pub fn dense(matrix: MatrixRef<'a, T>) -> Self {
        Self {
            dense: matrix,
            sparse: None,
        }
    }

    /// The number of samples.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.dense.rows()
    }

    /// All elements.
    #[must_use]
    pub fn matrix(&self) -> MatrixRef<'a, T> {
        self.dense
    }

    /// The list of non-zero elements, if it may stand for the whole: a zero times an infinity or
    /// a NaN is no zero, and must not be skipped.
    fn skipping(&self, other: MatrixRef<'_, T>) -> Option<&'a Sparse<T>> {
        self.sparse.filter(|_| is_finite(other.data()))
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
        let sparse = self.skipping(weights);
        for_chunks(threads, out, block * units, |b, out| {
            let first = b * block;
            if let Some(sparse) = sparse {
                dispatch(SumRows {
                    lines: (first..samples).map(|n| sparse.row(n)),
                    start: bias,
                    matrix: weights,
                    terms: 1,
                    out,
                });
            } else {
                for row in out.chunks_exact_mut(units) {
                    match bias {
                        Some(bias) => row.copy_from_slice(bias),
                        None => row.fill(T::zero()),
                    }
                }
                let rows = self.dense.row_range(first, (first + block).min(samples));
                multiply(Operand::plain(rows), Operand::plain(weights), true, out);
            }
        });
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
        let units = coefficients.cols() / terms;
        if let Some(sparse) = self.skipping(coefficients) {
            let inputs = self.dense.cols();
            let block = block_rows(inputs);
            let rows = coefficients.rows() * terms;
            for_chunks(threads, out, block * units, |b, out| {
                dispatch(SumRows {
                    lines: (b * block..inputs).map(|i| sparse.column(i)),
                    start: None,
                    matrix: MatrixRef::new(coefficients.data(), rows, units),
                    terms,
                    out,
                });
            });
        } else {
            self.dense_odd_powers(coefficients, terms, threads, out);
        }
    }

    fn dense_odd_powers(
        &self,
        coefficients: MatrixRef<'_, T>,
        terms: usize,
        threads: Threads,
        out: &mut [T],
    ) {
        let inputs = self.dense.cols();
        let units = coefficients.cols() / terms;
        let block = block_rows(inputs);
        let mut raised = Vec::new();
        for p in 0..terms {
            if p == 1 {
                raised = self.dense.data().to_vec();
            }
            if p >= 1 {
                let squares = self.dense.data().iter().map(|&x| x * x);
                raised.iter_mut().zip(squares).for_each(|(v, s)| *v *= s);
            }
            let power = match p {
                0 => self.dense,
                _ => MatrixRef::new(&raised, self.samples(), inputs),
            };
            let c = Operand::plain(coefficients).columns(p * units, (p + 1) * units);
            for_chunks(threads, out, block * units, |b, out| {
                let columns = (b * block, ((b + 1) * block).min(inputs));
                let x = Operand::plain(power).columns(columns.0, columns.1);
                multiply(x.transposed(), c, p > 0, out);
            });
        }
    }

    /// Calls `visit(i, x)` for every element of row `n` that is not zero, in order.
    pub fn for_each_nonzero(&self, n: usize, mut visit: impl FnMut(usize, T)) {
        match self.sparse {
            Some(sparse) => {
                let row = sparse.row(n);
                for (&i, &x) in row.places.iter().zip(row.values) {
                    visit(i as usize, x);
                }
            }
            None => self
                .dense
                .row(n)
                .iter()
                .enumerate()
                .filter(|(_, &x)| x != T::zero())
                .for_each(|(i, &x)| visit(i, x)),
        }
    }
}
