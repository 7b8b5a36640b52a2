//! Nesterov's momentum, in the course's form (Bengio, Boulanger-Lewandowski and Pascanu, "Advances in
//! optimizing recurrent networks", 2013).

use super::{UpdateRule, MAX_STATES};
use crate::numeric::scalar::Scalar;
use crate::numeric::simd::Level;

/// `p += momentum momentum v - (1 + momentum) lr g; v = momentum v - lr g`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nesterov {
    /// The share of the last velocity `v` that stays.
    pub momentum: f64,
    /// The learning rate.
    pub lr: f64,
    /// `momentum * momentum`.
    pub squared_momentum: f64,
    /// `(1 + momentum) * lr`.
    pub lookahead_lr: f64,
}

impl UpdateRule for Nesterov {
    const NAME: &'static str = "nesterov";
    const STATES: usize = 1;

    fn from_scalars(scalars: &[f64]) -> Option<Self> {
        let [momentum, lr, squared_momentum, lookahead_lr] = *scalars else {
            return None;
        };
        Some(Self { momentum, lr, squared_momentum, lookahead_lr })
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
        let squared_momentum = T::from_f64(self.squared_momentum);
        let lookahead_lr = T::from_f64(self.lookahead_lr);
        let parameters = parameters.iter_mut().zip(gradient);
        for ((p, g), v) in parameters.zip(velocity) {
            let g = T::from_f64(g.widen());
            *p += squared_momentum * *v - lookahead_lr * g;
            *v = momentum * *v - lr * g;
        }
    }
}
