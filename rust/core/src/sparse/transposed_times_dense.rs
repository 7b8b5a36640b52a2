//! The product of the transpose of a sparse matrix with a dense one: each row of the result is a sum of
//! rows of the dense matrix, weighted by the non-zero elements of a sparse column.
//!
//! The sparse matrix is stored by rows. The rows in which a column has elements are found by transposing
//! the bits of a tile. The elements of a row are met in their order, column after column, so one index for
//! each row says which comes next. So each sum stays in registers until its column ends.

use std::ops::Range;

use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{Kernel, Level};
use crate::numeric::vecmath::odd_chebyshev;
use crate::numeric::vector::{ColumnGroup, Vector};
use crate::sparse::bitset::{transpose, Bits};
use crate::sparse::packed::{compute_by_columns, ByColumns, PackedRows};
use crate::sparse::tiles::{tiles_of, Tiles, TILE_SIDE};

/// Writes `sum_n map(x[n, i]) matrix[n]` to row `i - columns.start` of `out`, for each `i` in `columns`,
/// the terms added in the order of the rows `n`.
pub struct TransposedTimesDense<'a, T> {
    /// The sparse rows `x`, in blocks of at most [`TILE_SIDE`].
    pub blocks: &'a [Tiles<T>],
    /// The columns wanted: whole tiles of them, or all to the last one.
    pub columns: Range<usize>,
    /// The function of each element that is multiplied.
    pub map: ElementMap<T>,
    /// One row for each sparse row.
    pub matrix: MatrixRef<'a, T>,
    /// The result, row after row.
    pub out: &'a mut [T],
}

/// A function of each element of the sparse matrix.
#[derive(Debug, Clone, Copy)]
pub enum ElementMap<T> {
    /// The element itself.
    Plain,
    /// The Chebyshev polynomial of degree `2p + 1` of the element times a number.
    OddChebyshev(usize, T),
}

impl<T: Scalar> ElementMap<T> {
    /// The function of `x`.
    #[inline(always)]
    #[must_use]
    pub fn of(self, x: T) -> T {
        match self {
            Self::Plain => x,
            // A case of its own, as it is the most frequent: the recurrence has one step.
            Self::OddChebyshev(1, scale) => odd_chebyshev(x * scale, 1),
            Self::OddChebyshev(p, scale) => odd_chebyshev(x * scale, p),
        }
    }
}

impl<T: Scalar> Kernel for TransposedTimesDense<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(mut self) {
        let cols = self.matrix.cols();
        compute_by_columns::<T, L>(&mut self, cols);
    }
}

/// A tile, column by column.
struct TransposedTile {
    /// For each column, the rows of its elements: bit `n` for row `n`.
    masks: [u64; TILE_SIDE],
    /// For each row, the index of its next element among the values of the tile.
    next: [u32; TILE_SIDE],
}

impl TransposedTile {
    #[inline(always)]
    fn of<T: Scalar>(block: &Tiles<T>, b: usize) -> Self {
        let (mut masks, mut next) = ([0; TILE_SIDE], [0; TILE_SIDE]);
        masks[..block.rows()].copy_from_slice(block.masks(b));
        next[..block.rows()].copy_from_slice(block.starts(b));
        transpose(&mut masks);
        Self { masks, next }
    }
}

impl<T: Scalar> ByColumns<T> for TransposedTimesDense<'_, T> {
    /// Block after block of the sparse rows: the rows of the matrix that belong to a block are copied once,
    /// and then added to the sums of all sparse columns.
    #[inline(always)]
    fn compute<L: Level, G: ColumnGroup, const V: usize>(&mut self, columns: G) {
        let cols = self.matrix.cols();
        let mut packed = PackedRows::new::<L, V>();
        let mut first = 0;
        for block in self.blocks {
            packed.fill::<L, V>(self.matrix, first..first + block.rows(), columns);
            let rows = packed.view::<L, V>();
            for b in tiles_of(&self.columns) {
                let (mut tile, values) = (TransposedTile::of(block, b), block.values(b));
                let out = &mut self.out[(b * TILE_SIDE - self.columns.start) * cols..];
                for (&mask, out) in tile.masks.iter().zip(out.chunks_exact_mut(cols)) {
                    let mut sums = match first {
                        0 => [T::Vector::<L>::splat(T::zero()); V],
                        _ if mask == 0 => continue,
                        _ => columns.load::<T, L, V>(out),
                    };
                    for n in Bits(mask) {
                        let x = values[tile.next[n] as usize];
                        tile.next[n] += 1;
                        rows.add_row(n, self.map.of(x), &mut sums);
                    }
                    columns.store::<T, L, V>(&sums, out);
                }
            }
            first += block.rows();
        }
    }
}
