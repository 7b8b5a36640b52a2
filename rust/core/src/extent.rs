//! How far a list of numbers reaches: its largest absolute value, and whether all are finite.

use crate::scalar::Scalar;
use crate::simd::{dispatch, Kernel, Level, LANES};

/// The largest absolute value, 0 for none, NaN where one occurs.
#[must_use]
pub fn max_abs<T: Scalar>(values: &[T]) -> T {
    dispatch(MaxAbs(values))
}

/// Whether no number is infinite or NaN.
#[must_use]
pub fn is_finite<T: Scalar>(values: &[T]) -> bool {
    // With the largest, for an early end would keep the loop from whole vectors.
    max_abs(values).is_finite()
}

struct MaxAbs<'a, T>(&'a [T]);

impl<T: Scalar> Kernel for MaxAbs<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<R: Level>(self) -> T {
        // As many lanes as keep several comparisons under way at once.
        const WIDTH: usize = 4 * LANES;
        let (blocks, rest) = self.0.as_chunks::<WIDTH>();
        let mut largest = [T::zero(); WIDTH];
        // A NaN is passed over by the comparisons, but makes this sum NaN; so does an infinity,
        // which then is the largest.
        let mut zeros = [T::zero(); WIDTH];
        for block in blocks {
            for l in 0..WIDTH {
                let size = block[l].abs();
                largest[l] = if size > largest[l] { size } else { largest[l] };
                zeros[l] += block[l] * T::zero();
            }
        }
        let mut all = T::zero();
        let mut nan = T::zero();
        for l in 0..WIDTH {
            all = if largest[l] > all { largest[l] } else { all };
            nan += zeros[l];
        }
        for &value in rest {
            all = if value.abs() > all { value.abs() } else { all };
            nan += value * T::zero();
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
                assert!(is_finite(&values));
                for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    values[place] = odd;
                    assert!(!is_finite(&values), "{odd} at {place} of {count}");
                    assert_eq!(max_abs(&values).is_nan(), odd.is_nan());
                }
            }
        }
        assert!(max_abs::<f32>(&[]) <= 0.0);
    }
}
