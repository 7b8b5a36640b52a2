//! The sum of squares, in double precision.

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level, LANES};

/// How many sums are under way at once, so that no addition waits for the last.
const WIDTH: usize = 4 * LANES;

/// The sum of the squares of `values`, always added up in the same order.
#[must_use]
pub fn sum_of_squares<T: Scalar>(values: &[T]) -> f64 {
    dispatch(SumOfSquares(values))
}

struct SumOfSquares<'a, T>(&'a [T]);

impl<T: Scalar> Kernel for SumOfSquares<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Level>(self) -> f64 {
        let (blocks, rest) = self.0.as_chunks::<WIDTH>();
        let mut last = [T::zero(); WIDTH];
        last[..rest.len()].copy_from_slice(rest);
        let mut sums = [0.0; WIDTH];
        for block in blocks.iter().chain(std::iter::once(&last)) {
            for l in 0..WIDTH {
                let value = block[l].widen();
                sums[l] += value * value;
            }
        }
        sums.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_counts_once() {
        for count in [0, 1, 31, 32, 33, 100] {
            let values: Vec<f32> = (1_u8..).take(count).map(f32::from).collect();
            let n = count as f64;
            let wanted = n * (n + 1.0) * (2.0 * n + 1.0) / 6.0;
            assert!((sum_of_squares(&values) - wanted).abs() < 1e-9);
        }
    }
}
