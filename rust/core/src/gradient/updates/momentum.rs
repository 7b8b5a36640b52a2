//! Gradient descent with momentum (Polyak, "Some methods of speeding up the convergence of iteration
//! methods", 1964), in the course's form.

use super::{UpdateRule, MAX_STATES};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// `v = momentum v - lr g; p += v`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Momentum {
    /// The learning rate.
    pub lr: f64,
    /// The share of the last step's velocity `v` that stays.
    pub momentum: f64,
}

impl UpdateRule for Momentum {
    const STATES: usize = 1;

    #[inline(always)]
    fn step<T: Scalar, G: Scalar, L: Level>(
        self,
        parameters: &mut [T],
        gradient: &[G],
        [velocity, _]: [&mut [T]; MAX_STATES],
    ) {
        let (lr, momentum) = (T::from_f64(self.lr), T::from_f64(self.momentum));
        let parameters = parameters.iter_mut().zip(gradient);
        for ((p, g), v) in parameters.zip(velocity) {
            *v = momentum * *v - lr * T::from_f64(g.widen());
            *p += *v;
        }
    }
}
