//! Sums of the columns of a matrix.

use crate::matrix::MatrixRef;
use crate::scalar::Scalar;
use crate::simd::{dispatch, Kernel, Level};

/// Adds the columns of `matrix` to `sums`, rows in order.
pub fn add_columns<T: Scalar>(matrix: MatrixRef<'_, T>, sums: &mut [T]) {
    dispatch(AddRows {
        matrix,
        sums,
        of_sizes: false,
    });
}

/// The sum of the absolute values of each column.
#[must_use]
pub fn column_sizes<T: Scalar>(matrix: MatrixRef<'_, T>) -> Vec<T> {
    let mut sums = vec![T::zero(); matrix.cols()];
    dispatch(AddRows {
        matrix,
        sums: &mut sums,
        of_sizes: true,
    });
    sums
}

struct AddRows<'a, T> {
    matrix: MatrixRef<'a, T>,
    sums: &'a mut [T],
    of_sizes: bool,
}

impl<T: Scalar> Kernel for AddRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<R: Level>(self) {
        for n in 0..self.matrix.rows() {
            let row = self.sums.iter_mut().zip(self.matrix.row(n));
            if self.of_sizes {
                for (sum, x) in row {
                    *sum += x.abs();
                }
            } else {
                for (sum, &x) in row {
                    *sum += x;
                }
            }
        }
    }
}
