//! The series of `exp(x) - 1` and of `ln(1 + x)`, where `x` is so small that a few terms are all.

use crate::numeric::simd::Level;
use crate::numeric::vecmath::polynomial;

/// The largest move of a score that counts as small.
///
/// With it, what five terms leave out of the series of `exp(x) - 1` is below `256^-6 / 720 < 5e-18`,
/// and what six leave out of that of `ln(1 + x)`, `|x| < 1.01 / 256`, below `3e-18`.
pub const MAX_MOVE_5_TERMS: f64 = 1.0 / 256.0;

/// Of a move up to this, four terms of either series are enough: they leave out less than
/// `2048^-5 / 5 < 6e-18`.
pub const MAX_MOVE_4_TERMS: f64 = 1.0 / 2048.0;

/// Of a move up to this, three terms are enough: they leave out less than `16384^-4 / 4 < 4e-18`.
pub const MAX_MOVE_3_TERMS: f64 = 1.0 / 16384.0;

/// The terms of the series of the exponential less 1.
pub const TERMS: usize = 5;

/// `exp(x) - 1` by the first `E` terms of its series.
#[inline(always)]
#[must_use]
pub fn exp_m1_series<L: Level, const E: usize>(x: f64) -> f64 {
    let mut series = [0.0; E];
    series.copy_from_slice(&EXPONENTIAL[..E]);
    x * polynomial::<_, L, E>(x, &series)
}

const EXPONENTIAL: [f64; 9] = [
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

/// `ln(1 + x)` by the first `W` terms of its series.
#[inline(always)]
#[must_use]
pub fn ln_1p_series<L: Level, const W: usize>(x: f64) -> f64 {
    let mut series = [0.0; W];
    series.copy_from_slice(&LOGARITHM[..W]);
    x * polynomial::<_, L, W>(x, &series)
}

/// The coefficients of the series of `ln(1 + x)`.
pub const LOGARITHM: [f64; 13] = [
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::simd::Fused;

    #[test]
    fn the_series_are_as_near_as_they_say() {
        for i in -1000..=1000 {
            let x = MAX_MOVE_5_TERMS * f64::from(i) / 1000.0;
            let rounding = 4e-16 * x.abs();
            assert!((exp_m1_series::<Fused, TERMS>(x) - x.exp_m1()).abs() <= 5e-18 + rounding);
            assert!((ln_1p_series::<Fused, 6>(x) - x.ln_1p()).abs() <= 3e-18 + rounding);
            let x = MAX_MOVE_4_TERMS * f64::from(i) / 1000.0;
            let rounding = 4e-16 * x.abs();
            assert!((exp_m1_series::<Fused, 4>(x) - x.exp_m1()).abs() <= 6e-18 + rounding);
            assert!((ln_1p_series::<Fused, 4>(x) - x.ln_1p()).abs() <= 6e-18 + rounding);
        }
    }
}
