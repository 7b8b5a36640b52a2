//! Softplus (Dugas, Bengio, Belisle, Nadeau and Garcia, "Incorporating second-order functional knowledge for
//! better option pricing", 2001).

use super::{ActivationFunction, Certificate};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;
use crate::numeric::vecmath::series::{exp_m1_series, ln_1p_series, MAX_MOVE_5_TERMS, TERMS};
use crate::numeric::vecmath::{exp, ln_1p, sigmoid};

/// `z = ln(1 + exp(a))`.
#[derive(Debug)]
pub struct Softplus;

impl ActivationFunction for Softplus {
    /// Its derivative is the logistic function, `1 / |1 + exp(-a - ib)| <= 1` where `cos b >= 0`, so for
    /// `|b| <= 1.5`.
    const CERTIFICATE: Certificate = Certificate {
        slope: 1.0,
        bound: None,
        kinks: &[],
        disc_radius: 1.5,
        disc_slope: 1.0,
    };

    /// `max(a, 0) + ln(1 + exp(-|a|))`: nothing overflows.
    #[inline(always)]
    fn value<T: Scalar, L: Level>(a: T) -> T {
        let above = if a > T::zero() { a } else { T::zero() };
        above + ln_1p::<T, L>(exp::<T, L>(-a.abs()))
    }

    #[inline(always)]
    fn derivative<T: Scalar, L: Level>(a: T, _: T) -> T {
        sigmoid::<T, L>(a)
    }

    /// `ln(1 + s (exp(shift) - 1))`, with `s` the logistic function of `a`, for small shifts.
    #[inline(always)]
    fn change<L: Level>((a, z): (f64, f64), shift: f64) -> f64 {
        if shift.abs() <= MAX_MOVE_5_TERMS {
            let e = exp_m1_series::<L, TERMS>(shift);
            ln_1p_series::<L, 6>(sigmoid::<f64, L>(a) * e)
        } else {
            Self::value::<f64, L>(a + shift) - z
        }
    }
}
