//! Exponential, logarithm and logistic function without branches, so that loops over them become
//! vector instructions inside a [`Kernel`](crate::numeric::simd::Kernel).

mod chebyshev;
mod exp;
mod ln;
pub(crate) mod series;

pub use chebyshev::odd_chebyshev;
pub use exp::{exp, polynomial};
pub use ln::ln;

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// What the functions must know of a floating-point type.
pub trait VectorFloat: Sized {
    /// `exp(self)`; see [`exp()`].
    #[must_use]
    fn vector_exp<L: Level>(self) -> Self;
    /// `ln(self)`; see [`ln()`].
    #[must_use]
    fn vector_ln<L: Level>(self) -> Self;
}

/// The logistic function `1 / (1 + exp(-a))`.
///
/// Only non-positive numbers are exponentiated, so nothing overflows; infinities give 0 and 1. The
/// error is that of [`exp()`] and of two roundings more.
#[inline(always)]
pub fn sigmoid<T: Scalar, L: Level>(a: T) -> T {
    let e = exp::<T, L>(-a.abs());
    let numerator = if a < T::zero() { e } else { T::one() };
    numerator / (T::one() + e)
}
