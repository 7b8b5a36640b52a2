//! Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019).

use super::{Adam, UpdateRule, MAX_STATES};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// [`Adam`], after the weights have shrunk by `p -= decay p`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// `lr sqrt(1 - beta2^t) / (1 - beta1^t)`.
    pub rate: f64,
    /// `1 - beta1`.
    pub gain: f64,
    /// `1 - beta2`.
    pub square_gain: f64,
    /// Added to the square root.
    pub epsilon: f64,
    /// `lr * weight_decay`; zero for biases.
    pub decay: f64,
}

impl UpdateRule for AdamW {
    const NAME: &'static str = "adamw";
    const STATES: usize = 2;

    fn from_scalars(scalars: &[f64]) -> Option<Self> {
        let [rate, gain, square_gain, epsilon, decay] = *scalars else {
            return None;
        };
        Some(Self { rate, gain, square_gain, epsilon, decay })
    }

    fn for_bias(self) -> Self {
        Self { decay: 0.0, ..self }
    }

    #[inline(always)]
    fn step<T: Scalar, G: Scalar, L: Level>(
        self,
        parameters: &mut [T],
        gradient: &[G],
        states: [&mut [T]; MAX_STATES],
    ) {
        if self.decay > 0.0 {
            let decay = T::from_f64(self.decay);
            for p in parameters.iter_mut() {
                *p -= decay * *p;
            }
        }
        let adam = Adam {
            rate: self.rate,
            gain: self.gain,
            square_gain: self.square_gain,
            epsilon: self.epsilon,
        };
        adam.step::<T, G, L>(parameters, gradient, states);
    }
}
