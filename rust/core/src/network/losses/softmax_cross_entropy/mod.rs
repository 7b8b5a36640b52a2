//! Softmax and cross-entropy, `-sum_k t_k log(y_k + epsilon)` a sample.

pub(super) mod class_sums;
pub(super) mod closed_form;
pub(super) mod one_score;
mod other_scores;

use super::closed_form::ClosedForm;
use super::{LossCertificate, LossFunction, Scored, Target, TargetValues, Targets};
use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level};
use crate::numeric::softmax::{softmax, softmax_weights};
use crate::numeric::vecmath::ln;

/// What the course adds to a probability before its logarithm is taken: no `log(0)`.
pub const COURSE_EPSILON: f64 = 1e-7;

/// `-sum_k t_k log(y_k + epsilon)`, where `y` is the softmax of the scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SoftmaxCrossEntropy {
    /// Added to a probability before its logarithm is taken.
    pub epsilon: f64,
}

impl Default for SoftmaxCrossEntropy {
    fn default() -> Self {
        Self {
            epsilon: COURSE_EPSILON,
        }
    }
}

impl LossFunction for SoftmaxCrossEntropy {
    const NAME: &'static str = "cross_entropy";
    const TAKES_LABELS: bool = true;

    fn from_settings(settings: &[f64]) -> Option<Self> {
        match *settings {
            [epsilon] if epsilon > 0.0 && epsilon.is_finite() => Some(Self { epsilon }),
            _ => None,
        }
    }

    fn output<T: Scalar>(self, scores: &mut [T], classes: usize) {
        softmax(scores, classes, 1);
    }

    fn mean<T: Scalar>(self, batch: &Scored<'_, T>) -> T {
        dispatch(Mean {
            epsilon: T::from_f64(self.epsilon),
            batch,
        })
    }

    /// With `g_k = -t_k / (y_k + epsilon)`, the derivative by score `j` is
    /// `y_j (g_j - sum_k g_k y_k)`: the chain rule through softmax, the epsilon included.
    fn score_gradients<T: Scalar>(
        self,
        scores: MatrixRef<'_, T>,
        (targets, first): (&Targets<'_, T>, usize),
        outputs: &mut [T],
    ) {
        for (i, y) in outputs.chunks_exact_mut(scores.cols()).enumerate() {
            self.score_gradient(y, targets.sample(first + i));
        }
    }

    #[inline(always)]
    fn lane_losses<L: Level, const W: usize>(
        self,
        scores: &mut [[f64; W]],
        target: Target<'_, f64>,
    ) -> [f64; W] {
        let total = softmax_weights::<f64, L, W>(scores);
        let mut losses = [0.0; W];
        match target {
            Target::Label(k) => {
                for lane in 0..W {
                    losses[lane] = -ln::<f64, L>(scores[k][lane] / total[lane] + self.epsilon);
                }
            }
            Target::Dense(t) => {
                for (weights, &t) in scores.iter().zip(t) {
                    for lane in 0..W {
                        let y = weights[lane] / total[lane];
                        losses[lane] -= t * ln::<f64, L>(y + self.epsilon);
                    }
                }
            }
        }
        losses
    }

    /// Of targets of mass `m`, the largest `sum_k |t_k|` of a sample, complex shifts of every score up to
    /// the radius 1/2 move the loss by at most `2 m`.
    ///
    /// Softmax's denominator turns by at most `r` and each of its terms by as much, so
    /// `y' / y = exp(u_k) / sum_i y_i exp(u_i)` turns by at most `2r = 1 < pi / 2` and lies between
    /// `exp(-2r)` and `exp(2r) / cos r` in size. `q = (y' + epsilon) / (y + epsilon)` is a mean of that and
    /// 1: it turns by at most 1, its real part is at least `exp(-1) cos 1 > 0.198`, its size at most 3.1.
    /// So its logarithm is analytic and at most `|ln 0.198 + i| < 2` in size.
    fn certificate(self, batch: &Scored<'_, f64>, _: f64) -> LossCertificate {
        let mass = mass(batch.targets);
        LossCertificate {
            radius: 0.5,
            bound: 2.0 * mass,
            // Targets that weigh less than 1 make the loss, and its rounding, as much smaller.
            scale: mass.min(1.0),
        }
    }

    fn closed_form<'a>(
        self,
        batch: &Scored<'a, f64>,
        targets: &[Target<'_, f64>],
    ) -> Option<ClosedForm<'a>> {
        let form = closed_form::ClosedForm::new(self.epsilon, *batch, targets);
        Some(ClosedForm::Softmax(form))
    }
}

impl SoftmaxCrossEntropy {
    /// Replaces the probabilities of a sample by the derivative of its loss by its scores.
    fn score_gradient<T: Scalar>(self, y: &mut [T], target: Target<'_, T>) {
        let epsilon = T::from_f64(self.epsilon);
        let slope = |t: T, y: T| -t / (y + epsilon);
        match target {
            Target::Label(k) => {
                let g = slope(T::one(), y[k]);
                let mean = g * y[k];
                let at_label = y[k] * (g - mean);
                for y in &mut *y {
                    *y *= -mean;
                }
                y[k] = at_label;
            }
            Target::Dense(t) => {
                let mean: T = y.iter().zip(t).map(|(&y, &t)| slope(t, y) * y).sum();
                for (y, &t) in y.iter_mut().zip(t) {
                    *y *= slope(t, *y) - mean;
                }
            }
        }
    }
}

/// The largest sum of absolute class weights a sample has, times what the sample itself counts.
pub(super) fn mass(targets: &Targets<'_, f64>) -> f64 {
    let mass = |n: usize| match targets.values() {
        TargetValues::Labels(_) => 1.0,
        TargetValues::Dense(t) => t.row(n).iter().map(|v| v.abs()).sum(),
    };
    match (targets.values(), targets.weights()) {
        (TargetValues::Labels(_), None) => 1.0,
        _ => (0..targets.samples())
            .map(|n| targets.relative_weight(n) * mass(n))
            .fold(0.0, f64::max),
    }
}

struct Mean<'a, T> {
    epsilon: T,
    batch: &'a Scored<'a, T>,
}

impl<T: Scalar> Kernel for Mean<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<L: Level>(self) -> T {
        let (y, targets) = (self.batch.outputs, self.batch.targets);
        // The logarithms of all samples at once: whole vectors.
        let mut logs = Vec::with_capacity(y.data().len());
        for n in 0..y.rows() {
            let y = y.row(n);
            match targets.sample(n) {
                Target::Label(k) => logs.push(y[k]),
                Target::Dense(_) => logs.extend_from_slice(y),
            }
        }
        for log in &mut logs {
            *log = ln::<T, L>(*log + self.epsilon);
        }
        let mut rest = &logs[..];
        let mean = targets.mean_of(|n| {
            let mut loss = T::zero();
            let count = match targets.sample(n) {
                Target::Label(_) => {
                    loss -= rest[0];
                    1
                }
                Target::Dense(t) => {
                    for (&t, &log) in t.iter().zip(rest) {
                        loss -= t * log;
                    }
                    t.len()
                }
            };
            rest = &rest[count..];
            loss.widen()
        });
        T::from_f64(mean)
    }
}
