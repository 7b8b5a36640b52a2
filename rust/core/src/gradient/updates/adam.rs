//! Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015), in the course's form.

use super::{UpdateRule, MAX_STATES};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// `m += (1 - beta1)(g - m); v += (1 - beta2)(g g - v); p -= rate m / (sqrt(v) + epsilon)`, one step of it: the
/// rate changes with the number `t` of the step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// `lr sqrt(1 - beta2^t) / (1 - beta1^t)`.
    pub rate: f64,
    /// `1 - beta1`.
    pub gain: f64,
    /// `1 - beta2`.
    pub square_gain: f64,
    /// Added to the square root.
    pub epsilon: f64,
}

impl UpdateRule for Adam {
    const NAME: &'static str = "adam";
    const STATES: usize = 2;

    fn from_scalars(scalars: &[f64]) -> Option<Self> {
        let [rate, gain, square_gain, epsilon] = *scalars else {
            return None;
        };
        Some(Self { rate, gain, square_gain, epsilon })
    }

    #[inline(always)]
    fn step<T: Scalar, G: Scalar, L: Level>(
        self,
        parameters: &mut [T],
        gradient: &[G],
        [means, squares]: [&mut [T]; MAX_STATES],
    ) {
        let rate = T::from_f64(self.rate);
        let gain = T::from_f64(self.gain);
        let square_gain = T::from_f64(self.square_gain);
        let epsilon = T::from_f64(self.epsilon);
        let parameters = parameters.iter_mut().zip(gradient);
        let means = means.iter_mut().zip(squares);
        for ((p, g), (m, v)) in parameters.zip(means) {
            let g = T::from_f64(g.widen());
            *m += gain * (g - *m);
            *v += square_gain * (g * g - *v);
            *p -= rate * *m / (v.sqrt() + epsilon);
        }
    }
}
