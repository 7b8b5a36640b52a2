//! Sums of the columns of a matrix.

use crate::matrix::MatrixRef;
use crate::scalar::Scalar;
use crate::simd::{dispatch, Kernel, Level};

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

struct AddRows<'a, T> {
    matrix: MatrixRef<'a, T>,
    sums: &'a mut [T],
    of_sizes: bool,
}

impl<T: Scalar> Kernel for AddRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<R: Level>(self) {
        self.sums.fill(T::zero());
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
