//! The step of gradient descent.

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level};
use crate::parallel::{for_each_from_both_ends, run, Threads};

/// `parameter -= lr * slope`, each product and each difference rounded.
pub fn descend<T: Scalar, W: Scalar>(parameters: &mut [T], slopes: &[W], lr: T) {
    dispatch(Descend {
        parameters,
        slopes,
        lr,
    });
}

/// What a number takes, in multiplications: it must be fetched.
const WORK: usize = 16;

/// The same of several arrays.
pub fn descend_all<T: Scalar>(arrays: Vec<(&mut [T], &[T])>, lr: T) {
    let count: usize = arrays.iter().map(|(own, _)| own.len()).sum();
    run(WORK * count, |threads| {
        for (own, slopes) in arrays {
            descend_shared(own, slopes, lr, threads);
        }
    });
}

/// The same of an array that is shared, if it is large: its numbers lie in the caches of the threads that
/// computed the slopes, and are soon read by all of them.
pub fn descend_shared<T: Scalar, W: Scalar>(
    parameters: &mut [T],
    slopes: &[W],
    lr: T,
    threads: Threads<'_>,
) {
    let half = parameters.len().div_ceil(2).max(1);
    let threads = threads.limited_by(WORK * parameters.len());
    let halves = parameters.chunks_mut(half).zip(slopes.chunks(half));
    for_each_from_both_ends(threads, halves, |(own, slopes)| descend(own, slopes, lr));
}

struct Descend<'a, T, W> {
    parameters: &'a mut [T],
    slopes: &'a [W],
    lr: T,
}

impl<T: Scalar, W: Scalar> Kernel for Descend<'_, T, W> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        for (parameter, slope) in self.parameters.iter_mut().zip(self.slopes) {
            *parameter -= self.lr * T::from_f64(slope.widen());
        }
    }
}
