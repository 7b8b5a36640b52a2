//! The one seam to the matrix-product crate: dense products of matrices, their transposes and some
//! of their columns.
//!
//! faer, measured against matrixmultiply and gemm in `benchmarks/products`. Its own threads are not
//! used: products are cut where they are asked for, so that results depend on sizes alone.

use faer::linalg::matmul::matmul;
use faer::traits::ComplexField;
use faer::{Accum, MatMut, MatRef, Par};

use crate::matrix::MatrixRef;
use crate::scalar::Scalar;

/// A factor of a product: a matrix, its transpose, or some of its columns, never copied.
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a, T>(MatRef<'a, T>);

impl<'a, T: Scalar> Operand<'a, T> {
    /// The matrix itself.
    #[must_use]
    pub fn plain(matrix: MatrixRef<'a, T>) -> Self {
        let (rows, cols) = (matrix.rows(), matrix.cols());
        Self(MatRef::from_row_major_slice(matrix.data(), rows, cols))
    }

    /// Columns `start..end` only.
    ///
    /// # Panics
    /// If there are no such columns: a fault of the caller's code.
    #[must_use]
    pub fn columns(self, start: usize, end: usize) -> Self {
        Self(self.0.subcols(start, end - start))
    }

    /// The transpose.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self(self.0.transpose())
    }
}

/// Types the product crate knows.
pub trait Gemm: ComplexField {}

impl Gemm for f32 {}
impl Gemm for f64 {}

/// Writes `a @ b` to `out`, row after row, or adds it there.
///
/// # Panics
/// If the shapes do not chain or `out` has another size: a fault of the caller's code.
pub fn multiply<T: Scalar>(a: Operand<'_, T>, b: Operand<'_, T>, add: bool, out: &mut [T]) {
    let how = if add { Accum::Add } else { Accum::Replace };
    let out = MatMut::from_row_major_slice_mut(out, a.0.nrows(), b.0.ncols());
    matmul(out, how, a.0, b.0, <T as num_traits::One>::one(), Par::Seq);
}
