//! The step of gradient descent.

use crate::parallel::{for_chunks, run, Threads};
use crate::scalar::Scalar;
use crate::simd::{dispatch, Kernel, Level};

/// What a step takes for each number, in multiplications: it does little with it, but must fetch it.
const WORK: usize = 8;

/// `parameter -= lr * slope` for all `parameters` and the slopes beside them, each product and each
/// difference rounded.
pub fn descend<T: Scalar>(parameters: &mut [&mut [T]], slopes: &[&[T]], lr: f64) {
    let count: usize = parameters.iter().map(|own| own.len()).sum();
    run(WORK * count, |threads| {
        for (parameters, slopes) in parameters.iter_mut().zip(slopes) {
            step(parameters, slopes, T::from_f64(lr), threads);
        }
    });
}

/// The same of one array.
pub fn step<T: Scalar, W: Scalar>(parameters: &mut [T], slopes: &[W], lr: T, threads: Threads<'_>) {
    let threads = threads.worth(WORK * parameters.len());
    let block = parameters.len().div_ceil(2).max(1);
    for_chunks(threads, parameters, block, |b, parameters| {
        dispatch(Step {
            parameters,
            slopes: &slopes[b * block..],
            lr,
        });
    });
}

struct Step<'a, T, W> {
    parameters: &'a mut [T],
    slopes: &'a [W],
    lr: T,
}

impl<T: Scalar, W: Scalar> Kernel for Step<'_, T, W> {
    type Output = ();

    #[inline(always)]
    fn run<R: Level>(self) {
        for (parameter, slope) in self.parameters.iter_mut().zip(self.slopes) {
            *parameter -= self.lr * T::from_f64(slope.widen());
        }
    }
}
