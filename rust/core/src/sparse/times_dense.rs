//! The product of a sparse matrix with a dense one: weighted sums of rows.

use crate::numeric::matrix::MatrixRef;
use crate::numeric::reduce::all_finite;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{Kernel, Level};
use crate::numeric::vector::{Columns, Vector};
use crate::parallel::tuning::MIN_USES_TO_PACK;
use crate::sparse::bitset::Bits;
use crate::sparse::packed::{by_groups, ByGroups, Packed};
use crate::sparse::tiles::{Tiles, TILE_SIDE};

/// Rows of `out`, one for each row of all `blocks`, become `bias + sum_i row[i] matrix[i]`.
pub struct TimesDense<'a, T> {
    /// The sparse rows.
    pub blocks: &'a [Tiles<T>],
    /// What every sum is added to, if anything.
    pub bias: Option<&'a [T]>,
    /// One row for each sparse column.
    pub matrix: MatrixRef<'a, T>,
    /// Where the sums go, row after row.
    pub out: &'a mut [T],
}

impl<T: Scalar> Kernel for TimesDense<'_, T> {
    /// Whether all rows of the matrix are finite, also those that are in no sum.
    type Output = bool;

    #[inline(always)]
    fn run<L: Level>(self) -> bool {
        let (lanes, matrix) = (T::Vector::<L>::LANES, self.matrix);
        let counts = self
            .blocks
            .iter()
            .map(|block| block.count_in(0..block.tiles()));
        let count: usize = counts.sum();
        let is_worth_packing = count >= MIN_USES_TO_PACK * matrix.rows() * self.blocks.len();
        let mut sums = Sums {
            product: self,
            are_finite: true,
        };
        if matrix.cols() >= lanes && is_worth_packing {
            by_groups::<T, L>(&mut sums, matrix.cols());
        } else {
            sums.sum_in_place::<L>();
        }
        sums.are_finite
    }
}

struct Sums<'a, T> {
    product: TimesDense<'a, T>,
    are_finite: bool,
}

impl<T: Scalar> Sums<'_, T> {
    /// Tile by tile, from where the rows of the matrix stand.
    #[inline(always)]
    fn sum_in_place<L: Level>(&mut self) {
        let TimesDense {
            blocks,
            bias,
            matrix,
            out,
        } = &mut self.product;
        let cols = matrix.cols();
        for out in out.chunks_exact_mut(cols) {
            match bias {
                Some(bias) => out.copy_from_slice(bias),
                None => out.fill(T::zero()),
            }
        }
        for b in 0..matrix.rows().div_ceil(TILE_SIDE) {
            let mut outs = out.chunks_exact_mut(cols);
            for block in *blocks {
                let mut weights = block.values(b).iter();
                for (&mask, out) in block.masks(b).iter().zip(&mut outs) {
                    for (place, &weight) in Bits(mask).zip(&mut weights) {
                        let row = matrix.row(b * TILE_SIDE + place);
                        for (sum, &x) in out.iter_mut().zip(row) {
                            *sum = L::mul_add(weight, x, *sum);
                        }
                    }
                }
            }
        }
        self.are_finite = all_finite(matrix.data());
    }
}

impl<T: Scalar> ByGroups<T> for Sums<'_, T> {
    /// Tile after tile, each for all sums, from rows that are copied first.
    #[inline(always)]
    fn sum<L: Level, const V: usize>(&mut self, columns: Columns) {
        let TimesDense {
            blocks,
            bias,
            matrix,
            out,
        } = &mut self.product;
        let (matrix, cols) = (*matrix, matrix.cols());
        let zero = [T::Vector::<L>::splat(T::zero()); V];
        let bias = bias.map_or(zero, |bias| columns.load::<T, L, V>(bias));
        let mut packed = Packed::new::<L, V>();
        for b in 0..matrix.rows().div_ceil(TILE_SIDE) {
            let rows = b * TILE_SIDE..matrix.rows().min((b + 1) * TILE_SIDE);
            self.are_finite &= packed.fill::<L, V>(matrix, rows, columns);
            let rows = packed.rows::<L, V>();
            let mut outs = out.chunks_exact_mut(cols);
            for block in *blocks {
                let mut weights = block.values(b).iter();
                for (&mask, out) in block.masks(b).iter().zip(&mut outs) {
                    let mut sums = match b {
                        0 => bias,
                        _ => columns.load::<T, L, V>(out),
                    };
                    for (place, &weight) in Bits(mask).zip(&mut weights) {
                        rows.add(place, weight, &mut sums);
                    }
                    columns.store::<T, L, V>(&sums, out);
                }
            }
        }
    }
}
