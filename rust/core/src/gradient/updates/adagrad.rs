//! Steps scaled by all gradients so far (Duchi, Hazan and Singer, "Adaptive subgradient methods for online
//! learning and stochastic optimization", 2011), in the course's form.

use super::{UpdateRule, MAX_STATES};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// `h += g g; p -= lr g / (sqrt(h) + epsilon)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaGrad {
    /// The learning rate.
    pub lr: f64,
    /// Added to the square root.
    pub epsilon: f64,
}

impl UpdateRule for AdaGrad {
    const NAME: &'static str = "adagrad";
    const STATES: usize = 1;

    fn from_scalars(scalars: &[f64]) -> Option<Self> {
        let [lr, epsilon] = *scalars else {
            return None;
        };
        Some(Self { lr, epsilon })
    }

    #[inline(always)]
    fn step<T: Scalar, G: Scalar, L: Level>(
        self,
        parameters: &mut [T],
        gradient: &[G],
        [squares, _]: [&mut [T]; MAX_STATES],
    ) {
        let lr = T::from_f64(self.lr);
        let epsilon = T::from_f64(self.epsilon);
        let parameters = parameters.iter_mut().zip(gradient);
        for ((p, g), h) in parameters.zip(squares) {
            let g = T::from_f64(g.widen());
            *h += g * g;
            *p -= lr * g / (h.sqrt() + epsilon);
        }
    }
}
