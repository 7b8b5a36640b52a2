//! Softmax, `exp(a_k) / sum_i exp(a_i)`, shifted by the maximum so that nothing overflows.
//!
//! A NaN or `+inf` makes its whole line NaN, as in the formula.

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level};
use crate::numeric::vecmath::exp;

/// Softmax along the middle axis of an array of shape (outer, `len`, `inner`), in place.
pub fn softmax<T: Scalar>(data: &mut [T], len: usize, inner: usize) {
    if len * inner > 0 {
        dispatch(Softmax { data, len, inner });
    }
}

struct Softmax<'a, T> {
    data: &'a mut [T],
    len: usize,
    inner: usize,
}

impl<T: Scalar> Kernel for Softmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self) {
        let Self { data, len, inner } = self;
        let places = |i: usize| (0..len).map(move |k| i + k * inner);
        for block in data.chunks_exact_mut(len * inner) {
            for i in 0..inner {
                // A NaN is passed over here and comes back through its own exponential.
                let largest = places(i).fold(T::neg_infinity(), |m, at| m.max(block[at]));
                places(i).for_each(|at| block[at] -= largest);
            }
        }
        // Over everything at once, whatever the axis: whole vectors.
        for value in &mut *data {
            *value = exp::<T, L>(*value);
        }
        for block in data.chunks_exact_mut(len * inner) {
            for i in 0..inner {
                let total: T = places(i).map(|at| block[at]).sum();
                places(i).for_each(|at| block[at] /= total);
            }
        }
    }
}

/// Turns `W` sets of scores, one a lane, into unnormalised probabilities, inside a [`Kernel`]:
/// returns what to divide them by.
#[inline(always)]
pub fn softmax_weights<T: Scalar, L: Level, const W: usize>(scores: &mut [[T; W]]) -> [T; W] {
    let mut largest = [T::neg_infinity(); W];
    for class in &*scores {
        for (m, &score) in largest.iter_mut().zip(class) {
            // Written so that a NaN is passed over.
            *m = if score > *m { score } else { *m };
        }
    }
    let mut total = [T::zero(); W];
    for class in scores {
        for l in 0..W {
            class[l] = exp::<T, L>(class[l] - largest[l]);
            total[l] += class[l];
        }
    }
    total
}
