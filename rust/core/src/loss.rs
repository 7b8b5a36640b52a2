//! The loss of a network: softmax and cross-entropy, `-sum_k t_k log(y_k + 1e-7)` a sample.

use crate::error::Error;
use crate::matrix::MatrixRef;
use crate::scalar::Scalar;

/// Added to a probability before its logarithm is taken, as the course does: no `log(0)`.
pub const DELTA: f64 = 1e-7;

/// What the samples of a batch should have been classified as.
#[derive(Debug, Clone, Copy)]
pub enum Targets<'a, T> {
    /// The class of each sample.
    Labels(&'a [i64]),
    /// The weight of each class for each sample: one-hot or soft, shape (samples, classes).
    Dense(MatrixRef<'a, T>),
}

/// What one sample should have been classified as.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a, T> {
    /// This class.
    Label(usize),
    /// Each class with its weight.
    Dense(&'a [T]),
}

impl<'a, T: Scalar> Targets<'a, T> {
    /// The number of samples.
    #[must_use]
    pub fn samples(&self) -> usize {
        match self {
            Self::Labels(labels) => labels.len(),
            Self::Dense(t) => t.rows(),
        }
    }

    /// Checks that there is one target a sample, over the right number of classes.
    ///
    /// # Errors
    /// If not, or if a label is not one of `0..classes`.
    pub fn check(&self, samples: usize, classes: usize) -> Result<(), Error> {
        let (fits, got) = match self {
            Self::Labels(labels) => (
                labels.len() == samples,
                format!("shape ({},)", labels.len()),
            ),
            Self::Dense(t) => (
                t.rows() == samples && t.cols() == classes,
                format!("shape ({}, {})", t.rows(), t.cols()),
            ),
        };
        if !fits {
            let wanted = format!("have shape ({samples}, {classes}), or ({samples},) for labels");
            return Err(Error::value("t", wanted, got));
        }
        match self {
            Self::Labels(labels) => check_labels(labels, classes),
            Self::Dense(_) => Ok(()),
        }
    }

    /// The target of sample `n`, of targets that were [checked](Self::check). A one-hot row comes
    /// back as the label it stands for: the other classes contribute exact zeros.
    #[must_use]
    pub fn sample(&self, n: usize) -> Target<'a, T> {
        match self {
            Self::Labels(labels) => Target::Label(class_of(labels[n])),
            Self::Dense(t) => one_hot(t.row(n)).map_or(Target::Dense(t.row(n)), Target::Label),
        }
    }

    /// The largest sum of absolute weights a sample has.
    #[must_use]
    pub fn mass(&self) -> f64 {
        match self {
            Self::Labels(_) => 1.0,
            Self::Dense(t) => (0..t.rows())
                .map(|n| t.row(n).iter().map(|v| v.widen().abs()).sum())
                .fold(0.0, f64::max),
        }
    }
}

/// The class a label names; a negative label names none there could be.
#[must_use]
pub fn class_of(label: i64) -> usize {
    usize::try_from(label).unwrap_or(usize::MAX)
}

fn check_labels(labels: &[i64], classes: usize) -> Result<(), Error> {
    match labels.iter().position(|&label| class_of(label) >= classes) {
        None => Ok(()),
        Some(n) => {
            let wanted = format!("hold labels in 0..{} only", classes.saturating_sub(1));
            let got = format!("{} at position {n}", labels[n]);
            Err(Error::value("t", wanted, got))
        }
    }
}

fn one_hot<T: Scalar>(row: &[T]) -> Option<usize> {
    let hot = row.iter().position(|&v| v != T::zero())?;
    let rest = &row[hot + 1..];
    (row[hot] == T::one() && rest.iter().all(|&v| v == T::zero())).then_some(hot)
}

/// The losses of one sample for several sets of scores.
///
/// `scores[k * lanes + l]` is the score of class `k` in set (lane) `l`; it is overwritten. One
/// loss a lane goes to `losses`. Shifted by the maximum, so no score overflows.
#[inline(always)]
pub fn lane_losses<T: Scalar>(scores: &mut [T], target: Target<'_, T>, losses: &mut [T]) {
    let lanes = losses.len();
    let mut largest = [T::neg_infinity(); MAX_LANES];
    let mut total = [T::zero(); MAX_LANES];
    let (largest, total) = (&mut largest[..lanes], &mut total[..lanes]);
    for class in scores.chunks_exact(lanes) {
        for (m, &score) in largest.iter_mut().zip(class) {
            *m = m.max(score);
        }
    }
    for class in scores.chunks_exact_mut(lanes) {
        for ((score, &m), sum) in class.iter_mut().zip(&*largest).zip(&mut *total) {
            *score = (*score - m).exp();
            *sum += *score;
        }
    }
    let delta = T::from_f64(DELTA);
    match target {
        Target::Label(k) => {
            let class = &scores[k * lanes..(k + 1) * lanes];
            for ((loss, &e), &sum) in losses.iter_mut().zip(class).zip(&*total) {
                *loss = -(e / sum + delta).ln();
            }
        }
        Target::Dense(t) => {
            losses.fill(T::zero());
            for (class, &t) in scores.chunks_exact(lanes).zip(t) {
                for ((loss, &e), &sum) in losses.iter_mut().zip(class).zip(&*total) {
                    *loss -= t * (e / sum + delta).ln();
                }
            }
        }
    }
}

/// The largest number of lanes [`lane_losses`] takes.
pub const MAX_LANES: usize = 64;

/// The mean loss of a batch with these scores.
#[must_use]
pub fn mean_loss<T: Scalar>(scores: MatrixRef<'_, T>, targets: &Targets<'_, T>) -> T {
    let mut row = vec![T::zero(); scores.cols()];
    let mut sum = 0.0;
    for n in 0..scores.rows() {
        row.copy_from_slice(scores.row(n));
        let mut loss = [T::zero()];
        lane_losses(&mut row, targets.sample(n), &mut loss);
        sum += loss[0].widen();
    }
    T::from_f64(sum / scores.rows() as f64)
}

/// The derivative of one sample's loss by its scores, in place of the probabilities `y`.
///
/// With `g_k = -t_k / (y_k + 1e-7)`, the derivative by score `j` is
/// `y_j (g_j - sum_k g_k y_k)`: the chain rule through softmax, the 1e-7 included.
pub fn score_gradient<T: Scalar>(y: &mut [T], target: Target<'_, T>) {
    let slope = |t: T, y: T| -t / (y + T::from_f64(DELTA));
    match target {
        Target::Label(k) => {
            let g = slope(T::one(), y[k]);
            let mean = g * y[k];
            let own = y[k] * (g - mean);
            y.iter_mut().for_each(|y| *y *= -mean);
            y[k] = own;
        }
        Target::Dense(t) => {
            let mean: T = y.iter().zip(t).map(|(&y, &t)| slope(t, y) * y).sum();
            for (y, &t) in y.iter_mut().zip(t) {
                *y *= slope(t, *y) - mean;
            }
        }
    }
}
