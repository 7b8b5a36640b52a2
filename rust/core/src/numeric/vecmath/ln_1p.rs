//! `ln(1 + x)` without a cancellation.
//!
//! Method: with `u` the rounded sum `1 + x`, `ln(u)` is the logarithm of a number that is off, and
//! `x / (u - 1)` makes up for it, as `u - 1` is exact (Kahan; Goldberg, "What every computer scientist should
//! know about floating-point arithmetic", 1991, theorem 4).
//!
//! Error: at most 5 roundings, for `x >= 0`; NaN and infinity stay.

use super::ln;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// `ln(1 + x)` for a number that is not negative.
#[inline(always)]
pub fn ln_1p<T: Scalar, L: Level>(x: T) -> T {
    let sum = T::one() + x;
    let value = ln::<T, L>(sum) * (x / (sum - T::one()));
    // Also infinity, which is not a number times anything else here.
    if sum > T::one() && sum < T::infinity() {
        value
    } else {
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::simd::{Baseline, Fused};

    #[test]
    fn it_is_near_that_of_the_standard_library() {
        for i in -400..=400 {
            let x = 1.07_f64.powi(i * 2);
            for got in [ln_1p::<f64, Baseline>(x), ln_1p::<f64, Fused>(x)] {
                assert!((got - x.ln_1p()).abs() <= 6e-16 * x.ln_1p(), "{x}");
            }
        }
        assert!(ln_1p::<f64, Fused>(0.0) <= 0.0);
        assert!(ln_1p::<f64, Fused>(f64::NAN).is_nan());
        assert!(ln_1p::<f32, Fused>(f32::INFINITY).is_infinite());
    }
}
