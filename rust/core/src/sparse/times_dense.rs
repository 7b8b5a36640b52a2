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

/// Where the inputs of a layer are cut: a whole number of blocks, about half of all.
///
/// Products are sums of two, so that two threads that each have the rows of half of the inputs come to
/// the same numbers.
#[must_use]
pub fn half_of(inputs: usize) -> usize {
    let blocks = (inputs / 2 + TILE_SIDE / 2) / TILE_SIDE;
    inputs.min(blocks.max(1) * TILE_SIDE)
}

/// Rows of `out` (one for each of all `parts`) become `bias + sum_i row[i] matrix[i]`: the bias and what comes
/// before `half`, and then the rest.
pub struct TimesDense<'a, T> {
    /// The weights of the rows that each sum takes.
    pub blocks: &'a [Tiles<T>],
    /// The tile that the first row belongs to.
    pub first_tile: usize,
    /// Where the second sum begins: a whole number of blocks, or behind the last row.
    pub half: usize,
    /// What every sum is added to, if anything.
    pub bias: Option<&'a [T]>,
    /// The rows.
    pub matrix: MatrixRef<'a, T>,
    /// Where the sums go, row after row.
    pub out: &'a mut [T],
}

impl<T: Scalar> Kernel for TimesDense<'_, T> {
    /// Whether all rows are finite, also those that are in no sum.
    type Output = bool;

    #[inline(always)]
    fn run<L: Level>(self) -> bool {
        let (lanes, matrix) = (T::Vector::<L>::LANES, self.matrix);
        let tiles = self.first_tile..self.first_tile + matrix.rows().div_ceil(TILE_SIDE);
        let counts = self.blocks.iter().map(|part| part.count_in(tiles.clone()));
        let count: usize = counts.sum();
        let is_worth_it = count >= MIN_USES_TO_PACK * matrix.rows() * self.blocks.len();
        let mut second = vec![
            T::zero();
            if self.half < matrix.rows() {
                self.out.len()
            } else {
                0
            }
        ];
        let mut sums = Sums {
            blocks: self.blocks,
            first_tile: self.first_tile,
            tiles: self.half.div_ceil(TILE_SIDE),
            bias: self.bias,
            matrix,
            both: [&mut *self.out, &mut second],
            are_finite: true,
        };
        if matrix.cols() >= lanes && is_worth_it {
            by_groups::<T, L>(&mut sums, matrix.cols());
        } else {
            sums.sum_standing::<L>();
        }
        let are_finite = sums.are_finite;
        for (sum, &second) in self.out.iter_mut().zip(&second) {
            *sum += second;
        }
        are_finite
    }
}

struct Sums<'a, T> {
    blocks: &'a [Tiles<T>],
    first_tile: usize,
    /// How many tiles are of the first sum.
    tiles: usize,
    bias: Option<&'a [T]>,
    matrix: MatrixRef<'a, T>,
    /// The first and the second sums.
    both: [&'a mut [T]; 2],
    are_finite: bool,
}

impl<T: Scalar> Sums<'_, T> {
    /// Tile by tile, from where the rows stand.
    #[inline(always)]
    fn sum_standing<L: Level>(&mut self) {
        let cols = self.matrix.cols();
        for out in self.both[0].chunks_exact_mut(cols) {
            match self.bias {
                Some(bias) => out.copy_from_slice(bias),
                None => out.fill(T::zero()),
            }
        }
        for b in 0..self.matrix.rows().div_ceil(TILE_SIDE) {
            let mut outs = self.both[usize::from(b >= self.tiles)].chunks_exact_mut(cols);
            for part in self.blocks {
                let tile = self.first_tile + b;
                let mut weights = part.values(tile).iter();
                for (&mask, out) in part.masks(tile).iter().zip(&mut outs) {
                    for (place, &weight) in Bits(mask).zip(&mut weights) {
                        let row = self.matrix.row(b * TILE_SIDE + place);
                        for (sum, &x) in out.iter_mut().zip(row) {
                            *sum = L::mul_add(weight, x, *sum);
                        }
                    }
                }
            }
        }
        self.are_finite = all_finite(self.matrix.data());
    }
}

impl<T: Scalar> ByGroups<T> for Sums<'_, T> {
    /// Tile after tile, each for all sums, from rows that are copied first.
    #[inline(always)]
    fn sum<L: Level, const V: usize>(&mut self, columns: Columns) {
        let (matrix, cols) = (self.matrix, self.matrix.cols());
        let zero = [T::Vector::<L>::splat(T::zero()); V];
        let bias = self.bias.map_or(zero, |bias| columns.load::<T, L, V>(bias));
        let mut packed = Packed::new::<L, V>();
        for b in 0..matrix.rows().div_ceil(TILE_SIDE) {
            let rows = b * TILE_SIDE..matrix.rows().min((b + 1) * TILE_SIDE);
            self.are_finite &= packed.fill::<L, V>(matrix, rows, columns);
            let rows = packed.rows::<L, V>();
            let start = match b {
                0 => Some(bias),
                _ if b == self.tiles => Some(zero),
                _ => None,
            };
            let mut outs = self.both[usize::from(b >= self.tiles)].chunks_exact_mut(cols);
            for part in self.blocks {
                let tile = self.first_tile + b;
                let mut weights = part.values(tile).iter();
                for (&mask, out) in part.masks(tile).iter().zip(&mut outs) {
                    let mut sums = match start {
                        Some(start) => start,
                        None => columns.load::<T, L, V>(out),
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
