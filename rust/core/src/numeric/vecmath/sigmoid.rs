//! The logistic function.

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;
use crate::numeric::vecmath::exp;

/// `1 / (1 + exp(-a))`.
///
/// Only non-positive numbers are exponentiated, so nothing overflows; infinities give 0 and 1. The error is
/// that of [`exp()`] and of two more roundings.
#[inline(always)]
pub fn sigmoid<T: Scalar, L: Level>(a: T) -> T {
    let e = exp::<T, L>(-a.abs());
    let numerator = if a < T::zero() { e } else { T::one() };
    numerator / (T::one() + e)
}
