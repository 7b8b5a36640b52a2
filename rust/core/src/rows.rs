//! Weighted sums of rows of a matrix: the product of a sparse matrix with a dense one.
//!
//! A row that is used by many lines is copied first, together with its neighbours, into a block that
//! stays in the first-level cache, its vectors aligned: from where it stands, most of its vectors
//! would lie across two cache lines, and in a cache further away.
#![allow(unsafe_code)]

use crate::extent::is_finite;
use crate::lines::{Pattern, BLOCK};
use crate::matrix::MatrixRef;
use crate::scalar::Scalar;
use crate::simd::{Kernel, Level};
use crate::vector::{aligned, Columns, Vector};

/// The most vectors of a row that are summed at once: with a factor they fill 16 registers.
pub const MOST_VECTORS: usize = 13;

/// The most bytes of rows that are worked with at once: of a first-level cache of 32 KiB, the rest is
/// for the lines and their sums.
pub const MOST_BYTES: usize = 28 << 10;

/// How often, on average, a row must be used for its copy to pay.
const WORTH_PACKING: usize = 3;

/// Lines of `out` (one for each of `lines`) become `bias + sum_n weights[n] matrix[place n]`.
pub struct SumRows<'a, T> {
    /// The places of the rows that each line sums.
    pub lines: &'a Pattern,
    /// A weight for each place.
    pub weights: &'a [T],
    /// What every sum is added to, if anything.
    pub bias: Option<&'a [T]>,
    /// The rows.
    pub matrix: MatrixRef<'a, T>,
    /// Where the sums go, line after line.
    pub out: &'a mut [T],
}

impl<T: Scalar> Kernel for SumRows<'_, T> {
    /// Whether all rows are finite, also those that no line sums.
    type Output = bool;

    #[inline(always)]
    fn run<R: Level>(mut self) -> bool {
        let (lanes, cols) = (T::Vector::<R>::LANES, self.matrix.cols());
        if cols < lanes || self.lines.places().len() < WORTH_PACKING * self.matrix.rows() {
            self.sum_standing::<R>();
            return is_finite(self.matrix.data());
        }
        let mut are_finite = true;
        let mut first = 0;
        while first < cols {
            let last = cols - lanes;
            let (summed, finite) = self.sum_group::<R>((cols - first).div_ceil(lanes), first, last);
            are_finite &= finite;
            first += summed * lanes;
        }
        are_finite
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
            let range = self.lines.range(i, 0..self.lines.blocks());
            let places = &self.lines.places()[range.clone()];
            for (&place, &weight) in places.iter().zip(&self.weights[range]) {
                for (sum, &x) in out.iter_mut().zip(self.matrix.row(place as usize)) {
                    *sum = R::mul_add(weight, x, *sum);
                }
            }
        }
    }

    /// At most `count` vectors of each row, from column `first` on; how many, and whether they are
    /// finite. Each number that is done at once takes code of its own, so only a few are.
    #[inline(always)]
    fn sum_group<R: Level>(&mut self, count: usize, first: usize, last: usize) -> (usize, bool) {
        match count {
            MOST_VECTORS.. => (
                MOST_VECTORS,
                self.sum_packed::<R, MOST_VECTORS>(first, last),
            ),
            10.. => (10, self.sum_packed::<R, 10>(first, last)),
            7.. => (7, self.sum_packed::<R, 7>(first, last)),
            4.. => (4, self.sum_packed::<R, 4>(first, last)),
            2.. => (2, self.sum_packed::<R, 2>(first, last)),
            _ => (1, self.sum_packed::<R, 1>(first, last)),
        }
    }

    /// Block after block of rows, each for all lines.
    #[inline(always)]
    fn sum_packed<R: Level, const V: usize>(&mut self, first: usize, last: usize) -> bool {
        let (matrix, lines) = (self.matrix, self.lines);
        let lanes = T::Vector::<R>::LANES;
        let zero = T::Vector::<R>::splat(T::zero());
        let columns = Columns {
            first,
            end: last.min(first + (V - 1) * lanes),
        };
        let blocks = MOST_BYTES / (BLOCK * V * lanes * std::mem::size_of::<T>());
        let blocks = blocks.clamp(1, lines.blocks());
        let (mut buffer, packed) = aligned(blocks * BLOCK * V * lanes);
        let packed = &mut buffer[packed];
        let mut zeros = [zero; V];
        for b in (0..lines.blocks()).step_by(blocks) {
            let rows = b * BLOCK..matrix.rows().min((b + blocks) * BLOCK);
            for (to, row) in packed.chunks_exact_mut(V * lanes).zip(rows) {
                let vectors = columns.load::<T, R, V>(matrix.row(row));
                for v in 0..V {
                    zeros[v] = vectors[v].mul_add(zero, zeros[v]);
                }
                Columns::whole::<T, R, V>().store::<T, R, V>(&vectors, to);
            }
            for (i, out) in self.out.chunks_exact_mut(matrix.cols()).enumerate() {
                let range = lines.range(i, b..(b + blocks).min(lines.blocks()));
                if b > 0 && range.is_empty() {
                    continue;
                }
                let mut sums = match self.bias {
                    _ if b > 0 => columns.load::<T, R, V>(out),
                    Some(bias) => columns.load::<T, R, V>(bias),
                    None => [zero; V],
                };
                let places = &lines.places()[range.clone()];
                for (&place, &weight) in places.iter().zip(&self.weights[range]) {
                    let weight = T::Vector::<R>::splat(weight);
                    let at = (place as usize - b * BLOCK) * V * lanes;
                    debug_assert!(at < packed.len(), "the place is of another block");
                    for v in 0..V {
                        // SAFETY: places of these blocks, as [`Pattern`] promises, are below
                        // `b + blocks` times BLOCK, and `packed` holds all rows from b times BLOCK on.
                        let row =
                            unsafe { T::Vector::<R>::load(packed.as_ptr().add(at + v * lanes)) };
                        sums[v] = row.mul_add(weight, sums[v]);
                    }
                }
                columns.store::<T, R, V>(&sums, out);
            }
        }
        let mut all = vec![T::zero(); V * lanes];
        Columns::whole::<T, R, V>().store::<T, R, V>(&zeros, &mut all);
        all.iter().all(|&x| x == T::zero())
    }
}
