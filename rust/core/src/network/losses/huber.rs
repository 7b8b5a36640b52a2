//! Huber's loss ("Robust estimation of a location parameter", 1964): squares of small errors, sizes of large
//! ones.

use super::separable::{SeparableLoss, MAX_DERIVATIVES};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// The sum over the scores of `e^2 / 2` where `|e| <= delta`, and of `delta (|e| - delta / 2)` beyond, with
/// `e = s - t`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Huber {
    /// The largest error that is squared.
    pub delta: f64,
}

impl SeparableLoss for Huber {
    const NAME: &'static str = "huber";
    const DERIVATIVES: usize = 2;
    /// Up to a kink it is a polynomial.
    const MAX_MOVE: f64 = f64::INFINITY;
    const RADIUS: f64 = f64::INFINITY;
    const HAS_KINKS: bool = true;

    fn from_settings(settings: &[f64]) -> Option<Self> {
        match *settings {
            [delta] if delta > 0.0 && delta.is_finite() => Some(Self { delta }),
            _ => None,
        }
    }

    #[inline(always)]
    fn value<T: Scalar, L: Level>(self, score: T, t: T) -> T {
        let (delta, half) = (T::from_f64(self.delta), T::from_f64(0.5));
        let error = (score - t).abs();
        if error > delta {
            delta * (error - half * delta)
        } else {
            half * error * error
        }
    }

    #[inline(always)]
    fn slope<T: Scalar, L: Level>(self, score: T, t: T) -> T {
        let delta = T::from_f64(self.delta);
        let error = score - t;
        if error > delta {
            delta
        } else if error < -delta {
            -delta
        } else {
            error
        }
    }

    #[inline(always)]
    fn derivatives(self, score: f64, t: f64) -> [f64; MAX_DERIVATIVES] {
        let error = score - t;
        if error.abs() > self.delta {
            [self.delta.copysign(error), 0.0, 0.0, 0.0, 0.0]
        } else {
            [error, 1.0, 0.0, 0.0, 0.0]
        }
    }

    /// The second derivative jumps at an error of `delta`.
    fn distance_to_kink(self, score: f64, t: f64) -> f64 {
        ((score - t).abs() - self.delta).abs()
    }

    /// As of the squared error, or `delta r`.
    fn variation(self, score: f64, t: f64, radius: f64) -> f64 {
        let error = (score - t).abs();
        if error > self.delta {
            self.delta * radius
        } else {
            radius * error + 0.5 * radius * radius
        }
    }
}
