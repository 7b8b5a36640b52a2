//! The product of a sparse matrix with a dense one: weighted sums of rows.

use crate::bits::Bits;
use crate::extent::is_finite;
use crate::lines::BLOCK;
use crate::matrix::MatrixRef;
use crate::packed::{by_groups, ByGroups, Packed};
use crate::scalar::Scalar;
use crate::simd::{Kernel, Level};
use crate::tiles::Tiles;
use crate::vector::{Columns, Vector};

/// How often, on average, a row must be used for its copy to pay.
const WORTH_PACKING: usize = 3;

/// Rows of `out` (one for each of `tiles`) become `bias + sum_i row[i] matrix[i]`.
pub struct SumRows<'a, T> {
    /// The weights of the rows that each sum takes.
    pub tiles: &'a Tiles<T>,
    /// What every sum is added to, if anything.
    pub bias: Option<&'a [T]>,
    /// The rows.
    pub matrix: MatrixRef<'a, T>,
    /// Where the sums go, row after row.
    pub out: &'a mut [T],
}

impl<T: Scalar> Kernel for SumRows<'_, T> {
    /// Whether all rows are finite, also those that are in no sum.
    type Output = bool;

    #[inline(always)]
    fn run<R: Level>(mut self) -> bool {
        let (lanes, cols) = (T::Vector::<R>::LANES, self.matrix.cols());
        let count = self.tiles.count_in(0..self.tiles.len());
        if cols < lanes || count < WORTH_PACKING * self.matrix.rows() {
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
    /// Tile by tile, from where the rows stand.
    #[inline(always)]
    fn sum_standing<R: Level>(&mut self) {
        let cols = self.matrix.cols();
        for out in self.out.chunks_exact_mut(cols) {
            match self.bias {
                Some(bias) => out.copy_from_slice(bias),
                None => out.fill(T::zero()),
            }
        }
        for b in 0..self.tiles.len() {
            let mut weights = self.tiles.values(b).iter();
            let masks = self.tiles.masks(b).iter();
            for (&mask, out) in masks.zip(self.out.chunks_exact_mut(cols)) {
                for (place, &weight) in Bits(mask).zip(&mut weights) {
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
    /// Tile after tile, each for all sums.
    #[inline(always)]
    fn sum<R: Level, const V: usize>(&mut self, columns: Columns) {
        let SumRows {
            tiles,
            bias,
            matrix,
            out,
        } = &mut self.sums;
        let mut packed = Packed::new::<R, V>();
        for b in 0..tiles.len() {
            let rows = b * BLOCK..matrix.rows().min((b + 1) * BLOCK);
            self.are_finite &= packed.fill::<R, V>(*matrix, rows, columns);
            let rows = packed.rows::<R, V>();
            let mut weights = tiles.values(b).iter();
            let masks = tiles.masks(b).iter();
            for (&mask, out) in masks.zip(out.chunks_exact_mut(matrix.cols())) {
                let mut sums = match bias {
                    _ if b > 0 => columns.load::<T, R, V>(out),
                    Some(bias) => columns.load::<T, R, V>(bias),
                    None => [T::Vector::<R>::splat(T::zero()); V],
                };
                for (place, &weight) in Bits(mask).zip(&mut weights) {
                    rows.add(place, weight, &mut sums);
                }
                columns.store::<T, R, V>(&sums, out);
            }
        }
    }
}
