//! The product of the transpose of a sparse matrix with a dense one: rows spread over sums.
//!
//! The sums of some columns stay in the first-level cache while all rows of the dense matrix are added
//! to them. Each row is read once into registers and added to the sums of all columns in which the
//! sparse row is not zero. Finding the columns of the sparse matrix first, so that each sum could stay
//! in registers instead, takes longer than it saves.
#![allow(unsafe_code)]

use std::ops::Range;

use crate::lines::{Lines, BLOCK};
use crate::matrix::MatrixRef;
use crate::rows::{MOST_BYTES, MOST_VECTORS};
use crate::scalar::Scalar;
use crate::simd::{Kernel, Level};
use crate::vector::{aligned, Columns, Vector};

/// Columns that are worth a piece of work.
pub const PART: usize = 2 * BLOCK;

/// Writes `sum_n x[n, i]^(2 power + 1) matrix[n]` to line `i - columns.start` of `out`, for `i` in
/// `columns`.
///
/// Powers are taken in the type of the sparse rows `x`, sums in that of the matrix, which may be the
/// narrower one.
pub struct SpreadRows<'a, T, S> {
    /// The sparse rows, in pieces.
    pub lines: &'a [Lines<S>],
    /// The columns wanted, whole blocks of them or all to the last.
    pub columns: Range<usize>,
    /// Which odd power of an element counts.
    pub power: usize,
    /// A row for each sparse row.
    pub matrix: MatrixRef<'a, T>,
    /// Where the sums go, line after line.
    pub out: &'a mut [T],
}

impl<T: Scalar, S: Scalar> Kernel for SpreadRows<'_, T, S> {
    type Output = ();

    #[inline(always)]
    fn run<R: Level>(mut self) {
        let (lanes, cols) = (T::Vector::<R>::LANES, self.matrix.cols());
        if cols < lanes {
            self.spread_short::<R>();
            return;
        }
        let mut first = 0;
        while first < cols {
            let vectors = (cols - first).div_ceil(lanes);
            first += lanes * self.spread_group::<R>(vectors, first);
        }
    }
}

impl<T: Scalar, S: Scalar> SpreadRows<'_, T, S> {
    /// Rows shorter than a vector.
    #[inline(always)]
    fn spread_short<R: Level>(&mut self) {
        let cols = self.matrix.cols();
        self.out.fill(T::zero());
        let blocks = self.columns.start / BLOCK..self.columns.end.div_ceil(BLOCK);
        let mut n = 0;
        for part in self.lines {
            for i in 0..part.len() {
                let line = part.line(i, blocks.clone());
                for (&place, &value) in line.places.iter().zip(line.values) {
                    let at = (place as usize - self.columns.start) * cols;
                    let weight = odd_power(value, self.power);
                    let sums = &mut self.out[at..at + cols];
                    for (sum, &x) in sums.iter_mut().zip(self.matrix.row(n)) {
                        *sum = R::mul_add(weight, x, *sum);
                    }
                }
                n += 1;
            }
        }
    }

    /// At most `vectors` vectors of each row, from column `first` on; how many.
    #[inline(always)]
    fn spread_group<R: Level>(&mut self, vectors: usize, first: usize) -> usize {
        match vectors {
            MOST_VECTORS.. => self.spread::<R, MOST_VECTORS>(first),
            10.. => self.spread::<R, 10>(first),
            7.. => self.spread::<R, 7>(first),
            4.. => self.spread::<R, 4>(first),
            2.. => self.spread::<R, 2>(first),
            _ => self.spread::<R, 1>(first),
        }
    }

    #[inline(always)]
    fn spread<R: Level, const V: usize>(&mut self, first: usize) -> usize {
        let (matrix, lanes) = (self.matrix, T::Vector::<R>::LANES);
        let columns = Columns {
            first,
            end: (first + (V - 1) * lanes).min(matrix.cols() - lanes),
        };
        let tile = MOST_BYTES / (BLOCK * V * lanes * std::mem::size_of::<T>());
        let tile = tile.clamp(1, PART / BLOCK);
        let (mut room, sums) = aligned::<T>(tile * BLOCK * V * lanes);
        let sums = &mut room[sums];
        let blocks = self.columns.start / BLOCK..self.columns.end.div_ceil(BLOCK);
        for b in blocks.clone().step_by(tile) {
            sums.fill(T::zero());
            let own = b..(b + tile).min(blocks.end);
            let mut n = 0;
            for part in self.lines {
                for i in 0..part.len() {
                    let line = part.line(i, own.clone());
                    n += 1;
                    if line.places.is_empty() {
                        continue;
                    }
                    let row = columns.load::<T, R, V>(matrix.row(n - 1));
                    for (&place, &value) in line.places.iter().zip(line.values) {
                        let weight = T::Vector::<R>::splat(odd_power(value, self.power));
                        let at = (place as usize - b * BLOCK) * V * lanes;
                        debug_assert!(at < sums.len(), "the place is of another block");
                        for v in 0..V {
                            // SAFETY: places of these blocks, as their pattern promises, are below
                            // `b + tile` times BLOCK, and there are sums for all from b times BLOCK on.
                            unsafe {
                                let sum = sums.as_mut_ptr().add(at + v * lanes);
                                row[v].mul_add(weight, T::Vector::<R>::load(sum)).store(sum);
                            }
                        }
                    }
                }
            }
            let start = (b * BLOCK - self.columns.start) * matrix.cols();
            let lines = self.out[start..].chunks_exact_mut(matrix.cols());
            for (out, sums) in lines.zip(sums.chunks_exact(V * lanes)) {
                let sums = Columns::whole::<T, R, V>().load::<T, R, V>(sums);
                columns.store::<T, R, V>(&sums, out);
            }
        }
        V
    }
}

/// `value^(2 power + 1)`, rounded to `T`.
#[inline(always)]
pub fn odd_power<S: Scalar, T: Scalar>(value: S, power: usize) -> T {
    let mut raised = value;
    for _ in 0..power {
        raised *= value * value;
    }
    T::from_f64(raised.widen())
}
