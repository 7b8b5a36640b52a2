//! The product of a sparse matrix with a dense one: each row of the result is a sum of rows of the dense
//! matrix, weighted by the non-zero elements of a sparse row.

use std::sync::OnceLock;

use crate::numeric::matrix::MatrixRef;
use crate::numeric::reduce::all_finite;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{Kernel, Level};
use crate::numeric::vector::{ColumnGroup, Vector};
use crate::parallel::tuning::MIN_USES_TO_PACK;
use crate::sparse::bitset::Bits;
use crate::sparse::packed::{compute_by_columns, ByColumns, PackedRows};
use crate::sparse::tiles::{Tiles, TILE_SIDE};

/// Writes `bias + sum_i x[n, i] matrix[i]` to row `n` of `out`, the terms added in the order of the columns
/// `i`.
pub struct TimesDense<'a, T> {
    /// The sparse rows `x`, in blocks.
    pub blocks: &'a [Tiles<T>],
    /// What every sum begins with; zeros if there is none.
    pub bias: Option<&'a [T]>,
    /// One row for each sparse column.
    pub matrix: MatrixRef<'a, T>,
    /// Whether the matrix is finite.
    pub is_finite: &'a IsFinite,
    /// The result, row after row.
    pub out: &'a mut [T],
}

/// Whether the numbers of a matrix are finite: the first product that has to look remembers it for those
/// with other rows.
#[derive(Debug, Default)]
pub struct IsFinite(OnceLock<bool>);

impl IsFinite {
    /// Whether those of `matrix` are.
    pub fn of<T: Scalar>(&self, matrix: MatrixRef<'_, T>) -> bool {
        *self.0.get_or_init(|| all_finite(matrix.data()))
    }
}

impl<T: Scalar> Kernel for TimesDense<'_, T> {
    /// Whether all rows of the matrix are finite, also those that are in no sum.
    type Output = bool;

    #[inline(always)]
    fn run<L: Level>(self) -> bool {
        let (blocks, rows) = (self.blocks.iter(), self.matrix.rows());
        let uses: usize = blocks.map(|block| block.count_in(0..block.tiles())).sum();
        if uses < MIN_USES_TO_PACK * rows * self.blocks.len() {
            self.compute_unpacked::<L>()
        } else {
            let cols = self.matrix.cols();
            let mut packed = FromPackedRows {
                product: self,
                are_finite: true,
            };
            compute_by_columns::<T, L>(&mut packed, cols);
            packed.are_finite
        }
    }
}

impl<T: Scalar> TimesDense<'_, T> {
    /// Tile after tile, from the rows of the matrix itself.
    #[inline(always)]
    fn compute_unpacked<L: Level>(self) -> bool {
        let cols = self.matrix.cols();
        for out in self.out.chunks_exact_mut(cols) {
            match self.bias {
                Some(bias) => out.copy_from_slice(bias),
                None => out.fill(T::zero()),
            }
        }
        for b in 0..self.matrix.rows().div_ceil(TILE_SIDE) {
            let mut outs = self.out.chunks_exact_mut(cols);
            for block in self.blocks {
                let mut weights = block.values(b).iter();
                for (&mask, out) in block.masks(b).iter().zip(&mut outs) {
                    for (column, &weight) in Bits(mask).zip(&mut weights) {
                        let row = self.matrix.row(b * TILE_SIDE + column);
                        for (sum, &x) in out.iter_mut().zip(row) {
                            *sum = L::mul_add(weight, x, *sum);
                        }
                    }
                }
            }
        }
        self.is_finite.of(self.matrix)
    }
}

/// The product by way of [`PackedRows`].
struct FromPackedRows<'a, T> {
    product: TimesDense<'a, T>,
    /// Whether the rows that have been copied are finite.
    are_finite: bool,
}

impl<T: Scalar> ByColumns<T> for FromPackedRows<'_, T> {
    /// Tile after tile: the rows of a tile are copied once, and then added to the sums of all sparse rows.
    #[inline(always)]
    fn compute<L: Level, G: ColumnGroup, const V: usize>(&mut self, columns: G) {
        let TimesDense {
            blocks,
            bias,
            matrix,
            out,
            ..
        } = &mut self.product;
        let (matrix, cols) = (*matrix, matrix.cols());
        let zero = [T::Vector::<L>::splat(T::zero()); V];
        let bias = bias.map_or(zero, |bias| columns.load::<T, L, V>(bias));
        let mut packed = PackedRows::new::<L, V>();
        for b in 0..matrix.rows().div_ceil(TILE_SIDE) {
            let rows = b * TILE_SIDE..matrix.rows().min((b + 1) * TILE_SIDE);
            self.are_finite &= packed.fill::<L, V>(matrix, rows, columns);
            let rows = packed.view::<L, V>();
            let mut outs = out.chunks_exact_mut(cols);
            for block in *blocks {
                let mut weights = block.values(b).iter();
                for (&mask, out) in block.masks(b).iter().zip(&mut outs) {
                    let mut sums = match b {
                        0 => bias,
                        _ => columns.load::<T, L, V>(out),
                    };
                    for (column, &weight) in Bits(mask).zip(&mut weights) {
                        rows.add_row(column, weight, &mut sums);
                    }
                    columns.store::<T, L, V>(&sums, out);
                }
            }
        }
    }
}
