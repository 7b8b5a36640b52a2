//! The hyperbolic tangent.

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;
use crate::numeric::vecmath::exp_m1;

/// `tanh(a) = -t / (2 + t)` for `a >= 0`, with `t = exp(-2a) - 1`, and odd.
///
/// Nothing overflows, and a small `a` keeps its digits; infinities give -1 and 1. The error is that of [`exp_m1()`] and
/// of two more roundings.
#[inline(always)]
pub fn tanh<T: Scalar, L: Level>(a: T) -> T {
    let two = T::one() + T::one();
    let t = exp_m1::<T, L>(-two * a.abs());
    (-t / (two + t)).copysign(a)
}
