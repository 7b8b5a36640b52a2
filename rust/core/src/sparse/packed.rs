//! Rows of a matrix, copied to where they are summed from.
//!
//! Rows that are used by many sums are copied first into a block that stays in the first-level cache,
//! their vectors aligned: from where they stand, most vectors would lie across two cache lines, and in
//! a cache further away.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ops::Range;

use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;
use crate::numeric::vector::{aligned, Columns, Vector};
use crate::sparse::tiles::TILE_SIDE;

/// The most vectors of a row that are summed at once: with a factor they fill 16 registers.
const MOST_VECTORS: usize = 13;

/// A sum over rows of a matrix of which a group of columns is done at once.
pub trait ByGroups<T: Scalar> {
    /// Computes the sums of `V` vectors of columns.
    fn sum<L: Level, const V: usize>(&mut self, columns: Columns);
}

/// Calls `sums` with all groups of `cols` columns, which are at least a vector. Each number of vectors
/// that is done at once takes code of its own, so only a few are.
///
/// Measured with sparse gradients, one thread, AVX-512: without the case of 10 vectors those of 160 units in single
/// precision and of 80 in double take 1.25 of their time; without that of 2 as well, those of 20 units in single precision
/// take 1.34, of 10 in double 1.42. One case costs about 0.6 s of a build.
#[inline(always)]
pub fn by_groups<T: Scalar, L: Level>(sums: &mut impl ByGroups<T>, cols: usize) {
    let lanes = T::Vector::<L>::LANES;
    let mut first = 0;
    while first < cols {
        let group = |count: usize| Columns {
            first,
            end: (first + (count - 1) * lanes).min(cols - lanes),
        };
        let count = match (cols - first).div_ceil(lanes) {
            MOST_VECTORS.. => MOST_VECTORS,
            10.. => 10,
            7.. => 7,
            4.. => 4,
            2.. => 2,
            _ => 1,
        };
        let columns = group(count);
        match count {
            MOST_VECTORS => sums.sum::<L, MOST_VECTORS>(columns),
            10 => sums.sum::<L, 10>(columns),
            7 => sums.sum::<L, 7>(columns),
            4 => sums.sum::<L, 4>(columns),
            2 => sums.sum::<L, 2>(columns),
            _ => sums.sum::<L, 1>(columns),
        }
        first += count * lanes;
    }
}

/// A block of at most [`TILE_SIDE`] rows, of `V` aligned vectors each.
#[derive(Debug)]
pub struct Packed<T> {
    room: Vec<T>,
    start: usize,
}

impl<T: Scalar> Packed<T> {
    /// Room for a block.
    #[inline(always)]
    #[must_use]
    pub fn new<L: Level, const V: usize>() -> Self {
        let (room, range) = aligned(TILE_SIDE * V * T::Vector::<L>::LANES);
        Self {
            room,
            start: range.start,
        }
    }

    /// Copies `columns` of `rows` of a matrix, as many as there is room for at most; whether they are
    /// finite.
    #[inline(always)]
    pub fn fill<L: Level, const V: usize>(
        &mut self,
        matrix: MatrixRef<'_, T>,
        rows: Range<usize>,
        columns: Columns,
    ) -> bool {
        let lanes = T::Vector::<L>::LANES;
        let zero = T::Vector::<L>::splat(T::zero());
        let mut zeros = [zero; V];
        let packed = self.room[self.start..].chunks_exact_mut(V * lanes);
        for (to, row) in packed.zip(rows) {
            let vectors = columns.load::<T, L, V>(matrix.row(row));
            for v in 0..V {
                zeros[v] = vectors[v].mul_add(zero, zeros[v]);
            }
            Columns::whole::<T, L, V>().store::<T, L, V>(&vectors, to);
        }
        let mut odd = 0;
        for zeros in zeros {
            odd |= zeros.nonzero();
        }
        odd == 0
    }

    /// The rows.
    #[inline(always)]
    #[must_use]
    pub fn rows<L: Level, const V: usize>(&self) -> PackedRows<'_, T, L, V> {
        let len = TILE_SIDE * V * T::Vector::<L>::LANES;
        PackedRows {
            rows: &self.room[self.start..self.start + len],
            level: PhantomData,
        }
    }
}

/// [`TILE_SIDE`] rows of `V` vectors.
#[derive(Debug, Clone, Copy)]
pub struct PackedRows<'a, T, L, const V: usize> {
    rows: &'a [T],
    level: PhantomData<L>,
}

impl<T: Scalar, L: Level, const V: usize> PackedRows<'_, T, L, V> {
    /// Adds `weight` times row `i`, of [`TILE_SIDE`] at most, to `sums`.
    #[inline(always)]
    pub fn add(self, i: usize, weight: T, sums: &mut [T::Vector<L>; V]) {
        let lanes = T::Vector::<L>::LANES;
        let weight = T::Vector::<L>::splat(weight);
        let at = (i % TILE_SIDE) * V * lanes;
        for v in 0..V {
            // SAFETY: there are TILE_SIDE rows of V vectors.
            let row = unsafe { T::Vector::<L>::load(self.rows.as_ptr().add(at + v * lanes)) };
            sums[v] = row.mul_add(weight, sums[v]);
        }
    }
}
