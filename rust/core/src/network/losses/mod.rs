//! Losses, a file or folder each: from the scores of a batch to what the network answers and how far that
//! is off, and what the evaluators must know of every one.
//!
//! A new one is a file with a [`LossFunction`], or a [`SeparableLoss`](separable::SeparableLoss), and a line in
//! the list below.

pub(crate) mod closed_form;
mod separable;
mod targets;

use crate::error::Error;
use crate::numeric::matrix::{Matrix, MatrixRef};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level};

use closed_form::ClosedForm;
pub use separable::MAX_DERIVATIVES;
pub use softmax_cross_entropy::SoftmaxCrossEntropy;
pub use targets::{class_of, Target, TargetValues, Targets};
#[cfg(test)]
pub use {
    binary_cross_entropy::BinaryCrossEntropy, cross_entropy::CrossEntropy, poisson::Poisson,
    squared_error::SquaredError,
};

/// A batch that has passed a network.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a, T> {
    /// The pre-activations of the last layer, shape (samples, classes).
    pub scores: MatrixRef<'a, T>,
    /// What the loss makes of them: see [`LossFunction::output`].
    pub outputs: MatrixRef<'a, T>,
    /// What they should have been.
    pub targets: &'a Targets<'a, T>,
}

/// A loss of scores and targets, and its output: what the network answers.
pub trait LossFunction: Copy {
    /// Its name in the Python package.
    const NAME: &'static str;

    /// Whether targets may be labels; dense ones may always be.
    const TAKES_LABELS: bool;

    /// Whether there are scores for which it is not analytic.
    const HAS_KINKS: bool = false;
    /// The loss of that name with the numbers of its formula, if it has such.
    fn from_settings(settings: &[f64]) -> Option<Self>;

    /// Replaces the scores of some samples, row after row of `classes` each, by what the network answers.
    fn output<T: Scalar>(self, scores: &mut [T], classes: usize);

    /// The mean loss of a batch, accumulated in double precision.
    fn mean<T: Scalar>(self, batch: &Scored<'_, T>) -> T;

    /// Replaces outputs by the derivatives of the loss of each sample by its scores, for the samples of a
    /// batch from `first` on.
    fn score_gradients<T: Scalar>(
        self,
        scores: MatrixRef<'_, T>,
        batch: (&Targets<'_, T>, usize),
        outputs: &mut [T],
    );

    /// The losses of one sample for `W` sets of scores, one a lane, inside a
    /// [`Kernel`](crate::numeric::simd::Kernel). The scores are gone then.
    fn lane_losses<L: Level, const W: usize>(
        self,
        scores: &mut [[f64; W]],
        target: Target<'_, f64>,
    ) -> [f64; W];

    /// What is known of the losses of a batch when all its scores are shifted by complex numbers. The
    /// evaluators have no use for a radius larger than `useful`, which may be infinite.
    fn certificate(self, batch: &Scored<'_, f64>, useful: f64) -> LossCertificate;

    /// How far each score of a batch is from where its loss is not analytic, if that is anywhere.
    fn kink_distances(self, _batch: &Scored<'_, f64>) -> Option<Matrix<f64>> {
        None
    }

    /// The closed form of differences of losses, if there is one; `targets` are those of the samples. It is
    /// not used for moves that cross a kink.
    fn closed_form<'a>(
        self,
        _batch: &Scored<'a, f64>,
        _targets: &[Target<'_, f64>],
    ) -> Option<ClosedForm<'a>> {
        None
    }
}

/// What is known of the loss of each sample of a batch.
#[derive(Debug, Clone, Copy)]
pub struct LossCertificate {
    /// Complex shifts of every score by up to this leave the loss (its branch there, where it has kinks)
    /// analytic ...
    pub radius: f64,
    /// ... and move it by at most this.
    pub bound: f64,
    /// The size of a derivative of the loss by a score: errors of quotients are measured by it.
    pub scale: f64,
}

macro_rules! losses {
    ($($module:ident::$function:ident),+ $(,)?) => {
        $(pub(crate) mod $module;)+

        /// A loss, one of those there are.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum Loss {
            $(
                #[doc = concat!("See `", stringify!($module), "`.")]
                $function($module::$function)
            ),+
        }

        $(
            impl From<$module::$function> for Loss {
                fn from(loss: $module::$function) -> Self {
                    Self::$function(loss)
                }
            }
        )+

        impl Loss {
            /// All there are, by the names that the Python package gives them.
            const NAMES: &'static [&'static str] = &[$($module::$function::NAME),+];

            fn named(name: &str, settings: &[f64]) -> Option<Self> {
                $(
                    if name == $module::$function::NAME {
                        if let Some(loss) = $module::$function::from_settings(settings) {
                            return Some(Self::$function(loss));
                        }
                    }
                )+
                None
            }

            fn takes_labels(self) -> bool {
                match self {
                    $(Self::$function(_) => $module::$function::TAKES_LABELS),+
                }
            }

            /// See [`LossFunction::HAS_KINKS`].
            #[must_use]
            pub fn has_kinks(self) -> bool {
                match self {
                    $(Self::$function(_) => <$module::$function as LossFunction>::HAS_KINKS),+
                }
            }

            /// See [`LossFunction::output`].
            pub fn output<T: Scalar>(self, scores: &mut [T], classes: usize) {
                match self {
                    $(Self::$function(loss) => loss.output(scores, classes)),+
                }
            }

            /// See [`LossFunction::mean`].
            #[must_use]
            pub fn mean<T: Scalar>(self, batch: &Scored<'_, T>) -> T {
                match self {
                    $(Self::$function(loss) => loss.mean(batch)),+
                }
            }

            /// Writes the derivative of the loss of each sample by its scores, for the samples of a batch
            /// from `first` on; `scores` and `outputs` are theirs.
            pub fn score_gradients<T: Scalar>(
                self,
                (scores, outputs): (MatrixRef<'_, T>, MatrixRef<'_, T>),
                batch: (&Targets<'_, T>, usize),
                out: &mut [T],
            ) {
                out.copy_from_slice(outputs.data());
                match self {
                    $(Self::$function(loss) => loss.score_gradients(scores, batch, out)),+
                }
            }

            /// See [`LossFunction::lane_losses`].
            pub fn lane_losses<const W: usize>(
                self,
                scores: &mut [[f64; W]],
                target: Target<'_, f64>,
            ) -> [f64; W] {
                match self {
                    $(Self::$function(loss) => dispatch(LaneLosses { loss, scores, target })),+
                }
            }

            /// See [`LossFunction::certificate`].
            #[must_use]
            pub fn certificate(self, batch: &Scored<'_, f64>, useful: f64) -> LossCertificate {
                match self {
                    $(Self::$function(loss) => loss.certificate(batch, useful)),+
                }
            }

            /// See [`LossFunction::kink_distances`].
            #[must_use]
            pub fn kink_distances(self, batch: &Scored<'_, f64>) -> Option<Matrix<f64>> {
                match self {
                    $(Self::$function(loss) => loss.kink_distances(batch)),+
                }
            }

            /// See [`LossFunction::closed_form`].
            #[must_use]
            pub fn closed_form<'a>(
                self,
                batch: &Scored<'a, f64>,
                targets: &[Target<'_, f64>],
            ) -> Option<ClosedForm<'a>> {
                match self {
                    $(Self::$function(loss) => loss.closed_form(batch, targets)),+
                }
            }
        }
    };
}

// Everything that is matched by name.
losses! {
    softmax_cross_entropy::SoftmaxCrossEntropy,
    cross_entropy::CrossEntropy,
    squared_error::SquaredError,
    binary_cross_entropy::BinaryCrossEntropy,
    absolute_error::AbsoluteError,
    huber::Huber,
    pinball::Pinball,
    poisson::Poisson,
}

/// The losses of one loss: functions that evaluate others are compiled once, not once for each.
struct LaneLosses<'a, F, const W: usize> {
    loss: F,
    scores: &'a mut [[f64; W]],
    target: Target<'a, f64>,
}

impl<F: LossFunction, const W: usize> Kernel for LaneLosses<'_, F, W> {
    type Output = [f64; W];

    #[inline(always)]
    fn run<L: Level>(self) -> [f64; W] {
        self.loss.lane_losses::<L, W>(self.scores, self.target)
    }
}

impl Loss {
    /// The loss of that name with the numbers of its formula.
    ///
    /// # Errors
    /// If there is no such loss, or its formula takes other numbers.
    pub fn from_name(name: &str, settings: &[f64]) -> Result<Self, Error> {
        Self::named(name, settings).ok_or_else(|| {
            let known = Self::NAMES.join(", ");
            let wanted = format!("be one of {known} with the numbers of its formula");
            Error::value("loss", wanted, format!("{name} with {settings:?}"))
        })
    }

    /// Checks that there is one target a sample, over the right number of classes.
    ///
    /// # Errors
    /// If not, if a label is not one of `0..classes`, or if the loss takes no labels.
    pub fn check<T: Scalar>(
        self,
        targets: &Targets<'_, T>,
        (samples, classes): (usize, usize),
    ) -> Result<(), Error> {
        targets.check((samples, classes), self.takes_labels())
    }
}
