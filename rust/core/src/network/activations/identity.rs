//! `z = a`.

use super::{ActivationFunction, Certificate};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// `z = a`.
#[derive(Debug)]
pub struct Identity;

impl ActivationFunction for Identity {
    const CERTIFICATE: Certificate = Certificate {
        slope: 1.0,
        bound: None,
        kinks: &[],
        disc_radius: f64::INFINITY,
        disc_slope: 1.0,
    };

    #[inline(always)]
    fn value<T: Scalar, L: Level>(a: T) -> T {
        a
    }

    #[inline(always)]
    fn derivative<T: Scalar, L: Level>(_: T, _: T) -> T {
        T::one()
    }

    #[inline(always)]
    fn change<L: Level>(_: (f64, f64), shift: f64) -> f64 {
        shift
    }
}
