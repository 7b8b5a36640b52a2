//! Half the sum of squared errors of a sample, `1/2 sum_k (s_k - t_k)^2`.

use super::separable::{SeparableLoss, MAX_DERIVATIVES};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// `1/2 sum_k (s_k - t_k)^2`, where `s` are the scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SquaredError;

impl SeparableLoss for SquaredError {
    const NAME: &'static str = "squared_error";
    const DERIVATIVES: usize = 2;
    const MAX_MOVE: f64 = f64::INFINITY;
    const RADIUS: f64 = f64::INFINITY;

    fn from_settings(settings: &[f64]) -> Option<Self> {
        settings.is_empty().then_some(Self)
    }

    #[inline(always)]
    fn value<T: Scalar, L: Level>(self, score: T, t: T) -> T {
        let error = score - t;
        T::from_f64(0.5) * error * error
    }

    #[inline(always)]
    fn slope<T: Scalar, L: Level>(self, score: T, t: T) -> T {
        score - t
    }

    #[inline(always)]
    fn derivatives(self, score: f64, t: f64) -> [f64; MAX_DERIVATIVES] {
        [score - t, 1.0, 0.0, 0.0, 0.0]
    }

    /// `|(e + u)^2 - e^2| / 2 <= r |e| + r^2 / 2`.
    fn variation(self, score: f64, t: f64, radius: f64) -> f64 {
        radius * (score - t).abs() + 0.5 * radius * radius
    }
}
