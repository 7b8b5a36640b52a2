//! Binary cross-entropy of several labels a sample, from scores.

use super::separable::{SeparableLoss, MAX_DERIVATIVES};
use crate::network::activations::Activation;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;
use crate::numeric::vecmath::series::MAX_MOVE_5_TERMS;
use crate::numeric::vecmath::{exp, ln_1p, sigmoid};

/// `sum_k ln(1 + exp(s_k)) - t_k s_k`, where `s` are the scores: `-t ln(y) - (1 - t) ln(1 - y)` with `y` the
/// logistic function of the score, which is what the network answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BinaryCrossEntropy;

impl SeparableLoss for BinaryCrossEntropy {
    const NAME: &'static str = "binary_cross_entropy";
    const DERIVATIVES: usize = MAX_DERIVATIVES;
    const MAX_MOVE: f64 = MAX_MOVE_5_TERMS;
    const RADIUS: f64 = 1.5;

    fn from_settings(settings: &[f64]) -> Option<Self> {
        settings.is_empty().then_some(Self)
    }

    fn output<T: Scalar>(self, scores: &mut [T]) {
        Activation::Sigmoid.apply(scores);
    }

    /// Nothing saturates: of a score that is far off, the loss is its size.
    #[inline(always)]
    fn value<T: Scalar, L: Level>(self, score: T, t: T) -> T {
        let above = if score > T::zero() { score } else { T::zero() };
        above - t * score + ln_1p::<T, L>(exp::<T, L>(-score.abs()))
    }

    #[inline(always)]
    fn slope<T: Scalar, L: Level>(self, score: T, t: T) -> T {
        sigmoid::<T, L>(score) - t
    }

    /// Those of the logistic function `y`: with `v = y (1 - y)`, `v`, `v (1 - 2 y)`, `v (1 - 6 v)` and
    /// `v (1 - 2 y) (1 - 12 v)`.
    #[inline(always)]
    fn derivatives(self, score: f64, t: f64) -> [f64; MAX_DERIVATIVES] {
        let e = (-score.abs()).exp();
        let v = e / ((1.0 + e) * (1.0 + e));
        let y = if score < 0.0 { e } else { 1.0 } / (1.0 + e);
        let skew = 1.0 - 2.0 * y;
        [
            y - t,
            v,
            v * skew,
            v * (1.0 - 6.0 * v),
            v * skew * (1.0 - 12.0 * v),
        ]
    }

    /// The logistic function is at most 1 in size where the imaginary part is at most `pi / 2`.
    fn variation(self, _: f64, t: f64, radius: f64) -> f64 {
        radius * (1.0 + t.abs())
    }
}
