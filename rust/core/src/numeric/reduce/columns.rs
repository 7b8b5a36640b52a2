//! Sums of the columns of a matrix, and of two lists.

use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level, LANES};

/// Writes the sums of the columns of `matrix`, added up row after row.
pub fn column_sums<T: Scalar>(matrix: MatrixRef<'_, T>, sums: &mut [T]) {
    dispatch(AddRows {
        matrix,
        sums,
        of_sizes: false,
    });
}

/// Writes the sums of the absolute values of the columns of `matrix`.
pub fn column_sizes<T: Scalar>(matrix: MatrixRef<'_, T>, sums: &mut [T]) {
    dispatch(AddRows {
        matrix,
        sums,
        of_sizes: true,
    });
}

/// How many columns are summed at once.
const WIDTH: usize = 4 * LANES;

struct AddRows<'a, T> {
    matrix: MatrixRef<'a, T>,
    sums: &'a mut [T],
    of_sizes: bool,
}

impl<T: Scalar> Kernel for AddRows<'_, T> {
    type Output = ();

    /// Some columns at a time, whose sums stay in registers; where the last of them lie over those before,
    /// both come to the same.
    #[inline(always)]
    fn run<L: Level>(self) {
        let cols = self.sums.len();
        if cols < WIDTH {
            self.sums.fill(T::zero());
            for n in 0..self.matrix.rows() {
                for (sum, &x) in self.sums.iter_mut().zip(self.matrix.row(n)) {
                    *sum += if self.of_sizes { x.abs() } else { x };
                }
            }
            return;
        }
        for first in (0..cols).step_by(WIDTH) {
            let first = first.min(cols - WIDTH);
            let mut sums = [T::zero(); WIDTH];
            for n in 0..self.matrix.rows() {
                let row = &self.matrix.row(n)[first..first + WIDTH];
                for k in 0..WIDTH {
                    sums[k] += if self.of_sizes { row[k].abs() } else { row[k] };
                }
            }
            self.sums[first..first + WIDTH].copy_from_slice(&sums);
        }
    }
}

/// Adds numbers to others, of their type.
pub fn add<T: Scalar, C: Scalar>(sums: &mut [T], terms: &[C]) {
    dispatch(Add(sums, terms));
}

struct Add<'a, T, C>(&'a mut [T], &'a [C]);

impl<T: Scalar, C: Scalar> Kernel for Add<'_, T, C> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        for (sum, &term) in self.0.iter_mut().zip(self.1) {
            *sum += T::from_f64(term.widen());
        }
    }
}
