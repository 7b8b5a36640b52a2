//! Dense matrix products, of matrices, their transposes and some of their columns: the only file that calls
//! the crates that compute them.
//!
//! On x86-64 with AVX2 or AVX-512 these are the kernels of faer (the crate private-gemm-x86, without the
//! rest of faer, which takes a minute to compile and makes no product faster); elsewhere matrixmultiply.
//! `benchmarks/products.md` has the measurements. The crates use no threads here: their callers cut
//! products, by sizes alone, so that results do not depend on the number of threads.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use private_gemm_x86 as kernels;

use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;
#[cfg(target_arch = "x86_64")]
use crate::numeric::simd::{best_instructions, Instructions};

/// A factor of a product: a matrix, its transpose, or some of its columns, not copied.
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a, T> {
    /// The element of row `i` and column `j` has the index `i * row_stride + j * col_stride`.
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
    #[must_use]
    pub fn columns(self, start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= self.cols, "no such columns");
        let offset = (start * self.col_stride).min(self.data.len());
        Self {
            data: &self.data[offset..],
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

    /// Whether all elements lie within the data.
    fn is_within(&self) -> bool {
        if self.rows == 0 || self.cols == 0 {
            return true;
        }
        let last = (self.rows - 1) * self.row_stride + (self.cols - 1) * self.col_stride;
        last < self.data.len()
    }

    // Slices have at most isize::MAX bytes.
    #[allow(clippy::cast_possible_wrap)]
    fn strides(&self) -> (isize, isize) {
        (self.row_stride as isize, self.col_stride as isize)
    }
}

/// A type that the product crates multiply.
pub trait Gemm: Copy {
    /// Its name in the x86-64 kernels.
    #[cfg(target_arch = "x86_64")]
    const KIND: kernels::DType;

    /// Writes `beta * c + a @ b` to `c`, row after row, by matrixmultiply.
    ///
    /// # Safety
    /// Both factors [lie within](Operand::is_within) their data, their shapes chain, and `c` holds the
    /// product.
    unsafe fn portable(a: &Operand<'_, Self>, b: &Operand<'_, Self>, beta: Self, c: &mut [Self])
    where
        Self: Scalar;
}

macro_rules! gemm {
    ($type:ty, $kind:ident, $function:path) => {
        impl Gemm for $type {
            #[cfg(target_arch = "x86_64")]
            const KIND: kernels::DType = kernels::DType::$kind;

            #[allow(clippy::cast_possible_wrap)]
            unsafe fn portable(
                a: &Operand<'_, Self>,
                b: &Operand<'_, Self>,
                beta: Self,
                c: &mut [Self],
            ) {
                let ((a_row, a_col), (b_row, b_col)) = (a.strides(), b.strides());
                let (from, to) = ((a.data.as_ptr(), b.data.as_ptr()), c.as_mut_ptr());
                let (m, k, n) = (a.rows, a.cols, b.cols);
                // SAFETY: asked of the caller.
                unsafe {
                    $function(
                        m, k, n, 1.0, from.0, a_row, a_col, from.1, b_row, b_col, beta, to,
                        n as isize, 1,
                    );
                }
            }
        }
    };
}

gemm!(f32, F32, matrixmultiply::sgemm);
gemm!(f64, F64, matrixmultiply::dgemm);

/// Whether this processor computes products by faer's kernels.
#[cfg(target_arch = "x86_64")]
pub fn has_kernels() -> bool {
    level().is_some()
}

/// Whether this processor computes products by faer's kernels.
#[cfg(not(target_arch = "x86_64"))]
pub fn has_kernels() -> bool {
    false
}

/// Writes `a @ b` to `out`, row after row, or adds it there.
///
/// # Panics
/// If the shapes do not chain or `out` has another size: a fault of the caller's code.
pub fn multiply<T: Scalar>(a: Operand<'_, T>, b: Operand<'_, T>, add: bool, out: &mut [T]) {
    let fits = a.cols == b.rows && out.len() == a.rows * b.cols;
    let fits = fits && a.is_within() && b.is_within();
    assert!(fits, "the factors and the product do not fit");
    if a.cols == 0 {
        if !add {
            out.fill(T::zero());
        }
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(level) = level() {
        let cut = even_cut(level, size_of::<T>(), a.cols, b.cols);
        for columns in [0..cut, cut..b.cols] {
            // SAFETY: the factors and the product have been found to lie within their data, and the
            // processor to have the instructions.
            unsafe { by_kernels(level, &a, (&b, columns), add, out) };
        }
        return;
    }
    let beta = if add { T::one() } else { T::zero() };
    // SAFETY: as above.
    unsafe { T::portable(&a, &b, beta, out) }
}

#[cfg(target_arch = "x86_64")]
fn level() -> Option<kernels::InstrSet> {
    match best_instructions() {
        Instructions::Avx512 => Some(kernels::InstrSet::Avx512),
        Instructions::Avx2 => Some(kernels::InstrSet::Avx256),
        Instructions::Baseline => None,
    }
}

/// Where to cut the columns of a product in two, so that both parts keep the processor busy; 0 if nowhere.
///
/// The kernels take strips of three (AVX2) or six (AVX-512) registers of columns. What is left behind the last
/// whole strip, if it is no more than one register, they take at half the rate: its four sums wait for one
/// another. A cut one third before the end of that strip makes two parts of two registers or more. Measured
/// with 100 columns, AVX-512: 0.90 to 0.94 of the time; the sums, and so the bits, are the same.
#[cfg(target_arch = "x86_64")]
fn even_cut(level: kernels::InstrSet, bytes: usize, depth: usize, columns: usize) -> usize {
    /// Shallower products are not worth a second call.
    const MIN_DEPTH: usize = 32;
    let (register, registers) = match level {
        kernels::InstrSet::Avx512 => (64 / bytes, 6),
        kernels::InstrSet::Avx256 => (32 / bytes, 3),
    };
    let strip = registers * register;
    let (whole, rest) = (columns / strip * strip, columns % strip);
    if depth < MIN_DEPTH || whole == 0 || rest == 0 || rest > register {
        return 0;
    }
    whole - strip / 3
}

/// Computes some columns of a product.
///
/// # Safety
/// Both factors [lie within](Operand::is_within) their data, their shapes chain, `out` holds the whole product,
/// there are such columns, and the processor has the instructions.
#[cfg(target_arch = "x86_64")]
#[allow(clippy::cast_possible_wrap)]
unsafe fn by_kernels<T: Scalar>(
    level: kernels::InstrSet,
    a: &Operand<'_, T>,
    (b, columns): (&Operand<'_, T>, std::ops::Range<usize>),
    add: bool,
    out: &mut [T],
) {
    if columns.is_empty() || a.rows == 0 {
        return;
    }
    let ((a_row, a_col), (b_row, b_col)) = (a.strides(), b.strides());
    let accumulate = if add {
        kernels::Accum::Add
    } else {
        kernels::Accum::Replace
    };
    // No list of rows or columns, no diagonal between the factors.
    let none = std::ptr::null();
    let one = T::one();
    // SAFETY: asked of the caller.
    unsafe {
        kernels::gemm(
            T::KIND,
            kernels::IType::U64,
            level,
            a.rows,
            columns.len(),
            a.cols,
            out.as_mut_ptr().add(columns.start).cast(),
            b.cols as isize,
            1,
            none,
            none,
            kernels::DstKind::Full,
            accumulate,
            a.data.as_ptr().cast(),
            a_row,
            a_col,
            false,
            none,
            0,
            b.data.as_ptr().add(columns.start * b.col_stride).cast(),
            b_row,
            b_col,
            false,
            (&raw const one).cast(),
            1,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::matrix::Matrix;

    fn drawn<T: Scalar>(rows: usize, cols: usize, seed: usize) -> Matrix<T> {
        let number = |i: usize| T::from_f64(((i * 37 + seed) % 19) as f64 - 9.0);
        Matrix::from_vec((0..rows * cols).map(number).collect(), rows, cols)
    }

    fn agree<T: Scalar>(m: usize, k: usize, n: usize) {
        let (a, b) = (drawn::<T>(m, k, 1), drawn::<T>(k, n, 2));
        let (a_across, b_across) = (drawn::<T>(k, m, 1), drawn::<T>(n, k, 2));
        for (is_a_across, is_b_across) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let left = if is_a_across {
                Operand::plain(a_across.view()).transposed()
            } else {
                Operand::plain(a.view())
            };
            let right = if is_b_across {
                Operand::plain(b_across.view()).transposed()
            } else {
                Operand::plain(b.view())
            };
            let at = |x: &Operand<'_, T>, i: usize, j: usize| {
                x.data[i * x.row_stride + j * x.col_stride]
            };
            for add in [false, true] {
                let mut out = vec![T::from_f64(5.0); m * n];
                let mut portable = out.clone();
                multiply(left, right, add, &mut out);
                let beta = if add { T::one() } else { T::zero() };
                // SAFETY: whole matrices, whose shapes chain.
                unsafe { T::portable(&left, &right, beta, &mut portable) };
                for i in 0..m {
                    for j in 0..n {
                        let terms = (0..k).map(|l| at(&left, i, l) * at(&right, l, j));
                        // Small integers: exact in any order.
                        let before = if add { T::from_f64(5.0) } else { T::zero() };
                        let wanted = before + terms.sum();
                        assert!(out[i * n + j] == wanted && portable[i * n + j] == wanted);
                    }
                }
            }
        }
    }

    #[test]
    fn products_are_those_of_the_definition() {
        for (m, k, n) in [
            (1, 1, 1),
            (1, 9, 1),
            (1, 7, 33),
            (33, 7, 1),
            (5, 1, 6),
            (16, 50, 3),
            (50, 100, 17),
            (97, 130, 50),
            (33, 40, 100),
            (9, 70, 25),
        ] {
            agree::<f32>(m, k, n);
            agree::<f64>(m, k, n);
        }
    }

    #[test]
    fn some_columns_are_a_factor_and_no_term_is_zero() {
        let a = drawn::<f64>(4, 10, 3);
        let b = drawn::<f64>(4, 6, 4);
        let mut out = vec![f64::NAN; 3 * 6];
        let some = Operand::plain(a.view()).columns(7, 10).transposed();
        multiply(some, Operand::plain(b.view()), false, &mut out);
        for i in 0..3 {
            for j in 0..6 {
                let wanted: f64 = (0..4).map(|l| a.row(l)[7 + i] * b.row(l)[j]).sum();
                assert!((out[i * 6 + j] - wanted).abs() < 1e-12);
            }
        }
        let (left, right) = (Matrix::<f64>::zeros(2, 0), Matrix::<f64>::zeros(0, 3));
        let mut out = vec![f64::NAN; 6];
        let (left, right) = (Operand::plain(left.view()), Operand::plain(right.view()));
        multiply(left, right, false, &mut out);
        assert!(out.iter().all(|&x| x == 0.0));
    }
}
