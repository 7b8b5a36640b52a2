//! The leaky rectifier (Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic
//! models", 2013).

use super::{ActivationFunction, Certificate};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// What a negative pre-activation is multiplied by.
const LEAK: f64 = 0.01;

/// `z = a` where `a > 0`, and `0.01 a` elsewhere.
#[derive(Debug)]
pub struct LeakyRelu;

impl ActivationFunction for LeakyRelu {
    /// Both branches are linear.
    const CERTIFICATE: Certificate = Certificate {
        slope: 1.0,
        bound: None,
        kinks: &[0.0],
        disc_radius: f64::INFINITY,
        disc_slope: 1.0,
    };

    #[inline(always)]
    fn value<T: Scalar, L: Level>(a: T) -> T {
        if a > T::zero() {
            a
        } else {
            T::from_f64(LEAK) * a
        }
    }

    #[inline(always)]
    fn derivative<T: Scalar, L: Level>(a: T, _: T) -> T {
        if a > T::zero() {
            T::one()
        } else {
            T::from_f64(LEAK)
        }
    }

    #[inline(always)]
    fn change<L: Level>((a, z): (f64, f64), shift: f64) -> f64 {
        let moved = a + shift;
        if (a > 0.0) == (moved > 0.0) {
            shift * if a > 0.0 { 1.0 } else { LEAK }
        } else {
            Self::value::<f64, L>(moved) - z
        }
    }
}
