//! The product of the transpose of a sparse matrix with a dense one: rows spread over sums.
//!
//! The sums of some columns stay in the first-level cache while all rows of the dense matrix are added
//! to them. Each row is read once into registers and added to the sums of all columns in which the
//! sparse row is not zero. Finding the columns of the sparse matrix first, so that each sum could stay
//! in registers instead, takes longer than it saves.
#![allow(unsafe_code)]

use std::ops::Range;

use crate::lines::{Lines, Weights, BLOCK};
use crate::matrix::MatrixRef;
use crate::polynomial::MAX_TERMS;
use crate::rows::{MOST_BYTES, MOST_VECTORS};
use crate::scalar::Scalar;
use crate::simd::{Kernel, Level};
use crate::vector::{aligned, Columns, Vector};

/// Columns that are worth a piece of work.
pub const PART: usize = 2 * BLOCK;

/// Writes `sum_n sum_p x[n, i]^(2p + 1) terms[p][n]` to line `i - columns.start` of `out`, for `i` in
/// `columns`.
pub struct SpreadRows<'a, T> {
    /// The sparse rows `x`, in pieces.
    pub lines: &'a [Lines<T>],
    /// The columns wanted, whole blocks of them or all to the last.
    pub columns: Range<usize>,
    /// Matrices of a row for each sparse row, at least one, all of one shape.
    pub terms: &'a [MatrixRef<'a, T>],
    /// Where the sums go, line after line.
    pub out: &'a mut [T],
}

impl<T: Scalar> Kernel for SpreadRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<R: Level>(mut self) {
        let (lanes, cols) = (T::Vector::<R>::LANES, self.terms[0].cols());
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

impl<T: Scalar> SpreadRows<'_, T> {
    fn blocks(&self) -> Range<usize> {
        self.columns.start / BLOCK..self.columns.end.div_ceil(BLOCK)
    }

    /// Rows shorter than a vector.
    #[inline(always)]
    fn spread_short<R: Level>(&mut self) {
        let (cols, blocks) = (self.terms[0].cols(), self.blocks());
        self.out.fill(T::zero());
        let mut n = 0;
        for part in self.lines {
            for i in 0..part.len() {
                let line = part.line(i, blocks.clone());
                for (&place, &x) in line.places.iter().zip(line.values) {
                    let at = (place as usize - self.columns.start) * cols;
                    let mut power = x;
                    for term in self.terms {
                        let sums = &mut self.out[at..at + cols];
                        for (sum, &c) in sums.iter_mut().zip(term.row(n)) {
                            *sum = R::mul_add(power, c, *sum);
                        }
                        power *= x * x;
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

    /// Tile after tile of columns, each with all rows.
    #[inline(always)]
    fn spread<R: Level, const V: usize>(&mut self, first: usize) -> usize {
        let (cols, lanes) = (self.terms[0].cols(), T::Vector::<R>::LANES);
        let columns = Columns {
            first,
            end: (first + (V - 1) * lanes).min(cols - lanes),
        };
        let tile = MOST_BYTES / (BLOCK * V * lanes * std::mem::size_of::<T>());
        let tile = tile.clamp(1, PART / BLOCK);
        let (mut room, sums) = aligned::<T>(tile * BLOCK * V * lanes);
        let sums = &mut room[sums];
        let blocks = self.blocks();
        for b in blocks.clone().step_by(tile) {
            sums.fill(T::zero());
            let own = b..(b + tile).min(blocks.end);
            let mut n = 0;
            for part in self.lines {
                for i in 0..part.len() {
                    let line = part.line(i, own.clone());
                    match self.terms.len() {
                        _ if line.places.is_empty() => {}
                        1 => self.add::<R, V, 1>(n, columns, (b, line), sums),
                        2 => self.add::<R, V, 2>(n, columns, (b, line), sums),
                        _ => self.add::<R, V, MAX_TERMS>(n, columns, (b, line), sums),
                    }
                    n += 1;
                }
            }
            let start = (b * BLOCK - self.columns.start) * cols;
            let lines = self.out[start..].chunks_exact_mut(cols);
            for (out, sums) in lines.zip(sums.chunks_exact(V * lanes)) {
                let sums = Columns::whole::<T, R, V>().load::<T, R, V>(sums);
                columns.store::<T, R, V>(&sums, out);
            }
        }
        V
    }

    /// Adds row `n` of at most `P` terms to the sums of the columns in `line`, which are of blocks from
    /// `b` on.
    #[inline(always)]
    fn add<R: Level, const V: usize, const P: usize>(
        &self,
        n: usize,
        columns: Columns,
        (b, line): (usize, Weights<'_, T>),
        sums: &mut [T],
    ) {
        let lanes = T::Vector::<R>::LANES;
        let linear = columns.load::<T, R, V>(self.terms[0].row(n));
        let mut higher = [linear; P];
        for (row, term) in higher.iter_mut().zip(self.terms).skip(1) {
            *row = columns.load::<T, R, V>(term.row(n));
        }
        let terms = self.terms.len().min(P);
        for (&place, &x) in line.places.iter().zip(line.values) {
            let (weight, square) = (T::Vector::<R>::splat(x), T::Vector::<R>::splat(x * x));
            let at = (place as usize - b * BLOCK) * V * lanes;
            debug_assert!(at < sums.len(), "the place is of another block");
            for v in 0..V {
                // Horner's scheme in the square.
                let mut row = linear[v];
                if P > 1 {
                    row = higher[terms - 1][v];
                    for p in (1..terms - 1).rev() {
                        row = row.mul_add(square, higher[p][v]);
                    }
                    row = row.mul_add(square, linear[v]);
                }
                // SAFETY: places of these blocks, as their pattern promises, are below the end of the
                // tile that begins with block b, and there are sums for all of it.
                unsafe {
                    let sum = sums.as_mut_ptr().add(at + v * lanes);
                    row.mul_add(weight, T::Vector::<R>::load(sum)).store(sum);
                }
            }
        }
    }
}
