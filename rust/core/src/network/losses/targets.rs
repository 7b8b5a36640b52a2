//! What the samples of a batch should have been answered by, and how much each of them counts.

use crate::error::Error;
use crate::numeric::matrix::MatrixRef;
use crate::numeric::scalar::Scalar;

/// What the samples of a batch should have been answered by, and how much each of them counts.
#[derive(Debug, Clone, Copy)]
pub struct Targets<'a, T> {
    values: TargetValues<'a, T>,
    weights: Option<SampleWeights<'a>>,
}

/// Targets without weights.
#[derive(Debug, Clone, Copy)]
pub enum TargetValues<'a, T> {
    /// The class of each sample.
    Labels(&'a [i64]),
    /// The weight of each class for each sample: one-hot or soft, shape (samples, classes).
    Dense(MatrixRef<'a, T>),
}

/// How much each sample counts.
#[derive(Debug, Clone, Copy)]
struct SampleWeights<'a> {
    each: &'a [f64],
    total: f64,
}

/// What one sample should have been answered by.
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
    /// The class of each sample.
    #[must_use]
    pub fn labels(labels: &'a [i64]) -> Self {
        TargetValues::Labels(labels).into()
    }

    /// One row a sample.
    #[must_use]
    pub fn dense(rows: MatrixRef<'a, T>) -> Self {
        TargetValues::Dense(rows).into()
    }

    /// The same targets, of which each counts as much as its weight, or all the same.
    #[must_use]
    pub fn weighted(self, weights: Option<&'a [f64]>) -> Self {
        let weights = weights.map(|each| SampleWeights {
            each,
            total: each.iter().sum(),
        });
        Self { weights, ..self }
    }

    /// The targets without their weights.
    #[must_use]
    pub fn values(&self) -> TargetValues<'a, T> {
        self.values
    }

    /// The weights, if samples have any.
    #[must_use]
    pub fn weights(&self) -> Option<&'a [f64]> {
        self.weights.map(|weights| weights.each)
    }

    /// The number of samples.
    #[must_use]
    pub fn samples(&self) -> usize {
        match self.values {
            TargetValues::Labels(labels) => labels.len(),
            TargetValues::Dense(t) => t.rows(),
        }
    }

    /// What sample `n` counts in a mean: all samples together count 1, or nothing if none has any weight.
    #[must_use]
    pub fn share(&self, n: usize) -> f64 {
        match self.weights {
            None => 1.0 / self.samples() as f64,
            Some(weights) if weights.total > 0.0 => weights.each[n] / weights.total,
            Some(_) => 0.0,
        }
    }

    /// How many times as much sample `n` counts as one of so many of equal weight.
    #[must_use]
    pub fn relative_weight(&self, n: usize) -> f64 {
        match self.weights {
            None => 1.0,
            Some(_) => self.share(n) * self.samples() as f64,
        }
    }

    /// The mean of a number of each sample, asked for in their order; one that counts nothing may be anything.
    #[must_use]
    pub fn mean_of(&self, mut number: impl FnMut(usize) -> f64) -> f64 {
        let samples = 0..self.samples();
        if self.weights.is_none() {
            let mut sum = 0.0;
            for n in samples {
                sum += number(n);
            }
            return sum / self.samples() as f64;
        }
        let mut mean = 0.0;
        for n in samples {
            let (number, share) = (number(n), self.share(n));
            if share > 0.0 {
                mean += share * number;
            }
        }
        mean
    }

    /// Checks that there is one target a sample, over the right number of classes, that they are no labels
    /// unless `may_be_labels`, and that weights are finite and not negative.
    ///
    /// # Errors
    /// If not, or if a label is not one of `0..classes`.
    pub fn check(
        &self,
        (samples, classes): (usize, usize),
        may_be_labels: bool,
    ) -> Result<(), Error> {
        let (fits, got) = match self.values {
            TargetValues::Labels(labels) => (
                may_be_labels && labels.len() == samples,
                format!("shape ({},)", labels.len()),
            ),
            TargetValues::Dense(t) => (
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
        if let Some(weights) = self.weights {
            weights.check(samples)?;
        }
        match self.values {
            TargetValues::Labels(labels) => check_labels(labels, classes),
            TargetValues::Dense(_) => Ok(()),
        }
    }

    /// The target of sample `n`, of targets that were [checked](super::Loss::check). A one-hot row comes
    /// back as the label it stands for: the other classes contribute exact zeros.
    #[must_use]
    pub fn sample(&self, n: usize) -> Target<'a, T> {
        match self.values {
            TargetValues::Labels(labels) => Target::Label(class_of(labels[n])),
            TargetValues::Dense(t) => {
                one_hot(t.row(n)).map_or(Target::Dense(t.row(n)), Target::Label)
            }
        }
    }
}

impl<'a, T> From<TargetValues<'a, T>> for Targets<'a, T> {
    fn from(values: TargetValues<'a, T>) -> Self {
        Self {
            values,
            weights: None,
        }
    }
}

impl SampleWeights<'_> {
    fn check(&self, samples: usize) -> Result<(), Error> {
        if self.each.len() != samples {
            let got = format!("shape ({},)", self.each.len());
            return Err(Error::value(
                "sample_weight",
                format!("have shape ({samples},)"),
                got,
            ));
        }
        let is_wrong = |weight: &&f64| !weight.is_finite() || **weight < 0.0;
        let wrong = self.each.iter().find(is_wrong).copied();
        match wrong.or((!self.total.is_finite()).then_some(self.total)) {
            None => Ok(()),
            Some(wrong) => {
                let wanted = "hold finite numbers of a finite sum, none negative";
                Err(Error::value("sample_weight", wanted, wrong.to_string()))
            }
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
