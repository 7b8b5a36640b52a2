//! Cross-entropy of a softmax from the scores, `sum_k t_k (ln sum_i exp(s_i) - s_k)` a sample: it never
//! saturates.

use super::closed_form::ClosedForm;
use super::softmax_cross_entropy::{closed_form, mass};
use super::{LossCertificate, LossFunction, Scored, Target, Targets};
use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level};
use crate::numeric::softmax::softmax;
use crate::numeric::vecmath::{exp, ln};

/// `sum_k t_k (ln sum_i exp(s_i) - s_k)`, where `s` are the scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CrossEntropy;

impl LossFunction for CrossEntropy {
    const NAME: &'static str = "cross_entropy";
    const TAKES_LABELS: bool = true;

    fn from_settings(settings: &[f64]) -> Option<Self> {
        // The epsilon of the course's loss; another one makes that loss.
        matches!(*settings, [0.0]).then_some(Self)
    }

    fn output<T: Scalar>(self, scores: &mut [T], classes: usize) {
        softmax(scores, classes, 1);
    }

    fn mean<T: Scalar>(self, batch: &Scored<'_, T>) -> T {
        dispatch(Mean(batch))
    }

    /// With the probabilities `y`, the derivative by score `j` is `y_j sum_k t_k - t_j`.
    fn score_gradients<T: Scalar>(
        self,
        scores: MatrixRef<'_, T>,
        (targets, first): (&Targets<'_, T>, usize),
        outputs: &mut [T],
    ) {
        for (i, y) in outputs.chunks_exact_mut(scores.cols()).enumerate() {
            match targets.sample(first + i) {
                Target::Label(k) => y[k] -= T::one(),
                Target::Dense(t) => {
                    let mass: T = t.iter().copied().sum();
                    for (y, &t) in y.iter_mut().zip(t) {
                        *y = *y * mass - t;
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn lane_losses<L: Level, const W: usize>(
        self,
        scores: &mut [[f64; W]],
        target: Target<'_, f64>,
    ) -> [f64; W] {
        let mut losses = [0.0; W];
        for lane in 0..W {
            let row = scores.iter().map(|class| class[lane]);
            losses[lane] = loss::<f64, L>(row, target);
        }
        losses
    }

    /// Of targets of mass `m`, the largest `sum_k |t_k|` of a sample, complex shifts of every score up to
    /// the radius 1 move the loss by at most `2.91 m`.
    ///
    /// `sum_i y_i exp(u_i)` turns by at most 1, and lies between `exp(-1) cos 1` and `exp(1)` in size, so its
    /// logarithm is at most `|1 - ln cos 1 + i| < 1.91` in size; and each score itself moves by 1.
    fn certificate(self, batch: &Scored<'_, f64>, _: f64) -> LossCertificate {
        let mass = mass(batch.targets);
        LossCertificate {
            radius: 1.0,
            bound: 2.91 * mass,
            // Targets that weigh less than 1 make the loss, and its rounding, as much smaller.
            scale: mass.min(1.0),
        }
    }

    fn closed_form<'a>(
        self,
        batch: &Scored<'a, f64>,
        targets: &[Target<'_, f64>],
    ) -> Option<ClosedForm<'a>> {
        let form = closed_form::ClosedForm::new(0.0, *batch, targets);
        Some(ClosedForm::Softmax(form))
    }
}

/// The loss of a sample, inside a [`Kernel`]. A score of minus infinity excludes its class.
#[inline(always)]
fn loss<T: Scalar, L: Level>(scores: impl Iterator<Item = T> + Clone, target: Target<'_, T>) -> T {
    let largest = max_score(scores.clone());
    let mut total = T::zero();
    for score in scores.clone() {
        total += exp::<T, L>(score - largest);
    }
    weighed(scores, target, (largest, total, ln::<T, L>(total)))
}

#[inline(always)]
fn max_score<T: Scalar>(scores: impl Iterator<Item = T>) -> T {
    let mut largest = T::neg_infinity();
    for score in scores {
        // Written so that a NaN is passed over; it comes back through its exponential.
        largest = if score > largest { score } else { largest };
    }
    largest
}

/// The loss of a sample by its largest score, the sum of the exponentials of what its scores are less than
/// that, and the logarithm of the sum.
#[inline(always)]
fn weighed<T: Scalar>(
    scores: impl Iterator<Item = T>,
    target: Target<'_, T>,
    (largest, total, logarithm): (T, T, T),
) -> T {
    let mut loss = T::zero();
    for (k, score) in scores.enumerate() {
        let t = target.weight(k);
        // Nothing of a class without weight, however far off it is.
        if t != T::zero() {
            loss += t * ((largest - score) + logarithm);
        }
    }
    // Also where no class has any weight.
    if total.is_nan() {
        total
    } else {
        loss
    }
}

struct Mean<'a, T>(&'a Scored<'a, T>);

impl<T: Scalar> Kernel for Mean<'_, T> {
    type Output = T;

    /// The same sums as [`loss`], each function in one loop over all samples, so that vectors are whole.
    #[inline(always)]
    fn run<L: Level>(self) -> T {
        let Scored {
            scores, targets, ..
        } = self.0;
        let (samples, classes) = (scores.rows(), scores.cols());
        let mut powers = scores.data().to_vec();
        let mut largest = Vec::with_capacity(samples);
        for row in powers.chunks_exact_mut(classes) {
            let most = max_score(row.iter().copied());
            for score in row {
                *score -= most;
            }
            largest.push(most);
        }
        for power in &mut powers {
            *power = exp::<T, L>(*power);
        }
        let rows = powers.chunks_exact(classes);
        let totals: Vec<T> = rows.map(|row| row.iter().copied().sum()).collect();
        let mut logarithms = totals.clone();
        for logarithm in &mut logarithms {
            *logarithm = ln::<T, L>(*logarithm);
        }
        let loss = |n: usize| {
            let sums = (largest[n], totals[n], logarithms[n]);
            weighed(scores.row(n).iter().copied(), targets.sample(n), sums).widen()
        };
        T::from_f64(targets.mean_of(loss))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::matrix::Matrix;

    #[test]
    fn it_does_not_saturate() {
        let scores = Matrix::from_vec(vec![800.0, 0.0, 0.0, -800.0], 2, 2);
        let mut outputs = scores.clone();
        CrossEntropy.output(outputs.data_mut(), 2);
        let targets = Targets::labels(&[1, 1]);
        let batch = Scored {
            scores: scores.view(),
            outputs: outputs.view(),
            targets: &targets,
        };
        assert!((CrossEntropy.mean(&batch) - 800.0_f64).abs() < 1e-12);
        let mut slopes = outputs.clone();
        CrossEntropy.score_gradients(scores.view(), (&targets, 0), slopes.data_mut());
        assert_eq!(slopes.data(), [1.0, -1.0, 1.0, -1.0]);
    }
}
