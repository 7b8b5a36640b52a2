//! The exponential linear unit (Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning
//! by exponential linear units", 2016).

use super::{ActivationFunction, Certificate};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;
use crate::numeric::vecmath::series::{exp_m1_series, MAX_MOVE_5_TERMS, TERMS};
use crate::numeric::vecmath::{exp, exp_m1};

/// `z = a` where `a > 0`, and `exp(a) - 1` elsewhere.
#[derive(Debug)]
pub struct Elu;

impl ActivationFunction for Elu {
    /// At the kink the second derivative jumps. Below it, `|exp(a + d) - exp(a)| <= exp(|d|) - 1`, which for
    /// `|d| <= 1` is at most `(e - 1) |d|`, as the exponential is convex.
    const CERTIFICATE: Certificate = Certificate {
        slope: 1.0,
        bound: None,
        kinks: &[0.0],
        disc_radius: 1.0,
        disc_slope: 1.718_3,
    };

    #[inline(always)]
    fn value<T: Scalar, L: Level>(a: T) -> T {
        let below = exp_m1::<T, L>(if a > T::zero() { T::zero() } else { a });
        if a > T::zero() {
            a
        } else {
            below
        }
    }

    #[inline(always)]
    fn derivative<T: Scalar, L: Level>(a: T, z: T) -> T {
        if a > T::zero() {
            T::one()
        } else {
            z + T::one()
        }
    }

    /// Below the kink it is `exp(a) (exp(shift) - 1)`.
    #[inline(always)]
    fn change<L: Level>((a, z): (f64, f64), shift: f64) -> f64 {
        let moved = a + shift;
        let factor = if shift.abs() <= MAX_MOVE_5_TERMS {
            exp_m1_series::<L, TERMS>(shift)
        } else {
            exp::<f64, L>(shift) - 1.0
        };
        if a > 0.0 && moved > 0.0 {
            shift
        } else if a <= 0.0 && moved <= 0.0 && shift < 1.0 {
            (z + 1.0) * factor
        } else {
            Self::value::<f64, L>(moved) - z
        }
    }
}
