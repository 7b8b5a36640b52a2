//! Moves of any size of one score, in a sample of one class: all other scores count by the sum of their
//! exponentials alone.

use crate::numeric::matrix::MatrixRef;
use crate::numeric::simd::{dispatch, Kernel, Level};
use crate::numeric::vecmath::{exp, ln};

/// The sum of the exponentials of all scores of a sample but one, for any one of them.
///
/// It is that of all less its own, but for the largest score: its own could be all of that.
#[derive(Debug, Clone, Copy, Default)]
pub struct OtherScores {
    top: usize,
    /// The largest score, and the sum of all exponentials over its own.
    all: (f64, f64),
    /// The same of all scores but it.
    but_top: (f64, f64),
}

/// Finds them for each sample.
struct SumOthers<'a>(MatrixRef<'a, f64>);

impl Kernel for SumOthers<'_> {
    type Output = Vec<OtherScores>;

    #[inline(always)]
    fn run<L: Level>(self) -> Vec<OtherScores> {
        let mut all = Vec::with_capacity(self.0.rows());
        for n in 0..self.0.rows() {
            all.push(OtherScores::new::<L>(self.0.row(n)));
        }
        all
    }
}

impl OtherScores {
    /// Those of each sample of a batch with these scores.
    #[must_use]
    pub fn of_batch(scores: MatrixRef<'_, f64>) -> Vec<Self> {
        dispatch(SumOthers(scores))
    }

    #[inline(always)]
    fn new<L: Level>(scores: &[f64]) -> Self {
        let mut top = 0;
        for (k, &score) in scores.iter().enumerate() {
            if score > scores[top] {
                top = k;
            }
        }
        let (before, after) = (&scores[..top], &scores[top + 1..]);
        let rest = before.iter().chain(after);
        let second = rest.fold(f64::NEG_INFINITY, |most, &score| most.max(score));
        // Where there is none, or all are excluded, they sum to nothing over whatever.
        let second = if second.is_finite() { second } else { 0.0 };
        let but_top = sum_over::<L>(before, second) + sum_over::<L>(after, second);
        Self {
            top,
            all: (scores[top], sum_over::<L>(scores, scores[top])),
            but_top: (second, but_top),
        }
    }

    /// The logarithm of the sum without score `j`, over the exponential of a score.
    #[inline(always)]
    fn logarithm<L: Level>(&self, scores: &[f64], j: usize, over: f64) -> f64 {
        let (largest, total) = if j == self.top {
            self.but_top
        } else {
            let (largest, total) = self.all;
            (largest, total - exp::<f64, L>(scores[j] - largest))
        };
        if total > 0.0 {
            (largest - over) + ln::<f64, L>(total)
        } else {
            f64::NEG_INFINITY
        }
    }

    /// Score `j` of a sample of class `k`, about to move.
    #[inline(always)]
    #[must_use]
    pub fn moved<L: Level>(&self, scores: &[f64], (k, j): (usize, usize), epsilon: f64) -> MovedScore {
        MovedScore {
            score: scores[j],
            over_label: scores[j] - scores[k],
            others: self.logarithm::<L>(scores, j, scores[k]),
            is_label: j == k,
            epsilon,
        }
    }
}

/// A score that alone moves by any amount, in a sample of one class.
#[derive(Debug, Clone, Copy)]
pub struct MovedScore {
    score: f64,
    /// How far it lies above the score of the class.
    over_label: f64,
    /// The logarithm of the sum of all other exponentials, over that of the class.
    others: f64,
    is_label: bool,
    epsilon: f64,
}

impl MovedScore {
    /// The difference of the losses when it moves up by `d` and when it moves down.
    #[inline(always)]
    #[must_use]
    pub fn difference<L: Level>(self, d: f64) -> f64 {
        let mut losses = [0.0; 2];
        for (loss, d) in losses.iter_mut().zip([d, -d]) {
            // All exponentials, over that of the class.
            let total = if self.is_label {
                1.0 + exp::<f64, L>(self.others - d)
            } else {
                exp::<f64, L>(self.others) + exp::<f64, L>(self.over_label + d)
            };
            // Softmax gives no numbers where a score is infinite.
            *loss = if self.score + d < f64::INFINITY {
                -ln::<f64, L>(1.0 / total + self.epsilon)
            } else {
                f64::NAN
            };
        }
        losses[0] - losses[1]
    }
}

/// The sum of exponentials over that of `over`.
#[inline(always)]
fn sum_over<L: Level>(scores: &[f64], over: f64) -> f64 {
    let mut sum = 0.0;
    for &score in scores {
        sum += exp::<f64, L>(score - over);
    }
    sum
}
