//! The product of the transpose of a sparse matrix with a dense one: rows weighted by a column.
//!
//! The sparse matrix is kept in tiles, of rows. Where the elements of a column stand is found by transposing
//! the bits that say where those of 64 rows do; as each row's elements are met in their order, one number
//! a row says where the next one is. So each sum stays in registers until its column ends.

use std::ops::Range;

use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{Kernel, Level};
use crate::numeric::vecmath::odd_chebyshev;
use crate::numeric::vector::{Columns, Vector};
use crate::sparse::bitset::{transpose, Bits};
use crate::sparse::packed::{by_groups, ByGroups, Packed};
use crate::sparse::tiles::{tiles_of, Tiles, TILE_SIDE};

/// Writes `sum_n weigh(x[n, i]) matrix[n]` to row `i - columns.start` of `out`, for `i` in `columns`.
pub struct TransposedTimesDense<'a, T, C> {
    /// The sparse rows `x`, in pieces of [`TILE_SIDE`] at most.
    pub blocks: &'a [Tiles<T>],
    /// The columns wanted, whole blocks of them or all to the last.
    pub columns: Range<usize>,
    /// What is done to elements first.
    pub map: ElementMap<T>,
    /// A row for each sparse row.
    pub matrix: MatrixRef<'a, C>,
    /// Where the sums go, row after row.
    pub out: &'a mut [C],
}

/// What is done to the elements of an input before they are multiplied.
#[derive(Debug, Clone, Copy)]
pub enum ElementMap<T> {
    /// Nothing.
    Plain,
    /// Chebyshev's polynomial of order `2p + 1` of the element times a number.
    OddChebyshev(usize, T),
}

impl<T: Scalar> ElementMap<T> {
    /// What becomes of `x`, rounded to `C`.
    #[inline(always)]
    #[must_use]
    pub fn of<C: Scalar>(self, x: T) -> C {
        let weight = match self {
            Self::Plain => x,
            // Most often.
            Self::OddChebyshev(1, scale) => odd_chebyshev(x * scale, 1),
            Self::OddChebyshev(p, scale) => odd_chebyshev(x * scale, p),
        };
        C::from_f64(weight.widen())
    }
}

impl<T: Scalar, C: Scalar> Kernel for TransposedTimesDense<'_, T, C> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(mut self) {
        let cols = self.matrix.cols();
        if cols < C::Vector::<L>::LANES {
            self.sum_short::<L>();
        } else {
            by_groups::<C, L>(&mut self, cols);
        }
    }
}

impl<T: Scalar, C: Scalar> TransposedTimesDense<'_, T, C> {
    fn blocks(&self) -> Range<usize> {
        tiles_of(&self.columns)
    }

    /// Rows shorter than a vector.
    #[inline(always)]
    fn sum_short<L: Level>(&mut self) {
        let cols = self.matrix.cols();
        self.out.fill(C::zero());
        let mut first = 0;
        for part in self.blocks {
            for b in self.blocks() {
                let out = &mut self.out[(b * TILE_SIDE - self.columns.start) * cols..];
                let mut values = part.values(b).iter();
                for (i, &mask) in part.masks(b).iter().enumerate() {
                    let row = self.matrix.row(first + i);
                    for (place, &x) in Bits(mask).zip(&mut values) {
                        let weight = self.map.of(x);
                        for (sum, &c) in out[place * cols..].iter_mut().zip(row) {
                            *sum = L::mul_add(weight, c, *sum);
                        }
                    }
                }
            }
            first += part.rows();
        }
    }
}

/// Where the elements of a tile stand, column by column.
struct Crossing {
    /// For each column, in which rows: bit `i` for row `i`.
    masks: [u64; TILE_SIDE],
    /// For each row, where its next element is among those of the tile.
    next: [u32; TILE_SIDE],
}

impl Crossing {
    #[inline(always)]
    fn of<T: Scalar>(part: &Tiles<T>, b: usize) -> Self {
        let (mut masks, mut next) = ([0; TILE_SIDE], [0; TILE_SIDE]);
        masks[..part.rows()].copy_from_slice(part.masks(b));
        next[..part.rows()].copy_from_slice(part.starts(b));
        transpose(&mut masks);
        Self { masks, next }
    }
}

impl<T: Scalar, C: Scalar> ByGroups<C> for TransposedTimesDense<'_, T, C> {
    /// Piece after piece of the sparse rows, each for all columns.
    #[inline(always)]
    fn sum<L: Level, const V: usize>(&mut self, columns: Columns) {
        let cols = self.matrix.cols();
        let mut packed = Packed::new::<L, V>();
        let mut first = 0;
        for part in self.blocks {
            packed.fill::<L, V>(self.matrix, first..first + part.rows(), columns);
            let rows = packed.rows::<L, V>();
            for b in self.blocks() {
                let (mut crossing, values) = (Crossing::of(part, b), part.values(b));
                let out = &mut self.out[(b * TILE_SIDE - self.columns.start) * cols..];
                for (&mask, out) in crossing.masks.iter().zip(out.chunks_exact_mut(cols)) {
                    let mut sums = match first {
                        0 => [C::Vector::<L>::splat(C::zero()); V],
                        _ if mask == 0 => continue,
                        _ => columns.load::<C, L, V>(out),
                    };
                    for n in Bits(mask) {
                        let x = values[crossing.next[n] as usize];
                        crossing.next[n] += 1;
                        rows.add(n, self.map.of(x), &mut sums);
                    }
                    columns.store::<C, L, V>(&sums, out);
                }
            }
            first += part.rows();
        }
    }
}
