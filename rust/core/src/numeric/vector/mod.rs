//! Vector registers, for the loops that the compiler does not turn into good vector code by itself: sums of
//! rows, of which many vectors must stay in registers, and the gathering of non-zero elements.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
pub mod x86;

use std::ops::Range;

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{Baseline, Level};

/// A vector of numbers of type `T`.
///
/// Inside a [`Kernel`](crate::numeric::simd::Kernel) that is compiled for its level, each function is one
/// instruction or a few.
pub trait Vector<T>: Copy {
    /// How many numbers it holds.
    const LANES: usize;

    /// The same number in each lane.
    fn splat(x: T) -> Self;

    /// Loads the numbers from `at` on.
    ///
    /// # Safety
    /// There must be [`LANES`](Self::LANES) numbers at `at`.
    unsafe fn load(at: *const T) -> Self;

    /// Stores the numbers from `at` on.
    ///
    /// # Safety
    /// There must be [`LANES`](Self::LANES) writable numbers at `at`.
    unsafe fn store(self, at: *mut T);

    /// `self * b + c` in each lane.
    #[must_use]
    fn mul_add(self, b: Self, c: Self) -> Self;

    /// Which lanes are not zero: bit `i` for lane `i`. A NaN is not zero.
    #[must_use]
    fn nonzero(self) -> u64;

    /// Moves the lanes whose bits are set in `mask` to the front, in their order. What is behind them is
    /// not to be read.
    #[must_use]
    fn compress(self, mask: u64) -> Self;
}

/// An array, for a level whose registers the compiler chooses.
impl<T: Scalar, const LANES: usize> Vector<T> for [T; LANES] {
    const LANES: usize = LANES;

    #[inline(always)]
    fn splat(x: T) -> Self {
        [x; LANES]
    }

    #[inline(always)]
    unsafe fn load(at: *const T) -> Self {
        // SAFETY: asked of the caller; an array is aligned as its elements are.
        unsafe { at.cast::<Self>().read() }
    }

    #[inline(always)]
    unsafe fn store(self, at: *mut T) {
        // SAFETY: as above.
        unsafe { at.cast::<Self>().write(self) };
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        let mut sum = c;
        for k in 0..LANES {
            sum[k] = Baseline::mul_add(self[k], b[k], c[k]);
        }
        sum
    }

    #[inline(always)]
    fn nonzero(self) -> u64 {
        let mut mask = 0;
        for (l, &x) in self.iter().enumerate() {
            mask |= u64::from(x != T::zero()) << l;
        }
        mask
    }

    #[inline(always)]
    fn compress(self, mask: u64) -> Self {
        let (mut compressed, mut count) = (self, 0);
        for l in 0..LANES {
            compressed[count] = self[l];
            count += usize::from(mask >> l & 1 > 0);
        }
        compressed
    }
}

/// The number of lanes of the widest vector.
pub const MAX_LANES: usize = 16;

/// Some columns of a row-major matrix, which vectors hold.
pub trait ColumnGroup: Copy {
    /// The columns of a row.
    ///
    /// # Panics
    /// If the row does not have them: a fault of the caller's code.
    fn load<T: Scalar, L: Level, const V: usize>(self, row: &[T]) -> [T::Vector<L>; V];

    /// Writes the columns of a row.
    ///
    /// # Panics
    /// If the row does not have them: a fault of the caller's code.
    fn store<T: Scalar, L: Level, const V: usize>(self, vectors: &[T::Vector<L>; V], row: &mut [T]);
}

/// The columns of `V` vectors, one vector after the other from column `first` on, but the last one at
/// column `end`, so that it ends with the row. Where the last vector overlaps the one before it, both hold
/// the same numbers.
#[derive(Debug, Clone, Copy)]
pub struct Columns {
    /// The first column of the first vector.
    pub first: usize,
    /// The first column of the last vector.
    pub end: usize,
}

impl Columns {
    /// All columns of a row of exactly `V` vectors.
    #[inline(always)]
    #[must_use]
    pub fn whole<T: Scalar, L: Level, const V: usize>() -> Self {
        Self {
            first: 0,
            end: (V - 1) * T::Vector::<L>::LANES,
        }
    }

    /// The first column of vector `v` of `V`.
    #[inline(always)]
    fn start<const V: usize>(self, v: usize, lanes: usize) -> usize {
        if v + 1 < V {
            self.first + v * lanes
        } else {
            self.end
        }
    }

    #[inline(always)]
    fn check<T: Scalar, L: Level, const V: usize>(self, row: &[T]) {
        let lanes = T::Vector::<L>::LANES;
        let end = (self.first + (V - 1) * lanes).max(self.end + lanes);
        assert!(end <= row.len(), "the row is too short");
    }
}

impl ColumnGroup for Columns {
    #[inline(always)]
    fn load<T: Scalar, L: Level, const V: usize>(self, row: &[T]) -> [T::Vector<L>; V] {
        let lanes = T::Vector::<L>::LANES;
        self.check::<T, L, V>(row);
        let mut vectors = [T::Vector::<L>::splat(T::zero()); V];
        for (v, vector) in vectors.iter_mut().enumerate() {
            let at = self.start::<V>(v, lanes);
            // SAFETY: both the last vector and those before it have been found to end in the row.
            *vector = unsafe { T::Vector::<L>::load(row.as_ptr().add(at)) };
        }
        vectors
    }

    #[inline(always)]
    fn store<T: Scalar, L: Level, const V: usize>(
        self,
        vectors: &[T::Vector<L>; V],
        row: &mut [T],
    ) {
        let lanes = T::Vector::<L>::LANES;
        self.check::<T, L, V>(row);
        for (v, vector) in vectors.iter().enumerate() {
            let at = self.start::<V>(v, lanes);
            // SAFETY: both the last vector and those before it have been found to end in the row.
            unsafe { vector.store(row.as_mut_ptr().add(at)) };
        }
    }
}

/// All columns of a row that is shorter than a vector, in one vector, with zeros behind them.
#[derive(Debug, Clone, Copy)]
pub struct ShortRow;

impl ColumnGroup for ShortRow {
    #[inline(always)]
    fn load<T: Scalar, L: Level, const V: usize>(self, row: &[T]) -> [T::Vector<L>; V] {
        let mut padded = [T::zero(); MAX_LANES];
        padded[..row.len()].copy_from_slice(row);
        // SAFETY: there are as many numbers as in the widest vector.
        [unsafe { T::Vector::<L>::load(padded.as_ptr()) }; V]
    }

    #[inline(always)]
    fn store<T: Scalar, L: Level, const V: usize>(
        self,
        vectors: &[T::Vector<L>; V],
        row: &mut [T],
    ) {
        let mut padded = [T::zero(); MAX_LANES];
        // SAFETY: there are as many numbers as in the widest vector.
        unsafe { vectors[0].store(padded.as_mut_ptr()) };
        row.copy_from_slice(&padded[..row.len()]);
    }
}

/// A buffer in which `count` zeros begin at a cache line, and the range where they stand.
#[must_use]
pub fn aligned_zeros<T: Scalar>(count: usize) -> (Vec<T>, Range<usize>) {
    const LINE_BYTES: usize = 64;
    let buffer = vec![T::zero(); count + LINE_BYTES];
    let start = buffer.as_ptr().align_offset(LINE_BYTES).min(LINE_BYTES);
    (buffer, start..start + count)
}
