//! What the samples of a batch should have been answered by.

use crate::error::Error;
use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;

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

    /// Checks that there is one target a sample, over the right number of classes, and that they are no
    /// labels unless `may_be_labels`.
    ///
    /// # Errors
    /// If not, or if a label is not one of `0..classes`.
    pub fn check(
        &self,
        (samples, classes): (usize, usize),
        may_be_labels: bool,
    ) -> Result<(), Error> {
        let (fits, got) = match self {
            Self::Labels(labels) => (
                may_be_labels && labels.len() == samples,
                format!("shape ({},)", labels.len()),
            ),
            Self::Dense(t) => (
                t.rows() == samples && t.cols() == classes,
                format!("shape ({}, {})", t.rows(), t.cols()),
            ),
        };
        if !fits {
            let labels = if may_be_labels {
                format!(", or ({samples},) for labels")
            } else {
                String::new()
            };
            let wanted = format!("have shape ({samples}, {classes}){labels}");
            return Err(Error::value("t", wanted, got));
        }
        match self {
            Self::Labels(labels) => check_labels(labels, classes),
            Self::Dense(_) => Ok(()),
        }
    }

    /// The target of sample `n`, of targets that were [checked](super::Loss::check). A one-hot row comes
    /// back as the label it stands for: the other classes contribute exact zeros.
    #[must_use]
    pub fn sample(&self, n: usize) -> Target<'a, T> {
        match self {
            Self::Labels(labels) => Target::Label(class_of(labels[n])),
            Self::Dense(t) => one_hot(t.row(n)).map_or(Target::Dense(t.row(n)), Target::Label),
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
