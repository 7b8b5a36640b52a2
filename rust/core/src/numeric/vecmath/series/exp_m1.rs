//! The series of `exp(x) - 1`.

use crate::numeric::simd::Level;
use crate::numeric::vecmath::horner;

/// `exp(x) - 1` by the first `N` terms of its series, of which there are nine at most.
#[inline(always)]
#[must_use]
pub fn exp_m1_series<L: Level, const N: usize>(x: f64) -> f64 {
    let mut coefficients = [0.0; N];
    coefficients.copy_from_slice(&COEFFICIENTS[..N]);
    x * horner::<_, L, N>(x, &coefficients)
}

const COEFFICIENTS: [f64; 9] = [
    1.0,
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
];
