//! Vector registers, for the one loop that the compiler does not turn into good vector code by itself:
//! sums of rows, of which a whole row of vectors must stay in registers.
#![allow(unsafe_code)]

use std::ops::Range;

use crate::scalar::Scalar;
use crate::simd::{Baseline, Level};

/// A vector of numbers of type `T`.
///
/// Inside a [`Kernel`](crate::simd::Kernel) compiled for the level it belongs to, each function is
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
}

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
    pub fn whole<T: Scalar, R: Level, const V: usize>() -> Self {
        Self {
            first: 0,
            end: (V - 1) * T::Vector::<R>::LANES,
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
    fn check<T: Scalar, R: Level, const V: usize>(self, row: &[T]) {
        let lanes = T::Vector::<R>::LANES;
        let end = (self.first + (V - 1) * lanes).max(self.end + lanes);
        assert!(end <= row.len(), "the row is too short");
    }

    /// The vectors of a row.
    ///
    /// # Panics
    /// If it is too short: a fault of the caller's code.
    #[inline(always)]
    #[must_use]
    pub fn load<T: Scalar, R: Level, const V: usize>(self, row: &[T]) -> [T::Vector<R>; V] {
        let lanes = T::Vector::<R>::LANES;
        self.check::<T, R, V>(row);
        let mut vectors = [T::Vector::<R>::splat(T::zero()); V];
        for (v, vector) in vectors.iter_mut().enumerate() {
            let at = self.start::<V>(v, lanes);
            // SAFETY: both the last vector and those before it have been found to end in the row.
            *vector = unsafe { T::Vector::<R>::load(row.as_ptr().add(at)) };
        }
        vectors
    }

    /// Writes vectors; where the last one lies over the one before it, both hold the same.
    ///
    /// # Panics
    /// If the row is too short: a fault of the caller's code.
    #[inline(always)]
    pub fn store<T: Scalar, R: Level, const V: usize>(
        self,
        vectors: &[T::Vector<R>; V],
        row: &mut [T],
    ) {
        let lanes = T::Vector::<R>::LANES;
        self.check::<T, R, V>(row);
        for (v, vector) in vectors.iter().enumerate() {
            let at = self.start::<V>(v, lanes);
            // SAFETY: as above.
            unsafe { vector.store(row.as_mut_ptr().add(at)) };
        }
    }
}

/// Which elements of a block of at most 64 are not zero, element `i` in bit `i`; a NaN is not.
#[inline(always)]
#[must_use]
pub fn mask_of_nonzero<T: Scalar, R: Level>(block: &[T]) -> u64 {
    // Of a whole block the loop over its vectors is known beforehand, and goes away.
    match <&[T; 64]>::try_from(block) {
        Ok(block) => mask_of_vectors::<T, R>(block),
        Err(_) => mask_of_vectors::<T, R>(block),
    }
}

#[inline(always)]
fn mask_of_vectors<T: Scalar, R: Level>(block: &[T]) -> u64 {
    let lanes = T::Vector::<R>::LANES;
    let vectors = block.chunks_exact(lanes);
    let rest = vectors.remainder();
    let mut mask = 0;
    for (v, vector) in vectors.enumerate() {
        // SAFETY: the chunk is as long as a vector.
        mask |= unsafe { T::Vector::<R>::load(vector.as_ptr()) }.nonzero() << (v * lanes);
    }
    if rest.is_empty() {
        return mask;
    }
    mask | mask_one_by_one(rest) << (block.len() - rest.len())
}

#[inline(always)]
fn mask_one_by_one<T: Scalar>(elements: &[T]) -> u64 {
    let mut mask = 0;
    for (i, &x) in elements.iter().enumerate() {
        mask |= u64::from(x != T::zero()) << i;
    }
    mask
}

/// Room for `count` numbers that begin with a cache line, and where in it they stand.
#[must_use]
pub fn aligned<T: Scalar>(count: usize) -> (Vec<T>, Range<usize>) {
    const LINE_BYTES: usize = 64;
    let room = vec![T::zero(); count + LINE_BYTES];
    let start = room.as_ptr().align_offset(LINE_BYTES).min(LINE_BYTES);
    (room, start..start + count)
}

/// The registers of AVX2 and AVX-512.
#[cfg(target_arch = "x86_64")]
pub mod x86 {
    use super::Vector;
    use std::arch::x86_64 as arch;

    /// A NaN is not equal to zero.
    const NONZERO: i32 = arch::_CMP_NEQ_UQ;

    macro_rules! register {
        ($(#[$doc:meta])* $name:ident, $inner:ident, $t:ty, $lanes:expr,
         $splat:ident, $load:ident, $store:ident, $fma:ident,
         |$x:ident| $nonzero:expr) => {
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $name(arch::$inner);

            impl Vector<$t> for $name {
                const LANES: usize = $lanes;

                #[inline(always)]
                fn splat(x: $t) -> Self {
                    // SAFETY: only kernels compiled for a level that has the instructions use
                    // its registers.
                    Self(unsafe { arch::$splat(x) })
                }

                #[inline(always)]
                unsafe fn load(at: *const $t) -> Self {
                    // SAFETY: asked of the caller; instructions as above.
                    Self(unsafe { arch::$load(at) })
                }

                #[inline(always)]
                unsafe fn store(self, at: *mut $t) {
                    // SAFETY: asked of the caller; instructions as above.
                    unsafe { arch::$store(at, self.0) };
                }

                #[inline(always)]
                fn mul_add(self, b: Self, c: Self) -> Self {
                    // SAFETY: instructions as above.
                    Self(unsafe { arch::$fma(self.0, b.0, c.0) })
                }

                #[inline(always)]
                fn nonzero(self) -> u64 {
                    let $x = self.0;
                    // SAFETY: instructions as above.
                    u64::from(unsafe { $nonzero })
                }
            }
        };
    }

    register!(
        /// 8 numbers of single precision.
        Single8, __m256, f32, 8,
        _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps,
        |x| arch::_mm256_movemask_ps(arch::_mm256_cmp_ps::<NONZERO>(x, arch::_mm256_setzero_ps())).cast_unsigned()
    );
    register!(
        /// 4 numbers of double precision.
        Double4, __m256d, f64, 4,
        _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_fmadd_pd,
        |x| arch::_mm256_movemask_pd(arch::_mm256_cmp_pd::<NONZERO>(x, arch::_mm256_setzero_pd())).cast_unsigned()
    );
    register!(
        /// 16 numbers of single precision.
        Single16, __m512, f32, 16,
        _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps,
        |x| arch::_mm512_cmp_ps_mask::<NONZERO>(x, arch::_mm512_setzero_ps())
    );
    register!(
        /// 8 numbers of double precision.
        Double8, __m512d, f64, 8,
        _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_fmadd_pd,
        |x| arch::_mm512_cmp_pd_mask::<NONZERO>(x, arch::_mm512_setzero_pd())
    );
}
