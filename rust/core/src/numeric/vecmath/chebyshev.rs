//! Chebyshev polynomials of odd degree.

use crate::numeric::scalar::Scalar;

/// `T_(2p + 1)(x)`, by the recurrence `T_(k+2) = (4 x^2 - 2) T_k - T_(k-2)`, which starts from `T_1 = x` and
/// `T_(-1) = x`.
#[inline(always)]
#[must_use]
pub fn odd_chebyshev<T: Scalar>(x: T, p: usize) -> T {
    let (two, four) = (T::from_f64(2.0), T::from_f64(4.0));
    let factor = four * x * x - two;
    let (mut before, mut value) = (x, x);
    for _ in 0..p {
        (before, value) = (value, factor * value - before);
    }
    value
}
