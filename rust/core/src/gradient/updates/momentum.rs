//! Gradient descent with momentum (Polyak, "Some methods of speeding up the convergence of iteration
//! methods", 1964), in the course's form.

use super::{UpdateRule, MAX_STATES};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// `v = momentum v - lr g; p += v`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Momentum {
    /// The share of the last velocity `v` that stays.
    pub momentum: f64,
    /// The learning rate.
    pub lr: f64,
}

impl UpdateRule for Momentum {
    const NAME: &'static str = "momentum";
    const STATES: usize = 1;

    fn from_scalars(scalars: &[f64]) -> Option<Self> {
        let [momentum, lr] = *scalars else {
            return None;
        };
        Some(Self { momentum, lr })
    }

    #[inline(always)]
    fn step<T: Scalar, G: Scalar, L: Level>(
        self,
        parameters: &mut [T],
        gradient: &[G],
        [velocity, _]: [&mut [T]; MAX_STATES],
    ) {
        let momentum = T::from_f64(self.momentum);
        let lr = T::from_f64(self.lr);
        let parameters = parameters.iter_mut().zip(gradient);
        for ((p, g), v) in parameters.zip(velocity) {
            *v = momentum * *v - lr * T::from_f64(g.widen());
            *p += *v;
        }
    }
}
