//! Losses that are sums over the scores, each term of one score and its target.

mod taylor;

use super::closed_form::ClosedForm;
use super::{LossCertificate, LossFunction, Scored, Target, Targets};
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level};

pub use taylor::Taylor;

/// The most derivatives of a term that are of use.
pub const MAX_DERIVATIVES: usize = 5;

/// One term of a loss that is a sum over the scores. Such a loss takes dense targets.
///
/// Functions over numbers run inside a [`Kernel`]: implementations are `#[inline(always)]`.
pub trait SeparableLoss: Copy + Sync {
    /// Its name in the Python package.
    const NAME: &'static str;

    /// How many derivatives of a term give all digits of moves up to [`MAX_MOVE`](Self::MAX_MOVE): one, two, or
    /// [`MAX_DERIVATIVES`].
    const DERIVATIVES: usize;

    /// The largest move of a score that they serve; infinite where a term is a polynomial of its score.
    const MAX_MOVE: f64;

    /// Complex shifts of a score by up to this leave a term (its branch there, where it has kinks) analytic
    /// and [small](Self::variation).
    const RADIUS: f64;

    /// See [`LossFunction::from_settings`].
    fn from_settings(settings: &[f64]) -> Option<Self>;

    /// Replaces scores by what the network answers.
    fn output<T: Scalar>(self, _scores: &mut [T]) {}

    /// The term.
    fn value<T: Scalar, L: Level>(self, score: T, t: T) -> T;

    /// Its derivative by the score.
    fn slope<T: Scalar, L: Level>(self, score: T, t: T) -> T;

    /// Its derivatives by the score, first to last; zeros behind them.
    fn derivatives(self, score: f64, t: f64) -> [f64; MAX_DERIVATIVES];

    /// Whether there are scores for which the term is not analytic.
    const HAS_KINKS: bool = false;

    /// How far the score is from the nearest of them.
    fn distance_to_kink(self, _score: f64, _t: f64) -> f64 {
        f64::INFINITY
    }

    /// A bound on the change of the term under complex shifts of the score up to `radius`.
    fn variation(self, score: f64, t: f64, radius: f64) -> f64;
}

/// Without a smaller radius of use, that of a polynomial is so many times the size of the slopes: its bound
/// then grows as a power of it that the remainder of interpolation outweighs.
const MAX_RADIUS: f64 = 1e10;

/// Rounding of a score by half a unit in its last place, over the tolerance of quotients, `1e-11`: slopes are
/// known to so much of the score at best, and need not be told apart further.
const ROUNDING: f64 = f64::EPSILON / 1e-11;

impl<F: SeparableLoss> LossFunction for F {
    const NAME: &'static str = F::NAME;
    const TAKES_LABELS: bool = false;
    const HAS_KINKS: bool = <F as SeparableLoss>::HAS_KINKS;

    fn from_settings(settings: &[f64]) -> Option<Self> {
        F::from_settings(settings)
    }

    fn output<T: Scalar>(self, scores: &mut [T], _: usize) {
        SeparableLoss::output(self, scores);
    }

    fn mean<T: Scalar>(self, batch: &Scored<'_, T>) -> T {
        dispatch(Mean { loss: self, batch })
    }

    fn score_gradients<T: Scalar>(
        self,
        scores: MatrixRef<'_, T>,
        (targets, first_sample): (&Targets<'_, T>, usize),
        out: &mut [T],
    ) {
        dispatch(Slopes {
            loss: self,
            scores,
            targets,
            first_sample,
            out,
        });
    }

    #[inline(always)]
    fn lane_losses<L: Level, const W: usize>(
        self,
        scores: &mut [[f64; W]],
        target: Target<'_, f64>,
    ) -> [f64; W] {
        let mut losses = [0.0; W];
        for (k, scores) in scores.iter().enumerate() {
            let t = target.weight(k);
            for lane in 0..W {
                losses[lane] += self.value::<f64, L>(scores[lane], t);
            }
        }
        losses
    }

    /// The radius is the useful one, if the loss allows it.
    ///
    /// The slopes of a batch that is nearly answered right are as small as rounding leaves them, so quotients
    /// are measured by no less than what rounding of the scores does to the slopes.
    fn certificate(self, batch: &Scored<'_, f64>, useful: f64) -> LossCertificate {
        let mut scale = 0.0_f64;
        for_each_score(batch, |n, score, t| {
            let [slope, curvature, ..] = self.derivatives(score, t);
            let rounding = ROUNDING * (score.abs() + t.abs()) * curvature.abs();
            scale = scale.max(batch.targets.relative_weight(n) * (slope.abs() + rounding));
        });
        let radius = useful.min(F::RADIUS).min(MAX_RADIUS * scale);
        let mut variations = vec![0.0; batch.scores.rows()];
        for_each_score(batch, |n, score, t| {
            let variation = self.variation(score, t, radius);
            variations[n] += batch.targets.relative_weight(n) * variation;
        });
        LossCertificate {
            radius,
            bound: variations.into_iter().fold(0.0, f64::max),
            scale,
        }
    }

    fn kink_distances(self, batch: &Scored<'_, f64>) -> Option<Matrix<f64>> {
        <F as SeparableLoss>::HAS_KINKS.then(|| {
            let (samples, classes) = (batch.scores.rows(), batch.scores.cols());
            let mut distances = Vec::with_capacity(samples * classes);
            for_each_score(batch, |_, score, t| {
                distances.push(self.distance_to_kink(score, t));
            });
            Matrix::from_vec(distances, samples, classes)
        })
    }

    fn closed_form<'a>(
        self,
        batch: &Scored<'a, f64>,
        _: &[Target<'_, f64>],
    ) -> Option<ClosedForm<'a>> {
        Some(ClosedForm::Separable(Taylor::new(self, batch)))
    }
}

/// Calls `then` with each sample, each of its scores, and the target of the score.
fn for_each_score(batch: &Scored<'_, f64>, mut then: impl FnMut(usize, f64, f64)) {
    for n in 0..batch.scores.rows() {
        let target = batch.targets.sample(n);
        for (k, &score) in batch.scores.row(n).iter().enumerate() {
            then(n, score, target.weight(k));
        }
    }
}

struct Mean<'a, F, T> {
    loss: F,
    batch: &'a Scored<'a, T>,
}

impl<F: SeparableLoss, T: Scalar> Kernel for Mean<'_, F, T> {
    type Output = T;

    #[inline(always)]
    fn run<L: Level>(self) -> T {
        let Scored {
            scores, targets, ..
        } = self.batch;
        let mut losses = Vec::with_capacity(scores.rows());
        for n in 0..scores.rows() {
            let (target, mut loss) = (targets.sample(n), 0.0);
            for (k, &score) in scores.row(n).iter().enumerate() {
                loss += self.loss.value::<T, L>(score, target.weight(k)).widen();
            }
            losses.push(loss);
        }
        T::from_f64(targets.mean_of(|n| losses[n]))
    }
}

struct Slopes<'a, F, T> {
    loss: F,
    scores: MatrixRef<'a, T>,
    targets: &'a Targets<'a, T>,
    first_sample: usize,
    out: &'a mut [T],
}

impl<F: SeparableLoss, T: Scalar> Kernel for Slopes<'_, F, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let rows = self.out.chunks_exact_mut(self.scores.cols());
        for (i, row) in rows.enumerate() {
            let target = self.targets.sample(self.first_sample + i);
            let scores = self.scores.row(i);
            for (k, (out, &score)) in row.iter_mut().zip(scores).enumerate() {
                *out = self.loss.slope::<T, L>(score, target.weight(k));
            }
        }
    }
}
