//! The rectifier `z = max(a, 0)`.

use super::{ActivationFunction, Certificate};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// `z = max(a, 0)`.
#[derive(Debug)]
pub struct Relu;

impl ActivationFunction for Relu {
    const CERTIFICATE: Certificate = Certificate {
        slope: 1.0,
        bound: None,
        kinks: &[0.0],
        disc_radius: f64::INFINITY,
        disc_slope: 1.0,
    };

    /// A NaN stays a NaN.
    #[inline(always)]
    fn value<T: Scalar, L: Level>(a: T) -> T {
        if a <= T::zero() {
            T::zero()
        } else {
            a
        }
    }

    #[inline(always)]
    fn derivative<T: Scalar, L: Level>(_: T, z: T) -> T {
        if z <= T::zero() {
            T::zero()
        } else {
            T::one()
        }
    }

    /// Of an infinite delta, too, nothing passes a unit that rests.
    #[inline(always)]
    fn times_derivative<T: Scalar, L: Level>(delta: T, _: T, z: T) -> T {
        if z <= T::zero() {
            T::zero()
        } else {
            delta
        }
    }

    #[inline(always)]
    fn change<L: Level>((a, _): (f64, f64), shift: f64) -> f64 {
        if a > 0.0 {
            shift.max(-a)
        } else {
            (a + shift).max(0.0)
        }
    }
}
