//! The Gaussian error linear unit (Hendrycks and Gimpel, "Gaussian error linear units (GELUs)", 2016), by the
//! error function itself.

use super::{ActivationFunction, Certificate};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;
use crate::numeric::vecmath::series::MAX_MOVE_5_TERMS;
use crate::numeric::vecmath::{normal_cdf, normal_pdf};

/// `z = a Phi(a)`, with `Phi` the distribution function of the normal distribution.
#[derive(Debug)]
pub struct Gelu;

/// The terms of the Taylor series of `Phi` for small shifts.
const TERMS: usize = 7;

impl ActivationFunction for Gelu {
    /// It is analytic everywhere. The change over the shift is analytic in the shift, and so is largest on the
    /// circle `|d| = 1`: there it is below 1.233 for every `a`, as a fine grid of `a` and of the circle shows.
    /// On the real line the derivative is below 1.13.
    const CERTIFICATE: Certificate = Certificate {
        slope: 1.13,
        bound: None,
        kinks: &[],
        disc_radius: 1.0,
        disc_slope: 1.24,
    };

    #[inline(always)]
    fn value<T: Scalar, L: Level>(a: T) -> T {
        a * normal_cdf::<T, L>(a)
    }

    #[inline(always)]
    fn derivative<T: Scalar, L: Level>(a: T, _: T) -> T {
        normal_cdf::<T, L>(a) + a * normal_pdf::<T, L>(a)
    }

    /// `a (Phi(a + shift) - Phi(a)) + shift Phi(a + shift)`.
    ///
    /// For small shifts `d`, the difference is `phi(a) sum_k (-1)^(k-1) He_(k-1)(a) d^k / k!`, with Hermite's
    /// polynomials `He_(k+1) = a He_k - k He_(k-1)`. The terms left out are below `1e-18` for `|a| <= 8`;
    /// beyond, `phi(a)` is below `1e-14`.
    #[inline(always)]
    fn change<L: Level>((a, _): (f64, f64), shift: f64) -> f64 {
        let moved = normal_cdf::<f64, L>(a + shift);
        let difference = if shift.abs() <= MAX_MOVE_5_TERMS {
            let (mut before, mut hermite) = (0.0, 1.0);
            let (mut power, mut sum) = (shift, shift);
            for k in 1..TERMS {
                let order = k as f64;
                (before, hermite) = (hermite, L::mul_add(a, hermite, -(order - 1.0) * before));
                power *= -shift / (order + 1.0);
                sum = L::mul_add(power, hermite, sum);
            }
            normal_pdf::<f64, L>(a) * sum
        } else {
            moved - normal_cdf::<f64, L>(a)
        };
        L::mul_add(a, difference, shift * moved)
    }
}
