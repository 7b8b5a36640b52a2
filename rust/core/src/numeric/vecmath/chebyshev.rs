//! Chebyshev's polynomials of odd degree.

use crate::numeric::scalar::Scalar;

/// `T_(2p + 1)(x)`, by the recurrence `T_(k+2) = (4 x^2 - 2) T_k - T_(k-2)`.
#[inline(always)]
#[must_use]
pub fn odd_chebyshev<T: Scalar>(x: T, p: usize) -> T {
    let (two, four) = (T::from_f64(2.0), T::from_f64(4.0));
    let factor = four * x * x - two;
    let (mut before, mut own) = (x, x);
    for _ in 0..p {
        (before, own) = (own, factor * own - before);
    }
    own
}
