//! What becomes of a gradient: it is written down, or parameters take a step along it at once, while it
//! is near, and nothing of it is kept.

use crate::gradient::updates::sgd::descend;
use crate::network::LayerParametersMut;
use crate::numeric::scalar::Scalar;
use crate::parallel::workspace::with_buffer;

/// Steps of so many numbers at most leave their working space behind.
const SMALL_STEP: usize = 1 << 20;

/// What becomes of some numbers of type `T`.
#[derive(Debug)]
pub enum Goal<'a, T, P = T> {
    /// They are written here.
    Written(&'a mut [T]),
    /// These parameters take a step along them, and the learning rate.
    Step(&'a mut [P], P),
}

impl<T: Scalar, P: Scalar> Goal<'_, T, P> {
    /// How many numbers are wanted.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Written(out) => out.len(),
            Self::Step(own, _) => own.len(),
        }
    }

    /// The same for chunks of `size` numbers.
    #[must_use]
    pub fn chunks(self, size: usize) -> Vec<Self> {
        match self {
            Self::Written(out) => out.chunks_mut(size).map(Self::Written).collect(),
            Self::Step(own, lr) => {
                let chunks = own.chunks_mut(size);
                chunks.map(|own| Self::Step(own, lr)).collect()
            }
        }
    }

    /// Does with the numbers that `find` writes what is to be done. `find` is given room for them, in which
    /// anything may stand.
    pub fn reach(self, find: impl FnOnce(&mut [T])) {
        match self {
            Self::Written(out) => find(out),
            Self::Step(own, lr) => with_buffer(own.len(), own.len() <= SMALL_STEP, |found| {
                find(found);
                descend(own, found, lr);
            }),
        }
    }
}

/// What becomes of the gradient of one layer.
#[derive(Debug)]
pub struct LayerGoals<'a, T, P = T> {
    /// Of its weights.
    pub weights: Goal<'a, T, P>,
    /// Of its bias, if there is one.
    pub bias: Option<Goal<'a, T, P>>,
}

/// A gradient that is written to `places`.
#[must_use]
pub fn written<'a, T, P>(places: &'a mut [LayerParametersMut<'_, T>]) -> Vec<LayerGoals<'a, T, P>> {
    let layers = places.iter_mut().map(|layer| LayerGoals {
        weights: Goal::Written(&mut *layer.weights),
        bias: layer.bias.as_deref_mut().map(Goal::Written),
    });
    layers.collect()
}

/// A step of learning rate `lr` along it by the parameters in `places`.
#[must_use]
pub fn step<'a, T, P: Copy>(
    places: &'a mut [LayerParametersMut<'_, P>],
    lr: P,
) -> Vec<LayerGoals<'a, T, P>> {
    let layers = places.iter_mut().map(|layer| LayerGoals {
        weights: Goal::Step(&mut *layer.weights, lr),
        bias: layer.bias.as_deref_mut().map(|bias| Goal::Step(bias, lr)),
    });
    layers.collect()
}
