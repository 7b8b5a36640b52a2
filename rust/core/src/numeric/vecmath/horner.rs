//! Polynomials, by Horner's rule.

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// `sum_k coefficients[k] x^k`.
#[inline(always)]
pub fn horner<T: Scalar, L: Level, const N: usize>(x: T, coefficients: &[T; N]) -> T {
    let mut sum = coefficients[N - 1];
    for k in (0..N - 1).rev() {
        sum = L::mul_add(sum, x, coefficients[k]);
    }
    sum
}
