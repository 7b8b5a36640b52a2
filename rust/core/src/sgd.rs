//! The step of gradient descent.

use crate::scalar::Scalar;
use crate::simd::{dispatch, Kernel, Level};

/// `parameter -= lr * slope`, each product and each difference rounded.
pub fn descend<T: Scalar, W: Scalar>(parameters: &mut [T], slopes: &[W], lr: T) {
    dispatch(Descend {
        parameters,
        slopes,
        lr,
    });
}

struct Descend<'a, T, W> {
    parameters: &'a mut [T],
    slopes: &'a [W],
    lr: T,
}

impl<T: Scalar, W: Scalar> Kernel for Descend<'_, T, W> {
    type Output = ();

    #[inline(always)]
    fn run<R: Level>(self) {
        for (parameter, slope) in self.parameters.iter_mut().zip(self.slopes) {
            *parameter -= self.lr * T::from_f64(slope.widen());
        }
    }
}
