//! Where a gradient goes: it is written down, or parameters take a step along it while it is near, and
//! nothing of it is kept.

use crate::gradient::updates::StepMut;
use crate::network::parameters::{ParametersMut, PerLayer};
use crate::numeric::scalar::Scalar;
use crate::parallel::workspace::with_buffer;

/// What becomes of some numbers of a gradient, of type `T`.
#[derive(Debug)]
pub enum GradientSink<'a, T, P = T> {
    /// They are written here.
    Write(&'a mut [T]),
    /// These parameters take a step along them.
    Step(StepMut<'a, P>),
}

impl<T: Scalar, P: Scalar> GradientSink<'_, T, P> {
    /// How many numbers it takes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Write(out) => out.len(),
            Self::Step(step) => step.parameters.len(),
        }
    }

    /// What takes the first `count` numbers, and what takes the rest.
    #[must_use]
    pub fn split_at(self, count: usize) -> (Self, Self) {
        match self {
            Self::Write(out) => {
                let (head, tail) = out.split_at_mut(count);
                (Self::Write(head), Self::Write(tail))
            }
            Self::Step(step) => {
                let (head, tail) = step.split_at(count);
                (Self::Step(head), Self::Step(tail))
            }
        }
    }

    /// What takes `size` numbers each, and at last the rest.
    pub fn chunks(self, size: usize) -> impl Iterator<Item = Self> {
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let sink = rest.take()?;
            if sink.len() <= size {
                return Some(sink);
            }
            let (head, tail) = sink.split_at(size);
            rest = Some(tail);
            Some(head)
        })
    }

    /// Takes the numbers that `find` writes to the slice it is given, in which anything may stand.
    pub fn consume(self, find: impl FnOnce(&mut [T])) {
        match self {
            Self::Write(out) => find(out),
            Self::Step(step) => {
                let len = step.parameters.len();
                with_buffer(len, |gradient| {
                    find(gradient);
                    step.along(gradient);
                });
            }
        }
    }
}

/// Sinks that write a gradient to `out`.
#[must_use]
pub fn write_to<'a, T: Scalar, P>(
    out: &'a mut ParametersMut<'_, T>,
) -> PerLayer<GradientSink<'a, T, P>> {
    out.each_mut().map(|out| GradientSink::Write(out))
}
