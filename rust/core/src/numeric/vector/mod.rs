//! Vector registers, for the one loop that the compiler does not turn into good vector code by itself:
//! sums of rows, of which a whole row of vectors must stay in registers.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
pub mod x86;

use std::ops::Range;

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{Baseline, Level};

/// A vector of numbers of type `T`.
///
/// Inside a [`Kernel`](crate::numeric::simd::Kernel) compiled for the level it belongs to, each function is
/// one instruction.
pub trait Vector<T>: Copy {
    /// How many numbers it holds.
    const LANES: usize;

    /// The same number in each lane.
    fn splat(x: T) -> Self;

    /// The numbers from `at` on.
    ///
    /// # Safety
    /// There must be [`LANES`](Self::LANES) numbers at `at`.
    unsafe fn load(at: *const T) -> Self;

    /// Writes the numbers from `at` on.
    ///
    /// # Safety
    /// There must be room for [`LANES`](Self::LANES) numbers at `at`.
    unsafe fn store(self, at: *mut T);

    /// `self * b + c` in each lane.
    #[must_use]
    fn mul_add(self, b: Self, c: Self) -> Self;

    /// Which lanes are not zero, lane `i` in bit `i`; a NaN is not.
    #[must_use]
    fn nonzero(self) -> u64;

    /// The lanes that `mask` names come first, in their order; behind them, lanes without meaning.
    #[must_use]
    fn compress(self, mask: u64) -> Self;
}

/// What is left to the compiler.
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
        mask_one_by_one(&self)
    }

    #[inline(always)]
    fn compress(self, mask: u64) -> Self {
        let (mut first, mut count) = (self, 0);
        for l in 0..LANES {
            first[count] = self[l];
            count += usize::from(mask >> l & 1 > 0);
        }
        first
    }
}

/// Which elements are not zero, one by one.
#[inline(always)]
pub fn mask_one_by_one<T: Scalar>(elements: &[T]) -> u64 {
    let mut mask = 0;
    for (i, &x) in elements.iter().enumerate() {
        mask |= u64::from(x != T::zero()) << i;
    }
    mask
}

/// The lanes of the widest vector.
pub const MOST_LANES: usize = 16;

/// Where the vectors of a row begin: one after the other from column `first` on, but the last one at
/// column `end`.
#[derive(Debug, Clone, Copy)]
pub struct Columns {
    /// The column of the first vector.
    pub first: usize,
    /// The column of the last one.
    pub end: usize,
}

impl Columns {
    /// Those of a row of just so many vectors.
    #[inline(always)]
    #[must_use]
    pub fn whole<T: Scalar, L: Level, const V: usize>() -> Self {
        Self {
            first: 0,
            end: (V - 1) * T::Vector::<L>::LANES,
        }
    }

    /// Where vector `v` of `V` begins.
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

    /// The vectors of a row.
    ///
    /// # Panics
    /// If it is too short: a fault of the caller's code.
    #[inline(always)]
    #[must_use]
    pub fn load<T: Scalar, L: Level, const V: usize>(self, row: &[T]) -> [T::Vector<L>; V] {
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

    /// Writes vectors; where the last one lies over the one before it, both hold the same.
    ///
    /// # Panics
    /// If the row is too short: a fault of the caller's code.
    #[inline(always)]
    pub fn store<T: Scalar, L: Level, const V: usize>(
        self,
        vectors: &[T::Vector<L>; V],
        row: &mut [T],
    ) {
        let lanes = T::Vector::<L>::LANES;
        self.check::<T, L, V>(row);
        for (v, vector) in vectors.iter().enumerate() {
            let at = self.start::<V>(v, lanes);
            // SAFETY: as above.
            unsafe { vector.store(row.as_mut_ptr().add(at)) };
        }
    }
}

/// Room for `count` numbers that begin with a cache line, and where in it they stand.
#[must_use]
pub fn aligned<T: Scalar>(count: usize) -> (Vec<T>, Range<usize>) {
    const LINE_BYTES: usize = 64;
    let room = vec![T::zero(); count + LINE_BYTES];
    let start = room.as_ptr().align_offset(LINE_BYTES).min(LINE_BYTES);
    (room, start..start + count)
}
