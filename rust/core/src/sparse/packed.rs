//! Sums of rows of a matrix, some columns at a time: the rows are first copied to where they are summed from.
//!
//! The sums of up to [`MAX_VECTORS`] vectors of columns stay in registers while rows are added to them. The
//! rows are copied into an aligned block that stays in the first-level cache; in the matrix, most vectors
//! would lie across two cache lines, and in a cache further away. What the copies are worth is stated with
//! [`MIN_USES_TO_PACK`](crate::parallel::tuning::MIN_USES_TO_PACK).
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ops::Range;

use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;
use crate::numeric::vector::{aligned_zeros, ColumnGroup, Columns, ShortRow, Vector};
use crate::sparse::tiles::TILE_SIDE;

/// At most so many vectors of columns are summed at once: with a factor and a row they fill 16 registers.
const MAX_VECTORS: usize = 13;

/// A product whose result is computed some columns at a time.
pub trait ByColumns<T: Scalar> {
    /// Computes some columns of the result, which `V` vectors hold.
    fn compute<L: Level, G: ColumnGroup, const V: usize>(&mut self, columns: G);
}

/// Computes all `cols` columns of a product, as many at once as there are registers for. Each number of
/// vectors at once is code of its own, so only a few are.
///
/// Measured with sparse gradients, one thread, AVX-512: without the case of 10 vectors, those of 160 units
/// in single precision and of 80 in double take 1.25 of their time; without that of 2 as well, those of 20
/// units in single precision take 1.34, of 10 in double 1.42. One case costs about 0.6 s of a build.
#[inline(always)]
pub fn compute_by_columns<T: Scalar, L: Level>(product: &mut impl ByColumns<T>, cols: usize) {
    let lanes = T::Vector::<L>::LANES;
    if cols < lanes {
        product.compute::<L, _, 1>(ShortRow);
        return;
    }
    let mut first = 0;
    while first < cols {
        let count = match (cols - first).div_ceil(lanes) {
            MAX_VECTORS.. => MAX_VECTORS,
            10.. => 10,
            7.. => 7,
            4.. => 4,
            2.. => 2,
            _ => 1,
        };
        let columns = Columns {
            first,
            end: (first + (count - 1) * lanes).min(cols - lanes),
        };
        match count {
            MAX_VECTORS => product.compute::<L, _, MAX_VECTORS>(columns),
            10 => product.compute::<L, _, 10>(columns),
            7 => product.compute::<L, _, 7>(columns),
            4 => product.compute::<L, _, 4>(columns),
            2 => product.compute::<L, _, 2>(columns),
            _ => product.compute::<L, _, 1>(columns),
        }
        first += count * lanes;
    }
}

/// Some columns of at most [`TILE_SIDE`] rows of a matrix, copied: `V` aligned vectors a row.
#[derive(Debug)]
pub struct PackedRows<T> {
    buffer: Vec<T>,
    start: usize,
}

impl<T: Scalar> PackedRows<T> {
    /// A buffer for [`TILE_SIDE`] rows of `V` vectors.
    #[inline(always)]
    #[must_use]
    pub fn new<L: Level, const V: usize>() -> Self {
        let (buffer, range) = aligned_zeros(TILE_SIDE * V * T::Vector::<L>::LANES);
        Self {
            buffer,
            start: range.start,
        }
    }

    /// Copies `columns` of `rows` of a matrix, of [`TILE_SIDE`] at most. Returns whether all their numbers
    /// are finite.
    #[inline(always)]
    pub fn fill<L: Level, const V: usize>(
        &mut self,
        matrix: MatrixRef<'_, T>,
        rows: Range<usize>,
        columns: impl ColumnGroup,
    ) -> bool {
        let lanes = T::Vector::<L>::LANES;
        let zero = T::Vector::<L>::splat(T::zero());
        // Each number times zero: the sum is not zero, but NaN, where one is infinite or NaN.
        let mut zeros = [zero; V];
        let packed = self.buffer[self.start..].chunks_exact_mut(V * lanes);
        for (to, row) in packed.zip(rows) {
            let vectors = columns.load::<T, L, V>(matrix.row(row));
            for v in 0..V {
                zeros[v] = vectors[v].mul_add(zero, zeros[v]);
            }
            Columns::whole::<T, L, V>().store::<T, L, V>(&vectors, to);
        }
        let mut mask = 0;
        for zeros in zeros {
            mask |= zeros.nonzero();
        }
        mask == 0
    }

    /// The rows, of a length that the compiler knows.
    #[inline(always)]
    #[must_use]
    pub fn view<L: Level, const V: usize>(&self) -> PackedRowsRef<'_, T, L, V> {
        let len = TILE_SIDE * V * T::Vector::<L>::LANES;
        PackedRowsRef {
            rows: &self.buffer[self.start..self.start + len],
            level: PhantomData,
        }
    }
}

/// [`TILE_SIDE`] rows of `V` vectors.
#[derive(Debug, Clone, Copy)]
pub struct PackedRowsRef<'a, T, L, const V: usize> {
    rows: &'a [T],
    level: PhantomData<L>,
}

impl<T: Scalar, L: Level, const V: usize> PackedRowsRef<'_, T, L, V> {
    /// Adds `weight` times row `i`, which is below [`TILE_SIDE`], to `sums`.
    #[inline(always)]
    pub fn add_row(self, i: usize, weight: T, sums: &mut [T::Vector<L>; V]) {
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
