//! How far a list of numbers reaches: its largest absolute value, and whether all are finite.

use crate::numeric::scalar::Scalar;
use crate::numeric::simd::{dispatch, Kernel, Level, LANES};

/// The largest absolute value, 0 for none; infinite or NaN where such a value occurs.
#[must_use]
pub fn max_abs<T: Scalar>(values: &[T]) -> T {
    max_abs_of(std::iter::once(values))
}

/// The same of several lists.
#[must_use]
pub fn max_abs_of<'a, T: Scalar>(lists: impl Iterator<Item = &'a [T]>) -> T {
    dispatch(MaxAbs(lists))
}

/// Whether no number is infinite or NaN.
#[must_use]
pub fn all_finite<T: Scalar>(values: &[T]) -> bool {
    // With the largest, for an early end would keep the loop from whole vectors.
    max_abs(values).is_finite()
}

/// As many lanes as keep several comparisons under way at once.
const WIDTH: usize = 4 * LANES;

struct MaxAbs<I>(I);

impl<'a, T: Scalar, I: Iterator<Item = &'a [T]>> Kernel for MaxAbs<I> {
    type Output = T;

    #[inline(always)]
    fn run<L: Level>(self) -> T {
        let mut extent = Extent {
            largest: [T::zero(); WIDTH],
            zeros: [T::zero(); WIDTH],
        };
        for list in self.0 {
            let (blocks, rest) = list.as_chunks::<WIDTH>();
            for block in blocks {
                extent.add(block);
            }
            let mut last = [T::zero(); WIDTH];
            last[..rest.len()].copy_from_slice(rest);
            extent.add(&last);
        }
        extent.all()
    }
}

/// The largest absolute value in each lane.
struct Extent<T> {
    largest: [T; WIDTH],
    /// A NaN is passed over by the comparisons, but makes this sum NaN; so does an infinity, which then is
    /// the largest.
    zeros: [T; WIDTH],
}

impl<T: Scalar> Extent<T> {
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
