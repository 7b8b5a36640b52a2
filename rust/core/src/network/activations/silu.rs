//! The sigmoid linear unit, also called swish (Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for
//! neural network function approximation in reinforcement learning", 2018).

use super::{ActivationFunction, Certificate};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;
use crate::numeric::vecmath::series::{exp_m1_series, MAX_MOVE_5_TERMS, TERMS};
use crate::numeric::vecmath::sigmoid;

/// `z = a s(a)`, with `s` the logistic function.
#[derive(Debug)]
pub struct Silu;

impl ActivationFunction for Silu {
    /// It is analytic where `|imaginary part| < pi`. The change over the shift is analytic in the shift, and so
    /// is largest on the circle `|d| = 1`: there it is below 1.119 for every `a`, as a fine grid of `a` and of
    /// the circle shows. On the real line the derivative is below 1.1.
    const CERTIFICATE: Certificate = Certificate {
        slope: 1.1,
        bound: None,
        kinks: &[],
        disc_radius: 1.0,
        disc_slope: 1.12,
    };

    #[inline(always)]
    fn value<T: Scalar, L: Level>(a: T) -> T {
        a * sigmoid::<T, L>(a)
    }

    #[inline(always)]
    fn derivative<T: Scalar, L: Level>(a: T, z: T) -> T {
        let s = sigmoid::<T, L>(a);
        s + z * (T::one() - s)
    }

    /// `a (s(a + shift) - s(a)) + shift s(a + shift)`, the difference as the logistic function's own change.
    #[inline(always)]
    fn change<L: Level>((a, _): (f64, f64), shift: f64) -> f64 {
        let (s, moved) = (sigmoid::<f64, L>(a), sigmoid::<f64, L>(a + shift));
        let difference = if shift.abs() <= MAX_MOVE_5_TERMS {
            let e = exp_m1_series::<L, TERMS>(shift);
            s * (1.0 - s) * e / L::mul_add(s, e, 1.0)
        } else {
            moved - s
        };
        L::mul_add(a, difference, shift * moved)
    }
}
