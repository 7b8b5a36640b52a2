//! The series of `ln(1 + x)`.

use crate::numeric::simd::Level;
use crate::numeric::vecmath::horner;

/// `ln(1 + x)` by the first `N` terms of its series, of which there are 13 at most.
#[inline(always)]
#[must_use]
pub fn ln_1p_series<L: Level, const N: usize>(x: f64) -> f64 {
    let mut coefficients = [0.0; N];
    coefficients.copy_from_slice(&LN_1P_COEFFICIENTS[..N]);
    x * horner::<_, L, N>(x, &coefficients)
}

/// The coefficients of `x`, `x^2`, ... in the series of `ln(1 + x)`.
pub const LN_1P_COEFFICIENTS: [f64; 13] = [
    1.0,
    -1.0 / 2.0,
    1.0 / 3.0,
    -1.0 / 4.0,
    1.0 / 5.0,
    -1.0 / 6.0,
    1.0 / 7.0,
    -1.0 / 8.0,
    1.0 / 9.0,
    -1.0 / 10.0,
    1.0 / 11.0,
    -1.0 / 12.0,
    1.0 / 13.0,
];
