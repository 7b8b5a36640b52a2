//! The negative log-likelihood of Poisson distributions whose logarithmic means are the scores, but for what
//! does not depend on them.

use super::separable::{SeparableLoss, MAX_DERIVATIVES};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;
use crate::numeric::vecmath::exp;
use crate::numeric::vecmath::series::MAX_MOVE_5_TERMS;

/// `sum_k exp(s_k) - t_k s_k`, where `s` are the scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Poisson;

impl SeparableLoss for Poisson {
    const NAME: &'static str = "poisson";
    const DERIVATIVES: usize = MAX_DERIVATIVES;
    const MAX_MOVE: f64 = MAX_MOVE_5_TERMS;
    const RADIUS: f64 = 1.0;

    fn from_settings(settings: &[f64]) -> Option<Self> {
        settings.is_empty().then_some(Self)
    }

    #[inline(always)]
    fn value<T: Scalar, L: Level>(self, score: T, t: T) -> T {
        exp::<T, L>(score) - t * score
    }

    #[inline(always)]
    fn slope<T: Scalar, L: Level>(self, score: T, t: T) -> T {
        exp::<T, L>(score) - t
    }

    #[inline(always)]
    fn derivatives(self, score: f64, t: f64) -> [f64; MAX_DERIVATIVES] {
        let mean = score.exp();
        [mean - t, mean, mean, mean, mean]
    }

    /// `|exp(s + u) - exp(s)| <= exp(s) (exp(r) - 1)`, and `t` times the shift.
    fn variation(self, score: f64, t: f64, radius: f64) -> f64 {
        score.exp() * radius.exp_m1() + t.abs() * radius
    }
}
