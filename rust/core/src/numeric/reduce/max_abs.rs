//! The largest absolute value of an array, and whether all its numbers are finite.

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level, LANES};

/// The largest absolute value, 0 for none; infinite or NaN where such a value occurs.
#[must_use]
pub fn max_abs<T: Scalar>(values: &[T]) -> T {
    max_abs_of(std::iter::once(values))
}

/// The same of several arrays.
#[must_use]
pub fn max_abs_of<'a, T: Scalar>(arrays: impl Iterator<Item = &'a [T]>) -> T {
    dispatch(MaxAbs(arrays))
}

/// Whether no number is infinite or NaN.
#[must_use]
pub fn all_finite<T: Scalar>(values: &[T]) -> bool {
    // By way of the largest: a loop that ends early is not turned into vector instructions.
    max_abs(values).is_finite()
}

/// Several comparisons are under way at once, as each waits for the last one of its lane.
const WIDTH: usize = 4 * LANES;

struct MaxAbs<I>(I);

impl<'a, T: Scalar, I: Iterator<Item = &'a [T]>> Kernel for MaxAbs<I> {
    type Output = T;

    #[inline(always)]
    fn run<L: Level>(self) -> T {
        let mut lanes = LaneMax {
            largest: [T::zero(); WIDTH],
            zeros: [T::zero(); WIDTH],
        };
        for array in self.0 {
            let (blocks, rest) = array.as_chunks::<WIDTH>();
            for block in blocks {
                lanes.add(block);
            }
            let mut last = [T::zero(); WIDTH];
            last[..rest.len()].copy_from_slice(rest);
            lanes.add(&last);
        }
        lanes.all()
    }
}

/// The largest absolute value in each lane.
struct LaneMax<T> {
    largest: [T; WIDTH],
    /// The sum of all numbers times 0. The comparisons pass over a NaN, but it makes this sum NaN; so does
    /// an infinity, which is then the largest, too.
    zeros: [T; WIDTH],
}

impl<T: Scalar> LaneMax<T> {
    #[inline(always)]
    fn add(&mut self, block: &[T; WIDTH]) {
        for l in 0..WIDTH {
            let size = block[l].abs();
            self.largest[l] = if size > self.largest[l] {
                size
            } else {
                self.largest[l]
            };
            self.zeros[l] += block[l] * T::zero();
        }
    }

    #[inline(always)]
    fn all(&self) -> T {
        let (mut all, mut nan) = (T::zero(), T::zero());
        for l in 0..WIDTH {
            all = if self.largest[l] > all {
                self.largest[l]
            } else {
                all
            };
            nan += self.zeros[l];
        }
        if nan.is_nan() && all.is_finite() {
            nan
        } else {
            all
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_counts() {
        for count in [1, 7, 32, 33, 100] {
            for place in 0..count {
                let mut values = vec![0.5; count];
                values[place] = -2.0;
                assert!(max_abs(&values) >= 2.0 && max_abs(&values) <= 2.0);
                assert!(all_finite(&values));
                for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    values[place] = odd;
                    assert!(!all_finite(&values), "{odd} at {place} of {count}");
                    assert_eq!(max_abs(&values).is_nan(), odd.is_nan());
                }
            }
        }
        assert!(max_abs::<f32>(&[]) <= 0.0);
    }
}
