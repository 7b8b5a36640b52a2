//! The one seam to the matrix-product crate: dense products of strided operands.
#![allow(unsafe_code)]

use crate::matrix::MatrixRef;
use crate::scalar::Scalar;

/// A factor of a product: a matrix, its transpose, or some of its columns, never copied.
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a, T: Scalar> Operand<'a, T> {
    /// The matrix itself.
    #[must_use]
    pub fn plain(matrix: MatrixRef<'a, T>) -> Self {
        Self {
            data: matrix.data(),
            rows: matrix.rows(),
            cols: matrix.cols(),
            row_stride: matrix.cols(),
            col_stride: 1,
        }
    }

    /// Columns `start..end` only.
    ///
    /// # Panics
    /// If there are no such columns: a fault of the caller's code.
    #[must_use]
    pub fn columns(self, start: usize, end: usize) -> Self {
        assert!(
            start <= end && end <= self.cols,
            "columns outside the operand"
        );
        Self {
            data: &self.data[(start * self.col_stride).min(self.data.len())..],
            cols: end - start,
            ..self
        }
    }

    /// The transpose.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }

    /// One past the largest index into `data` that the operand reaches.
    fn reach(&self) -> usize {
        if self.rows == 0 || self.cols == 0 {
            return 0;
        }
        (self.rows - 1) * self.row_stride + (self.cols - 1) * self.col_stride + 1
    }
}

/// Types the product crate knows.
pub trait Gemm: Sized {
    /// `c = a @ b + beta * c` for an `m` by `k` and a `k` by `n` matrix at the given row and
    /// column strides.
    ///
    /// # Safety
    /// Every element the sizes and strides reach must lie inside its allocation, and `c` must not
    /// overlap `a` or `b`.
    #[allow(clippy::too_many_arguments)]
    unsafe fn gemm(
        size: [usize; 3],
        a: (*const Self, [isize; 2]),
        b: (*const Self, [isize; 2]),
        beta: Self,
        c: (*mut Self, [isize; 2]),
    );
}

macro_rules! impl_gemm {
    ($scalar:ty, $function:path) => {
        impl Gemm for $scalar {
            unsafe fn gemm(
                [m, k, n]: [usize; 3],
                (a, [rsa, csa]): (*const Self, [isize; 2]),
                (b, [rsb, csb]): (*const Self, [isize; 2]),
                beta: Self,
                (c, [rsc, csc]): (*mut Self, [isize; 2]),
            ) {
                // SAFETY: the caller's promise is the callee's requirement.
                unsafe {
                    $function(m, k, n, 1.0, a, rsa, csa, b, rsb, csb, beta, c, rsc, csc);
                }
            }
        }
    };
}

impl_gemm!(f32, matrixmultiply::sgemm);
impl_gemm!(f64, matrixmultiply::dgemm);

/// Writes `a @ b` to `out`, row after row, or adds it there.
///
/// # Panics
/// If the shapes do not chain or `out` has another size: a fault of the caller's code.
pub fn multiply<T: Scalar>(a: Operand<'_, T>, b: Operand<'_, T>, add: bool, out: &mut [T]) {
    assert_eq!(a.cols, b.rows, "inner sizes of a product differ");
    assert_eq!(
        out.len(),
        a.rows * b.cols,
        "a product and its place differ in size"
    );
    assert!(
        a.reach() <= a.data.len() && b.reach() <= b.data.len(),
        "operand outside its data"
    );
    let beta = if add { T::one() } else { T::zero() };
    let strides =
        |operand: &Operand<'_, T>| [operand.row_stride, operand.col_stride].map(usize::cast_signed);
    // SAFETY: the assertions above hold every access inside `a.data`, `b.data` and `out`, and
    // `out`, borrowed mutably, overlaps neither.
    unsafe {
        T::gemm(
            [a.rows, a.cols, b.cols],
            (a.data.as_ptr(), strides(&a)),
            (b.data.as_ptr(), strides(&b)),
            beta,
            (out.as_mut_ptr(), [b.cols.cast_signed(), 1]),
        );
    }
}
