//! The product of the transpose of a sparse matrix with a dense one: rows weighted by a column.
//!
//! The sparse matrix is kept by rows. Where the elements of a column stand is found by transposing the
//! bits that say where those of 64 rows do; as each row's elements are met in their order, one number a
//! row says where the next one is. So each sum stays in registers until its column ends.

use std::ops::Range;

use crate::bits::{transpose, Bits};
use crate::lines::{blocks_of, Lines, BLOCK};
use crate::matrix::MatrixRef;
use crate::packed::{by_groups, ByGroups, Packed};
use crate::polynomial::odd_chebyshev;
use crate::scalar::Scalar;
use crate::simd::{prefetch, Cache, Kernel, Level};
use crate::vector::{Columns, Vector};

/// Writes `sum_n weigh(x[n, i]) matrix[n]` to row `i - columns.start` of `out`, for `i` in `columns`.
pub struct SumColumns<'a, T, C> {
    /// The sparse rows `x`, in pieces of [`BLOCK`] at most.
    pub lines: &'a [Lines<T>],
    /// The columns wanted, whole blocks of them or all to the last.
    pub columns: Range<usize>,
    /// What is done to elements first.
    pub weighing: Weighing<T>,
    /// A row for each sparse row.
    pub matrix: MatrixRef<'a, C>,
    /// Where the sums go, row after row.
    pub out: &'a mut [C],
}

/// What is done to the elements of an input before they are multiplied.
#[derive(Debug, Clone, Copy)]
pub enum Weighing<T> {
    /// Nothing.
    Plain,
    /// Chebyshev's polynomial of order `2p + 1` of the element times a number.
    Odd(usize, T),
}

impl<T: Scalar> Weighing<T> {
    /// What becomes of `x`, rounded to `C`.
    #[inline(always)]
    #[must_use]
    pub fn of<C: Scalar>(self, x: T) -> C {
        let weight = match self {
            Self::Plain => x,
            // Most often.
            Self::Odd(1, scale) => odd_chebyshev(x * scale, 1),
            Self::Odd(p, scale) => odd_chebyshev(x * scale, p),
        };
        C::from_f64(weight.widen())
    }
}

impl<T: Scalar, C: Scalar> Kernel for SumColumns<'_, T, C> {
    type Output = ();

    #[inline(always)]
    fn run<R: Level>(mut self) {
        let cols = self.matrix.cols();
        if cols < C::Vector::<R>::LANES {
            self.sum_short::<R>();
        } else {
            by_groups::<C, R>(&mut self, cols);
        }
    }
}

impl<T: Scalar, C: Scalar> SumColumns<'_, T, C> {
    fn blocks(&self) -> Range<usize> {
        blocks_of(&self.columns)
    }

    /// Rows shorter than a vector.
    #[inline(always)]
    fn sum_short<R: Level>(&mut self) {
        let cols = self.matrix.cols();
        self.out.fill(C::zero());
        let mut rows = self.matrix.data().chunks_exact(cols);
        for part in self.lines {
            for (i, row) in (0..part.len()).zip(&mut rows) {
                for b in self.blocks() {
                    let first = (b * BLOCK - self.columns.start) * cols;
                    for (place, &x) in Bits(part.mask(i, b)).zip(part.block(i, b)) {
                        let weight = self.weighing.of(x);
                        let sums = self.out[first + place * cols..].iter_mut();
                        for (sum, &c) in sums.zip(row) {
                            *sum = R::mul_add(weight, c, *sum);
                        }
                    }
                }
            }
        }
    }
}

/// Where the elements of a block of columns stand in some lines.
struct Crossing {
    /// For each column, in which lines: bit `i` for line `i`.
    masks: [u64; BLOCK],
    /// For each line, where its next element is among the values.
    next: [usize; BLOCK],
}

impl Crossing {
    #[inline(always)]
    fn of<T: Scalar>(lines: &Lines<T>, b: usize) -> Self {
        let (mut masks, mut next) = ([0; BLOCK], [0; BLOCK]);
        for i in 0..lines.len() {
            masks[i] = lines.mask(i, b);
            next[i] = lines.start(i, b);
            // They are met column by column, a line of the cache for each row.
            prefetch(lines.block(i, b), Cache::First);
        }
        transpose(&mut masks);
        Self { masks, next }
    }
}

impl<T: Scalar, C: Scalar> ByGroups<C> for SumColumns<'_, T, C> {
    /// Piece after piece of the sparse rows, each for all columns.
    #[inline(always)]
    fn sum<R: Level, const V: usize>(&mut self, columns: Columns) {
        let cols = self.matrix.cols();
        let mut packed = Packed::new::<R, V>(1);
        let mut first = 0;
        for part in self.lines {
            packed.fill::<R, V>(self.matrix, first..first + part.len(), columns);
            let rows = packed.block::<R, V>(0);
            for b in self.blocks() {
                let mut crossing = Crossing::of(part, b);
                let out = &mut self.out[(b * BLOCK - self.columns.start) * cols..];
                for (&mask, out) in crossing.masks.iter().zip(out.chunks_exact_mut(cols)) {
                    let mut sums = match first {
                        0 => [C::Vector::<R>::splat(C::zero()); V],
                        _ if mask == 0 => continue,
                        _ => columns.load::<C, R, V>(out),
                    };
                    for n in Bits(mask) {
                        let x = part.values()[crossing.next[n]];
                        crossing.next[n] += 1;
                        rows.add(n, self.weighing.of(x), &mut sums);
                    }
                    columns.store::<C, R, V>(&sums, out);
                }
            }
            first += part.len();
        }
    }
}
