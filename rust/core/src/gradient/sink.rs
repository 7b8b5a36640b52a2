//! Where a gradient goes: it is written down, or parameters take a step along it while it is near, and
//! nothing of it is kept.

use crate::gradient::updates::StepMut;
use crate::network::parameters::{ParametersMut, PerLayer};
use crate::network::Network;
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level};
use crate::parallel::workspace::with_buffer;

/// What becomes of some numbers of a gradient, of type `T`.
#[derive(Debug)]
pub enum GradientSink<'a, T, P = T> {
    /// They are written.
    Write(WriteMut<'a, T>),
    /// These parameters take a step along them.
    Step(StepMut<'a, P>),
}

/// Where numbers of a gradient are written.
#[derive(Debug)]
pub struct WriteMut<'a, T> {
    out: &'a mut [T],
    /// The weights whose gradient it is, if they are decayed, and by what; else none.
    weights: &'a [T],
    weight_decay: f64,
}

impl<'a, T: Scalar> WriteMut<'a, T> {
    /// Here.
    #[must_use]
    pub fn to(out: &'a mut [T]) -> Self {
        Self {
            out,
            weights: &[],
            weight_decay: 0.0,
        }
    }

    fn split_at(self, count: usize) -> (Self, Self) {
        let (out, out_tail) = self.out.split_at_mut(count);
        let (weights, tail) = self.weights.split_at(count.min(self.weights.len()));
        let part = |out, weights| Self {
            out,
            weights,
            ..self
        };
        (part(out, weights), part(out_tail, tail))
    }
}

/// Adds to the gradient of weights what their decay has in it.
fn add_decay<T: Scalar, P: Scalar>(gradient: &mut [T], weights: &[P], weight_decay: f64) {
    if weight_decay > 0.0 {
        let weight_decay = T::from_f64(weight_decay);
        dispatch(AddDecay {
            gradient,
            weights,
            weight_decay,
        });
    }
}

struct AddDecay<'a, T, P> {
    gradient: &'a mut [T],
    weights: &'a [P],
    weight_decay: T,
}

impl<T: Scalar, P: Scalar> Kernel for AddDecay<'_, T, P> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        for (g, w) in self.gradient.iter_mut().zip(self.weights) {
            *g += self.weight_decay * T::from_f64(w.widen());
        }
    }
}

impl<T: Scalar, P: Scalar> GradientSink<'_, T, P> {
    /// How many numbers it takes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Write(write) => write.out.len(),
            Self::Step(step) => step.parameters.len(),
        }
    }

    /// What takes the first `count` numbers, and what takes the rest.
    #[must_use]
    pub fn split_at(self, count: usize) -> (Self, Self) {
        match self {
            Self::Write(write) => {
                let (head, tail) = write.split_at(count);
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
            Self::Write(write) => {
                find(write.out);
                add_decay(write.out, write.weights, write.weight_decay);
            }
            Self::Step(step) => {
                let len = step.parameters.len();
                with_buffer(len, |gradient| {
                    find(gradient);
                    add_decay(gradient, step.parameters, step.weight_decay);
                    step.along(gradient);
                });
            }
        }
    }
}

/// Sinks that write the gradient of `network` to `out`.
#[must_use]
pub fn write_to<'a, T: Scalar, P>(
    network: &Network<'a, T>,
    out: &'a mut ParametersMut<'_, T>,
) -> PerLayer<GradientSink<'a, T, P>> {
    let mut writes = out.each_mut().map(|out| WriteMut::to(out));
    if network.weight_decay() > 0.0 {
        for (write, layer) in writes.layers.iter_mut().zip(network.layers()) {
            write.weights.weights = layer.weights.data();
            write.weights.weight_decay = network.weight_decay();
        }
    }
    writes.map(GradientSink::Write)
}
