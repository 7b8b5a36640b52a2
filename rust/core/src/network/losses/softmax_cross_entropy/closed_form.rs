//! How small moves of the scores change the loss of a sample.
//!
//! Let the score of class `k` move by `v_k`. With the probabilities `y_k`, the denominator of the softmax
//! grows by the factor `1 + g`, `g = sum_k y_k e_k`, and the loss `-sum_k t_k ln(y_k + epsilon)` by
//!
//! ```text
//! sum_k t_k [ln(1 + g) - ln(1 + e_k + q_k (g - e_k))],  e_k = exp(v_k) - 1,  q_k = epsilon / (y_k + epsilon).
//! ```
//!
//! That is the loss itself, written so that what stays the same cancels before it is rounded. The epsilon
//! fractions `q_k` are tiny where the sample's own classes are not all but excluded. As
//! `(1 + g) exp(-v) - 1 = (g - e) / (1 + e)`, the loss then grows by
//!
//! ```text
//! sum_k t_k [ln(1 + g) - v_k - q_k ((1 + g) exp(-v_k) - 1) + r_k],  |r_k| < (q_k (g - e_k) / (1 + e_k))^2.
//! ```
//!
//! [`class_sums`](super::class_sums) has the moves by a unit below, [`one_score`](super::one_score) those of
//! one score alone.

use std::sync::OnceLock;

use super::one_score::LogPowers;
use super::other_scores::OtherScores;
use crate::network::losses::{Scored, Target};
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::simd::{dispatch, Kernel, Level};
use crate::numeric::vecmath::series::MAX_MOVE_3_TERMS;

/// The largest `sum_k |t_k| (q_k v)^2`, `v` the largest move of a score, that is left out: as
/// `|g - e_k| / (1 + e_k) < 2.03 v`, the loss then is off by less than `1e-17`. Of targets that weigh less
/// than 1 it is as much less.
const MAX_SQUARES: f64 = 4e-18;

/// What the losses of a batch depend on, besides how the scores move.
#[derive(Debug)]
pub struct ClosedForm<'a> {
    /// See [`SoftmaxCrossEntropy`](super::SoftmaxCrossEntropy).
    pub epsilon: f64,
    /// The batch.
    pub batch: Scored<'a, f64>,
    /// `q_k` of each sample and class.
    pub fractions: Matrix<f64>,
    /// Of each sample.
    pub targets: Vec<TargetSums>,
    /// Of each sample, once they are asked for again and again.
    pub log_powers: OnceLock<Vec<LogPowers>>,
    /// Of each sample, once they are asked for.
    pub others: OnceLock<Vec<OtherScores>>,
}

/// Sums over the classes of a sample.
#[derive(Debug, Clone, Copy, Default)]
pub struct TargetSums {
    /// `sum_k t_k`.
    pub mass: f64,
    /// `sum_k t_k q_k`.
    pub fraction: f64,
    /// `sum_k |t_k|`.
    absolute: f64,
    /// `sum_k |t_k| q_k^2`.
    squares: f64,
}

/// How many terms of the series of `exp(x) - 1` and `ln(1 + x)` a move of scores takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Series {
    /// Three of each.
    Short,
    /// As many as the largest move takes.
    Long,
    /// As many, and each class by itself: the squares of its fraction count.
    #[default]
    AnyFraction,
}

impl TargetSums {
    fn new(target: Target<'_, f64>, fractions: &[f64]) -> Self {
        let mut sums = Self::default();
        match target {
            Target::Label(k) => sums.add(1.0, fractions[k]),
            Target::Dense(t) => {
                for (&t, &fraction) in t.iter().zip(fractions) {
                    sums.add(t, fraction);
                }
            }
        }
        sums
    }

    fn add(&mut self, t: f64, fraction: f64) {
        self.mass += t;
        self.fraction += t * fraction;
        self.absolute += t.abs();
        self.squares += t.abs() * fraction * fraction;
    }

    /// What moves of scores up to `max_move` take.
    #[inline(always)]
    pub fn series(&self, max_move: f64) -> Series {
        let squares = max_move * max_move * self.squares;
        if squares <= MAX_SQUARES * self.absolute.min(1.0) {
            if max_move <= MAX_MOVE_3_TERMS {
                Series::Short
            } else {
                Series::Long
            }
        } else {
            Series::AnyFraction
        }
    }
}

impl<'a> ClosedForm<'a> {
    /// Of a batch; `targets` are those of its samples.
    #[must_use]
    pub fn new(epsilon: f64, batch: Scored<'a, f64>, targets: &[Target<'_, f64>]) -> Self {
        let fractions = epsilon_fractions(batch.outputs, epsilon);
        let sums = targets.iter().enumerate();
        let sums = sums.map(|(n, &target)| TargetSums::new(target, fractions.row(n)));
        Self {
            epsilon,
            batch,
            targets: sums.collect(),
            fractions,
            log_powers: OnceLock::new(),
            others: OnceLock::new(),
        }
    }
}

/// For each class, the fraction of `epsilon` in `y + epsilon`.
#[must_use]
pub fn epsilon_fractions(y: MatrixRef<'_, f64>, epsilon: f64) -> Matrix<f64> {
    let mut fractions = Matrix::from_vec(y.data().to_vec(), y.rows(), y.cols());
    dispatch(Fractions {
        epsilon,
        fractions: fractions.data_mut(),
    });
    fractions
}

struct Fractions<'a> {
    epsilon: f64,
    fractions: &'a mut [f64],
}

impl Kernel for Fractions<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        for y in self.fractions {
            // Without an epsilon a probability may be 0, too.
            *y = if self.epsilon > 0.0 {
                self.epsilon / (*y + self.epsilon)
            } else {
                0.0
            };
        }
    }
}
