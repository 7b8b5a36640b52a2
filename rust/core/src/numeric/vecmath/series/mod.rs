//! The series of `exp(x) - 1` and `ln(1 + x)` for arguments so small that a few terms are enough: no digit
//! is lost to the subtraction of 1.

mod exp_m1;
mod ln_1p;

pub use exp_m1::exp_m1_series;
pub use ln_1p::{ln_1p_series, LN_1P_COEFFICIENTS};

/// Up to this `|x|`, five terms of the series of `exp(x) - 1` leave out less than `256^-6 / 720 < 5e-18`,
/// and six terms of that of `ln(1 + y)`, `|y| < 1.01 / 256`, less than `3e-18`.
pub const MAX_MOVE_5_TERMS: f64 = 1.0 / 256.0;

/// Up to this `|x|`, three terms of either series are enough for differences of losses: they leave out less than
/// `8192^-4 / 4 < 6e-17`, and of that moves up and down share the even power it begins with.
pub const MAX_MOVE_3_TERMS: f64 = 1.0 / 8192.0;

/// The number of terms of `exp(x) - 1` that are enough up to [`MAX_MOVE_5_TERMS`].
pub const TERMS: usize = 5;

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
            let x = MAX_MOVE_3_TERMS * f64::from(i) / 1000.0;
            let rounding = 4e-16 * x.abs();
            assert!((exp_m1_series::<Fused, 3>(x) - x.exp_m1()).abs() <= 6e-17 + rounding);
            assert!((ln_1p_series::<Fused, 3>(x) - x.ln_1p()).abs() <= 6e-17 + rounding);
        }
    }
}
