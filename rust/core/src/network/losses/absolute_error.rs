//! The sum of absolute errors of a sample, `sum_k |s_k - t_k|`.

use super::separable::{SeparableLoss, MAX_DERIVATIVES};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// `sum_k |s_k - t_k|`, where `s` are the scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AbsoluteError;

impl SeparableLoss for AbsoluteError {
    const NAME: &'static str = "absolute_error";
    const DERIVATIVES: usize = 1;
    /// Up to the kink it is linear.
    const MAX_MOVE: f64 = f64::INFINITY;
    const RADIUS: f64 = f64::INFINITY;
    const HAS_KINKS: bool = true;

    fn from_settings(settings: &[f64]) -> Option<Self> {
        settings.is_empty().then_some(Self)
    }

    #[inline(always)]
    fn value<T: Scalar, L: Level>(self, score: T, t: T) -> T {
        (score - t).abs()
    }

    /// At the kink it is 0, as the central difference is.
    #[inline(always)]
    fn slope<T: Scalar, L: Level>(self, score: T, t: T) -> T {
        let error = score - t;
        if error > T::zero() {
            T::one()
        } else if error < T::zero() {
            -T::one()
        } else {
            // Zero, or NaN.
            error
        }
    }

    #[inline(always)]
    fn derivatives(self, score: f64, t: f64) -> [f64; MAX_DERIVATIVES] {
        let slope = if score > t { 1.0 } else { -1.0 };
        [slope, 0.0, 0.0, 0.0, 0.0]
    }

    fn distance_to_kink(self, score: f64, t: f64) -> f64 {
        (score - t).abs()
    }

    fn variation(self, _: f64, _: f64, radius: f64) -> f64 {
        radius
    }
}
