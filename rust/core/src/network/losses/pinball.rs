//! The pinball loss, whose minimum is a quantile (Koenker and Bassett, "Regression quantiles", 1978).

use super::separable::{SeparableLoss, MAX_DERIVATIVES};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// `sum_k max(q (t_k - s_k), (q - 1) (t_k - s_k))`, where `s` are the scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pinball {
    /// The share `q` of targets that should lie below the score.
    pub quantile: f64,
}

impl SeparableLoss for Pinball {
    const NAME: &'static str = "pinball";
    const DERIVATIVES: usize = 1;
    /// Up to the kink it is linear.
    const MAX_MOVE: f64 = f64::INFINITY;
    const RADIUS: f64 = f64::INFINITY;
    const HAS_KINKS: bool = true;

    fn from_settings(settings: &[f64]) -> Option<Self> {
        match *settings {
            [quantile] if (0.0..=1.0).contains(&quantile) => Some(Self { quantile }),
            _ => None,
        }
    }

    #[inline(always)]
    fn value<T: Scalar, L: Level>(self, score: T, t: T) -> T {
        let quantile = T::from_f64(self.quantile);
        let error = t - score;
        if error > T::zero() {
            quantile * error
        } else {
            (quantile - T::one()) * error
        }
    }

    /// At the kink it is the mean of both sides, as the central difference is.
    #[inline(always)]
    fn slope<T: Scalar, L: Level>(self, score: T, t: T) -> T {
        let quantile = T::from_f64(self.quantile);
        let error = t - score;
        if error > T::zero() {
            -quantile
        } else if error < T::zero() {
            T::one() - quantile
        } else {
            // The error is zero, or NaN.
            error + T::from_f64(0.5) - quantile
        }
    }

    #[inline(always)]
    fn derivatives(self, score: f64, t: f64) -> [f64; MAX_DERIVATIVES] {
        let slope = if score > t { 1.0 } else { 0.0 } - self.quantile;
        [slope, 0.0, 0.0, 0.0, 0.0]
    }

    fn distance_to_kink(self, score: f64, t: f64) -> f64 {
        (score - t).abs()
    }

    fn variation(self, _: f64, _: f64, radius: f64) -> f64 {
        radius
    }
}
