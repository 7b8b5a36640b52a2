//! The loss of a network: softmax and cross-entropy, `-sum_k t_k log(y_k + 1e-7)` a sample.

use crate::error::Error;
use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level};
use crate::numeric::vecmath::ln;

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

impl<T: Scalar> Target<'_, T> {
    /// The weight of class `k`.
    #[inline(always)]
    #[must_use]
    pub fn weight(&self, k: usize) -> T {
        match self {
            Self::Label(label) if *label == k => T::one(),
            Self::Label(_) => T::zero(),
            Self::Dense(t) => t[k],
        }
    }
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

/// The losses of one sample for `W` sets of unnormalised probabilities, one a lane: `weights[k]`
/// over `total` is the probability of class `k`.
#[inline(always)]
pub fn lane_losses<T: Scalar, L: Level, const W: usize>(
    weights: &[[T; W]],
    total: &[T; W],
    target: Target<'_, T>,
) -> [T; W] {
    let delta = T::from_f64(DELTA);
    let mut losses = [T::zero(); W];
    match target {
        Target::Label(k) => {
            for l in 0..W {
                losses[l] = -ln::<T, L>(weights[k][l] / total[l] + delta);
            }
        }
        Target::Dense(t) => {
            for (weights, &t) in weights.iter().zip(t) {
                for l in 0..W {
                    losses[l] -= t * ln::<T, L>(weights[l] / total[l] + delta);
                }
            }
        }
    }
    losses
}

/// The mean loss of a batch with these probabilities, accumulated in double precision.
#[must_use]
pub fn mean_loss<T: Scalar>(y: MatrixRef<'_, T>, targets: &Targets<'_, T>) -> T {
    dispatch(MeanLoss { y, targets })
}

struct MeanLoss<'a, T> {
    y: MatrixRef<'a, T>,
    targets: &'a Targets<'a, T>,
}

impl<T: Scalar> Kernel for MeanLoss<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<L: Level>(self) -> T {
        // The logarithms of all samples at once: whole vectors.
        let mut logs = Vec::with_capacity(self.y.data().len());
        for n in 0..self.y.rows() {
            let y = self.y.row(n);
            match self.targets.sample(n) {
                Target::Label(k) => logs.push(y[k]),
                Target::Dense(_) => logs.extend_from_slice(y),
            }
        }
        for log in &mut logs {
            *log = ln::<T, L>(*log + T::from_f64(DELTA));
        }
        let mut rest = &logs[..];
        let mut sum = 0.0;
        for n in 0..self.y.rows() {
            let mut loss = T::zero();
            let own = match self.targets.sample(n) {
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
            rest = &rest[own..];
            sum += loss.widen();
        }
        T::from_f64(sum / self.y.rows() as f64)
    }
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
            for y in &mut *y {
                *y *= -mean;
            }
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
