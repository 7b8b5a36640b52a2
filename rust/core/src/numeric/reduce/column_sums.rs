//! Sums of the columns of a matrix, and the sum of two arrays.

use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level, LANES};

/// Writes the sum of each column of `matrix` to `sums`, added up from the first row to the last.
pub fn column_sums<T: Scalar>(matrix: MatrixRef<'_, T>, sums: &mut [T]) {
    dispatch(AddRows {
        matrix,
        sums,
        of_absolutes: false,
    });
}

/// Writes the sum of the absolute values of each column of `matrix` to `sums`, in the same order.
pub fn column_abs_sums<T: Scalar>(matrix: MatrixRef<'_, T>, sums: &mut [T]) {
    dispatch(AddRows {
        matrix,
        sums,
        of_absolutes: true,
    });
}

/// How many columns are summed at once.
const WIDTH: usize = 4 * LANES;

struct AddRows<'a, T> {
    matrix: MatrixRef<'a, T>,
    sums: &'a mut [T],
    of_absolutes: bool,
}

impl<T: Scalar> Kernel for AddRows<'_, T> {
    type Output = ();

    /// [`WIDTH`] columns at a time, whose sums stay in registers. The last group begins early enough to be
    /// whole: the columns it shares with the one before it are summed twice, to the same numbers.
    #[inline(always)]
    fn run<L: Level>(self) {
        let cols = self.sums.len();
        if cols < WIDTH {
            self.sums.fill(T::zero());
            for n in 0..self.matrix.rows() {
                for (sum, &x) in self.sums.iter_mut().zip(self.matrix.row(n)) {
                    *sum += if self.of_absolutes { x.abs() } else { x };
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
                    sums[k] += if self.of_absolutes {
                        row[k].abs()
                    } else {
                        row[k]
                    };
                }
            }
            self.sums[first..first + WIDTH].copy_from_slice(&sums);
        }
    }
}

/// Adds `terms` to `sums`, element by element.
pub fn add_to<T: Scalar>(sums: &mut [T], terms: &[T]) {
    dispatch(Add(sums, terms));
}

struct Add<'a, T>(&'a mut [T], &'a [T]);

impl<T: Scalar> Kernel for Add<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        for (sum, &term) in self.0.iter_mut().zip(self.1) {
            *sum += term;
        }
    }
}
