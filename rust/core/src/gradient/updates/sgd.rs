//! Gradient descent.

use super::{UpdateRule, MAX_STATES};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// `p -= lr g`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// The learning rate.
    pub lr: f64,
}

impl UpdateRule for Sgd {
    const NAME: &'static str = "sgd";
    const STATES: usize = 0;

    fn from_scalars(scalars: &[f64]) -> Option<Self> {
        let [lr] = *scalars else {
            return None;
        };
        Some(Self { lr })
    }

    #[inline(always)]
    fn step<T: Scalar, G: Scalar, L: Level>(
        self,
        parameters: &mut [T],
        gradient: &[G],
        _: [&mut [T]; MAX_STATES],
    ) {
        let lr = T::from_f64(self.lr);
        for (p, g) in parameters.iter_mut().zip(gradient) {
            *p -= lr * T::from_f64(g.widen());
        }
    }
}
