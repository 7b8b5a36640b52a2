//! Steps scaled by the gradients of late (Tieleman and Hinton, "Lecture 6.5: rmsprop", 2012), in the
//! course's form.

use super::{UpdateRule, MAX_STATES};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// `h = decay_rate h + (1 - decay_rate) g g; p -= lr g / (sqrt(h) + epsilon)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsProp {
    /// The share of the mean square `h` that stays.
    pub decay_rate: f64,
    /// `1 - decay_rate`.
    pub gain: f64,
    /// The learning rate.
    pub lr: f64,
    /// Added to the square root.
    pub epsilon: f64,
}

impl UpdateRule for RmsProp {
    const NAME: &'static str = "rmsprop";
    const STATES: usize = 1;

    fn from_scalars(scalars: &[f64]) -> Option<Self> {
        let [decay_rate, gain, lr, epsilon] = *scalars else {
            return None;
        };
        Some(Self { decay_rate, gain, lr, epsilon })
    }

    #[inline(always)]
    fn step<T: Scalar, G: Scalar, L: Level>(
        self,
        parameters: &mut [T],
        gradient: &[G],
        [squares, _]: [&mut [T]; MAX_STATES],
    ) {
        let decay_rate = T::from_f64(self.decay_rate);
        let gain = T::from_f64(self.gain);
        let lr = T::from_f64(self.lr);
        let epsilon = T::from_f64(self.epsilon);
        let parameters = parameters.iter_mut().zip(gradient);
        for ((p, g), h) in parameters.zip(squares) {
            let g = T::from_f64(g.widen());
            *h = decay_rate * *h + gain * g * g;
            *p -= lr * g / (h.sqrt() + epsilon);
        }
    }
}
