//! The product of a sparse matrix with a dense one: weighted sums of rows.

use crate::bits::Bits;
use crate::extent::is_finite;
use crate::lines::{Lines, BLOCK};
use crate::matrix::MatrixRef;
use crate::packed::{by_groups, ByGroups, Packed};
use crate::scalar::Scalar;
use crate::simd::{Kernel, Level};
use crate::vector::{Columns, Vector};

/// How often, on average, a row must be used for its copy to pay.
const WORTH_PACKING: usize = 3;

/// Rows of `out` (one for each of `lines`) become `bias + sum_i line[i] matrix[i]`.
pub struct SumRows<'a, T> {
    /// The weights of the rows that each sum takes.
    pub lines: &'a Lines<T>,
    /// What every sum is added to, if anything.
    pub bias: Option<&'a [T]>,
    /// The rows.
    pub matrix: MatrixRef<'a, T>,
    /// Where the sums go, row after row.
    pub out: &'a mut [T],
}

impl<T: Scalar> Kernel for SumRows<'_, T> {
    /// Whether all rows are finite, also those that no line sums.
    type Output = bool;

    #[inline(always)]
    fn run<R: Level>(mut self) -> bool {
        let (lanes, cols) = (T::Vector::<R>::LANES, self.matrix.cols());
        if cols < lanes || self.lines.values().len() < WORTH_PACKING * self.matrix.rows() {
            self.sum_standing::<R>();
            return is_finite(self.matrix.data());
        }
        let mut packed = SumPacked {
            sums: self,
            are_finite: true,
        };
        by_groups::<T, R>(&mut packed, cols);
        packed.are_finite
    }
}

impl<T: Scalar> SumRows<'_, T> {
    /// Row by row from where they stand.
    #[inline(always)]
    fn sum_standing<R: Level>(&mut self) {
        for (i, out) in self.out.chunks_exact_mut(self.matrix.cols()).enumerate() {
            match self.bias {
                Some(bias) => out.copy_from_slice(bias),
                None => out.fill(T::zero()),
            }
            for b in 0..self.lines.blocks() {
                let places = Bits(self.lines.mask(i, b));
                for (place, &weight) in places.zip(self.lines.block(i, b)) {
                    let row = self.matrix.row(b * BLOCK + place);
                    for (sum, &x) in out.iter_mut().zip(row) {
                        *sum = R::mul_add(weight, x, *sum);
                    }
                }
            }
        }
    }
}

/// The sums, from rows that are copied first.
struct SumPacked<'a, T> {
    sums: SumRows<'a, T>,
    are_finite: bool,
}

impl<T: Scalar> ByGroups<T> for SumPacked<'_, T> {
    /// Block after block of rows, each for all lines.
    #[inline(always)]
    fn sum<R: Level, const V: usize>(&mut self, columns: Columns) {
        let SumRows {
            lines,
            bias,
            matrix,
            out,
        } = &mut self.sums;
        let at_once = Packed::<T>::blocks::<R, V>(lines.blocks());
        let mut packed = Packed::new::<R, V>(at_once);
        for first in (0..lines.blocks()).step_by(at_once) {
            let blocks = first..lines.blocks().min(first + at_once);
            let rows = first * BLOCK..matrix.rows().min(blocks.end * BLOCK);
            self.are_finite &= packed.fill::<R, V>(*matrix, rows, columns);
            for (i, out) in out.chunks_exact_mut(matrix.cols()).enumerate() {
                let mut sums = match bias {
                    _ if first > 0 => columns.load::<T, R, V>(out),
                    Some(bias) => columns.load::<T, R, V>(bias),
                    None => [T::Vector::<R>::splat(T::zero()); V],
                };
                for b in blocks.clone() {
                    let rows = packed.block::<R, V>(b - first);
                    for (place, &weight) in Bits(lines.mask(i, b)).zip(lines.block(i, b)) {
                        rows.add(place, weight, &mut sums);
                    }
                }
                columns.store::<T, R, V>(&sums, out);
            }
        }
    }
}
