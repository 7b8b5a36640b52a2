//! The steps that optimizers take along a gradient: one file each, and one line in the list below.

use crate::error::Error;
use crate::network::parameters::{Parameters, PerLayer};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level};
use crate::parallel::{for_each_from_both_ends, run, Threads};

/// The most numbers an optimizer keeps of each parameter.
pub const MAX_STATES: usize = 2;

/// How an optimizer moves parameters along their gradient.
pub trait UpdateRule: Copy {
    /// Its name in the Python package.
    const NAME: &'static str;
    /// How many numbers it keeps of each parameter, zero at first.
    const STATES: usize;

    /// One step of it by the scalars of its formula, if there are as many as it has.
    fn from_scalars(scalars: &[f64]) -> Option<Self>;

    /// The same step of a bias.
    #[must_use]
    fn for_bias(self) -> Self {
        self
    }

    /// Takes one step, inside a [`Kernel`]: `gradient` and the first [`STATES`](Self::STATES) of `states`
    /// are as long as `parameters`.
    ///
    /// Each operation is rounded to the type of the parameters, as `NumPy` rounds it: a step by the core is
    /// a step by the optimizer's `update`, bit for bit.
    fn step<T: Scalar, G: Scalar, L: Level>(
        self,
        parameters: &mut [T],
        gradient: &[G],
        states: [&mut [T]; MAX_STATES],
    );
}

/// Declares the optimizers: the name of each, and its file.
macro_rules! updates {
    ($($name:ident in $file:ident,)+) => {
        $(mod $file; pub use $file::$name;)+

        /// One step of an optimizer.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum Update {
            $(#[doc = concat!("See [`", stringify!($name), "`].")] $name($name),)+
        }

        impl Update {
            /// One step of the optimizer of that name, by the scalars of its formula.
            ///
            /// # Errors
            /// If there is no such optimizer, or it has another number of scalars.
            pub fn from_scalars(name: &str, scalars: &[f64]) -> Result<Self, Error> {
                let step = match name {
                    $($name::NAME => $name::from_scalars(scalars).map(Self::$name),)+
                    _ => {
                        let known = [$($name::NAME),+].join(", ");
                        return Err(Error::value("optimizer", format!("be one of {known}"), name));
                    }
                };
                let got = || format!("{} scalars", scalars.len());
                step.ok_or_else(|| Error::value("scalars", format!("fit the formula of {name}"), got()))
            }

            /// The same step of a bias.
            #[must_use]
            pub fn for_bias(self) -> Self {
                match self {
                    $(Self::$name(rule) => Self::$name(rule.for_bias()),)+
                }
            }

            /// How many numbers it keeps of each parameter, zero at first.
            #[must_use]
            pub fn states(self) -> usize {
                match self {
                    $(Self::$name(_) => $name::STATES,)+
                }
            }
        }

        impl<T: Scalar, G: Scalar> Kernel for StepAlong<'_, T, G> {
            type Output = ();

            #[inline(always)]
            fn run<L: Level>(self) {
                let StepMut { parameters, states, update, .. } = self.step;
                match update {
                    $(Update::$name(rule) => {
                        rule.step::<T, G, L>(parameters, self.gradient, states);
                    })+
                }
            }
        }
    };
}

updates! {
    Sgd in sgd,
    Momentum in momentum,
    Nesterov in nesterov,
    AdaGrad in adagrad,
    RmsProp in rmsprop,
    Adam in adam,
    AdamW in adamw,
}

/// Parameters that are about to take a step, and what the optimizer keeps of each.
#[derive(Debug)]
pub struct StepMut<'a, T> {
    /// The parameters.
    pub parameters: &'a mut [T],
    /// As many numbers each, as far as the optimizer keeps any; the rest is empty.
    pub states: [&'a mut [T]; MAX_STATES],
    /// The optimizer.
    pub update: Update,
    /// What the loss weighs the squares of these parameters by, twice.
    pub weight_decay: f64,
}

struct StepAlong<'a, T, G> {
    step: StepMut<'a, T>,
    gradient: &'a [G],
}

/// What a number takes, in multiplications: it must be fetched.
const FLOPS: usize = 16;

impl<T: Scalar> StepMut<'_, T> {
    /// The same step, to be taken while this one waits.
    #[must_use]
    pub fn reborrow(&mut self) -> StepMut<'_, T> {
        StepMut {
            parameters: &mut *self.parameters,
            states: self.states.each_mut().map(|state| &mut **state),
            update: self.update,
            weight_decay: self.weight_decay,
        }
    }

    /// The first `count` parameters, and the rest.
    #[must_use]
    pub fn split_at(self, count: usize) -> (Self, Self) {
        let Self {
            parameters,
            states,
            update,
            weight_decay,
        } = self;
        let (head, tail) = parameters.split_at_mut(count);
        let (mut heads, mut tails) = (
            <[&mut [T]; MAX_STATES]>::default(),
            <[&mut [T]; MAX_STATES]>::default(),
        );
        for (state, (head, tail)) in states.into_iter().zip(heads.iter_mut().zip(&mut tails)) {
            (*head, *tail) = state.split_at_mut(count.min(state.len()));
        }
        let part = |parameters, states| Self {
            parameters,
            states,
            update,
            weight_decay,
        };
        (part(head, heads), part(tail, tails))
    }

    /// Takes the step.
    pub fn along<G: Scalar>(self, gradient: &[G]) {
        debug_assert_eq!(self.parameters.len(), gradient.len());
        dispatch(StepAlong {
            step: self,
            gradient,
        });
    }

    /// Takes the step, shared by threads if it is long.
    fn along_shared<G: Scalar>(self, gradient: &[G], threads: Threads<'_>) {
        let half = self.parameters.len().div_ceil(2);
        let threads = threads.limited_by(FLOPS * gradient.len());
        let (head, tail) = self.split_at(half);
        let (first, second) = gradient.split_at(half);
        let halves = [(head, first), (tail, second)];
        for_each_from_both_ends(threads, halves.into_iter(), |(step, gradient)| {
            step.along(gradient);
        });
    }
}

/// A step of all `parameters`, the weights decayed by the loss; `states` holds as many numbers of each as the
/// optimizer keeps.
#[must_use]
pub fn steps<'a, T: Scalar>(
    parameters: &'a mut Parameters<T>,
    states: &'a mut [Parameters<T>],
    (update, weight_decay): (Update, f64),
) -> PerLayer<StepMut<'a, T>> {
    let mut steps = parameters.as_mut().map(|parameters| StepMut {
        parameters,
        states: <[&mut [T]; MAX_STATES]>::default(),
        update,
        weight_decay,
    });
    for bias in steps
        .layers
        .iter_mut()
        .filter_map(|layer| layer.bias.as_mut())
    {
        bias.update = update.for_bias();
        bias.weight_decay = 0.0;
    }
    for (i, state) in states.iter_mut().enumerate() {
        for (step, state) in steps.each_mut().zip(state.as_mut()) {
            step.states[i] = state;
        }
    }
    steps
}

/// Takes a step with each of several arrays, along the gradient beside it.
pub fn step_all<T: Scalar>(arrays: Vec<(StepMut<'_, T>, &[T])>) {
    let count: usize = arrays.iter().map(|(_, gradient)| gradient.len()).sum();
    run(FLOPS * count, |threads| {
        for (step, gradient) in arrays {
            step.along_shared(gradient, threads);
        }
    });
}
